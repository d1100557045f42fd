"""Unknown masses: the rebuilt spectrum against pyteomics, and the bookkeeping of gaps."""

import numpy as np
import pytest
from pyteomics import mass

from data.chemistry import WATER, neutral_mass, precursor_mz
from data.masking import mask
from data.peaks import PeakBatch
from data.vocabulary import GAP, MAX_GAP_MASS, PAD, STOP, VOCABULARY

PEPTIDES = ("PEPTLDEK", "SAMPLER", "VELVETGK", "LGEYGFQNALLVR")
PROTON = mass.nist_mass["H+"][0][0]


def ladders() -> tuple[PeakBatch, np.ndarray]:
    """Complete b and y ladders, made by pyteomics."""
    width = max(map(len, PEPTIDES)) + 1
    tokens = np.full((len(PEPTIDES), width), PAD)
    mz = np.full((len(PEPTIDES), 2 * width), np.inf)
    intensity = np.zeros(mz.shape, np.float32)
    for row, peptide in enumerate(PEPTIDES):
        ids = [*VOCABULARY.encode(peptide), STOP]
        tokens[row, : len(ids)] = ids
        cuts = range(1, len(peptide))
        peaks = [mass.fast_mass(peptide[:cut], ion_type="b", charge=1) for cut in cuts]
        peaks += [mass.fast_mass(peptide[cut:], ion_type="y", charge=1) for cut in cuts]
        mz[row, : len(peaks)] = np.sort(peaks)
        intensity[row, : len(peaks)] = 1.0
    precursor = np.array([mass.fast_mass(peptide, charge=2) for peptide in PEPTIDES])
    return PeakBatch(mz, intensity, precursor, np.full(len(PEPTIDES), 2)), tokens


def masked(share: float = 1.0, seed: int = 0):
    peaks, tokens = ladders()
    return peaks, tokens, mask(peaks, tokens, share, np.random.default_rng(seed))


def test_no_share_changes_nothing():
    peaks, tokens, found = masked(0.0)
    assert np.array_equal(found.tokens, tokens) and found.peaks is peaks


@pytest.mark.parametrize("seed", range(30))
def test_every_peak_is_an_ion_of_the_peptide_with_its_gap(seed):
    _, _, found = masked(seed=seed)
    for row in range(len(PEPTIDES)):
        length = int((found.tokens[row] > STOP).sum())
        weights = (VOCABULARY.masses[found.tokens[row]] + found.gap_mass[row])[:length]
        total = weights.sum() + WATER
        assert neutral_mass(found.peaks.precursor_mz[row], 2) == pytest.approx(total, abs=1e-3)
        ions = [weights[:cut].sum() + PROTON for cut in range(1, length)]
        ions += [total - weights[:cut].sum() + PROTON for cut in range(1, length)]
        seen = found.peaks.mz[row][np.isfinite(found.peaks.mz[row])]
        assert len(seen) == len(ions)
        assert np.allclose(np.sort(seen), np.sort(ions), atol=2e-3)


def test_gaps_weigh_what_no_residue_weighs_or_what_a_stretch_does():
    shifted = stretched = 0
    for seed in range(60):
        _, tokens, found = masked(seed=seed)
        for row in range(len(tokens)):
            gaps = found.tokens[row] == GAP
            assert gaps.sum() <= 1
            assert (found.gap_mass[row][~gaps] == 0).all()
            if not gaps.any():
                continue
            weight = found.gap_mass[row][gaps][0]
            assert 0 < weight <= MAX_GAP_MASS
            if (found.tokens[row] > STOP).sum() == (tokens[row] > STOP).sum():
                shifted += 1
                assert np.abs(VOCABULARY.masses - weight).min() >= 0.05
            else:
                stretched += 1
    assert min(shifted, stretched) > 40


def test_precursor_mz_of_an_untouched_row_stays():
    peaks, _, found = masked(0.3, seed=4)
    untouched = ~(found.tokens == GAP).any(1)
    assert untouched.any()
    assert np.allclose(found.peaks.precursor_mz[untouched], peaks.precursor_mz[untouched], atol=1e-9)
    assert precursor_mz(neutral_mass(500.0, 2), 2) == pytest.approx(500.0)
