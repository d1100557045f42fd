"""Measured spectra made those of other peptides: against pyteomics' masses."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyteomics import mass

from benchmarks.exchanged import exchanged, other_peptide
from data.batches import SpectrumSet
from data.schema import Spectrum
from data.vocabulary import STOP, VOCABULARY
from model.expected_heights import ExpectedHeights

FOREIGN = [150.01, 333.333, 871.777]
UNTOUCHED = set("KRHPCW")


def letters_of(tokens: np.ndarray) -> str:
    return VOCABULARY.decode(tokens[tokens > STOP])


def ions_of(sequence: str, charges: tuple[int, ...] = (1, 2)) -> list[float]:
    parts = [("b", sequence[:place]) for place in range(1, len(sequence))]
    parts += [("y", sequence[place:]) for place in range(1, len(sequence))]
    return [mass.fast_mass(part, ion_type=ion, charge=charge) for ion, part in parts for charge in charges]


def spectrum_of(sequence: str, charge: int) -> Spectrum:
    others = [
        mass.fast_mass(sequence[2:5], ion_type="b", charge=1),
        mass.fast_mass(sequence[11], ion_type="a", charge=1),
    ]
    mz = np.sort([*ions_of(sequence), *others, *FOREIGN])
    precursor = mass.fast_mass(sequence, charge=charge)
    return Spectrum("made:0", precursor, charge, mz, np.linspace(0.2, 1.0, len(mz), dtype=np.float32), sequence)


def test_peaks_move_with_the_residues_that_they_hold() -> None:
    sequence = "AELVGHSPQFTYDNK"
    spectra, rng = SpectrumSet.from_spectra([spectrum_of(sequence, 3)]), np.random.default_rng(3)
    for _ in range(5):
        found = exchanged(spectra, ExpectedHeights(VOCABULARY), rng)
        other = letters_of(found.tokens[0])
        assert other != sequence and len(other) == len(sequence)
        ((mz, intensity),) = found.peaks.to_lists()
        assert len(mz) == len(spectra.peaks.to_lists()[0][0])
        assert (np.diff(mz) >= 0).all() and intensity.max() == 1.0 and (intensity > 0).all()
        internal = mass.fast_mass(other[2:5], ion_type="b", charge=1)
        immonium = mass.fast_mass(other[11], ion_type="a", charge=1)
        wanted = np.sort([*ions_of(other), internal, immonium, *FOREIGN])
        np.testing.assert_allclose(mz, wanted, atol=1e-3)
        np.testing.assert_allclose(found.peaks.precursor_mz, mass.fast_mass(other, charge=3), atol=1e-4)


def test_heights_follow_the_prediction_within_a_factor_and_others_stay() -> None:
    spectra = SpectrumSet.from_spectra([spectrum_of("AELVGHSPQFTYDNK", 2)])
    before = dict(zip(np.round(FOREIGN, 3), intensities_at(spectra, FOREIGN), strict=True))
    found = exchanged(spectra, ExpectedHeights(VOCABULARY), np.random.default_rng(1))
    after = dict(zip(np.round(FOREIGN, 3), intensities_at(found, FOREIGN), strict=True))
    scale = {after[place] / before[place] for place in before}
    assert np.ptp(list(scale)) < 1e-3 * max(scale)  # the highest peak is 1 again
    factors = np.sort(found.peaks.intensity[0])[[0, -1]] / np.sort(spectra.peaks.intensity[0])[[0, -1]]
    assert factors.max() / min(scale) < 3.01 and factors.min() / max(scale) > 0.33


def intensities_at(spectra: SpectrumSet, mz: list[float]) -> list[float]:
    return [float(spectra.peaks.intensity[0, np.abs(spectra.peaks.mz[0] - at).argmin()]) for at in mz]


@given(st.text(alphabet="GASTVLDENQFYMKRHPCW", min_size=5, max_size=20), st.integers(0, 1000))
def test_residues_that_hold_charge_or_break_otherwise_stay(sequence: str, seed: int) -> None:
    own = np.array(VOCABULARY.encode(sequence))
    other = VOCABULARY.decode(other_peptide(own, np.random.default_rng(seed)))
    assert len(other) == len(sequence)
    moved = [place for place, (a, b) in enumerate(zip(sequence, other, strict=True)) if {a, b} & UNTOUCHED and a != b]
    assert not moved or (len(moved) <= 2 and max(moved) - min(moved) <= 1)  # two neighbours changed places
    assert other[0] == sequence[0] or sequence[0] not in UNTOUCHED
    assert other[-1] == sequence[-1] or sequence[-1] not in UNTOUCHED
    assert sorted(set(other) & UNTOUCHED) == sorted(set(sequence) & UNTOUCHED)
