"""The match score: ions by pyteomics, what stands beside a peptide changes nothing, right peptides above wrong ones."""

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.chemistry import ION_SERIES
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.readers import read_spectra
from data.schema import Spectrum
from data.settings import PreprocessingSettings
from data.vocabulary import PAD, VOCABULARY
from model.evidence import MassEvidence
from model.match_score import INTERNAL, POSTERIOR, SLOT_FEATURES, WHOLE_FEATURES, MatchScore, fitted_match_score
from model.path_score import fitted_path_score
from model.settings import NetworkSettings
from model.spectra import to_spectra

EVIDENCE = MassEvidence(NetworkSettings(spectrum_graph=True, start="spectrum graph"), VOCABULARY)
SLOTS = 14


def tokens_of(*peptides):
    ids = [VOCABULARY.encode(peptide) if peptide else [] for peptide in peptides]
    return torch.tensor([[*numbers, *[PAD] * (SLOTS - len(numbers))] for numbers in ids])[None]


def index_of(spectra):
    settings = PreprocessingSettings()
    read = to_spectra(preprocess(PeakBatch.from_spectra(spectra), settings), settings.max_peaks, "cpu")
    return EVIDENCE.index(read.mz, read.intensity, read.precursor_mz, read.charge)


def features_of(spectra, tokens):
    index = index_of(spectra)
    path = fitted_path_score(VOCABULARY)
    by_slot = path.of_peptides(path.gains(EVIDENCE, index), EVIDENCE, tokens)
    return fitted_match_score(VOCABULARY).features(EVIDENCE, index, by_slot, tokens)


def spectrum(sequence, charge, peaks):
    mz, intensity = np.array(sorted(peaks)).T
    precursor = mass.fast_mass(sequence, charge=charge)
    return Spectrum("s", precursor, charge, mz, intensity.astype(np.float32), peptidoform=sequence)


def test_ions_of_a_cleavage_and_how_far_off_they_are_by_pyteomics():
    b2 = mass.fast_mass("PE", ion_type="b", charge=1) * (1 + 5e-6)
    y3 = mass.fast_mass("PTK", ion_type="y", charge=1) * (1 + 9e-6)
    y3_less_water = mass.fast_mass("PTK", ion_type="y", charge=1) - mass.calculate_mass(formula="H2O")
    a_little = mass.fast_mass("K", ion_type="y", charge=1) - 60
    seen = spectrum("PEPTK", 2, [(b2, 1.0), (y3, 1.0), (y3_less_water, 0.25), (a_little, 0.25)])
    slot, whole = features_of([seen], tokens_of("PEPTK", "EPPTK"))
    assert slot.shape == (1, 2, SLOTS, SLOT_FEATURES) and whole.shape == (1, 2, WHOLE_FEATURES)
    count = len(ION_SERIES)
    behind_e = slot[0, 0, 1]
    assert behind_e[:count].tolist() == pytest.approx([1, 1, 0, 0])
    # four peaks tell nothing of how accurate they are: the least tolerance of the network, 0.01 Da here, is theirs
    off = np.array([b2 * 5e-6, y3 * 9e-6]) / 0.01
    assert behind_e[count : 2 * count].tolist() == pytest.approx([*off, 0, 0], abs=0.01)
    assert behind_e[2 * count : 3 * count].tolist() == pytest.approx([*(off - off.mean()), 0, 0], abs=0.01)
    losses = behind_e[10 * count : 10 * count + 5]
    assert losses.tolist() == pytest.approx([0, 0, 0, 0.5, 0])  # heights are roots of intensities
    assert whole[0, 0, 0] == pytest.approx(1 / 4)  # one cleavage of four
    assert whole[0, 0, 2] == pytest.approx(2 / 3)  # of the roots 1, 1, 1/2 and 1/2
    torch.testing.assert_close(slot[0, 0, 1, : 3 * count], slot[0, 1, 1, : 3 * count])  # the same cleavage


def test_immonium_ions_are_seen_with_their_residue():
    phenylalanine = 120.0808  # Falick et al. 1993, J. Am. Soc. Mass Spectrom. 4:882, table 1
    seen = spectrum("AFGK", 2, [(phenylalanine, 1.0), (mass.fast_mass("AF", ion_type="b", charge=1), 0.5)])
    slot, _ = features_of([seen], tokens_of("AFGK"))
    assert slot[0, 0, :4, 10 * len(ION_SERIES) + 5].tolist() == pytest.approx([0, 1, 0, 0])


def test_ions_at_one_peak_are_told():
    glycine = mass.fast_mass("G", ion_type="b", charge=1)
    assert mass.fast_mass("GG", ion_type="b", charge=2) == pytest.approx(glycine)
    seen = spectrum("GGPSTK", 3, [(glycine, 1.0), (mass.fast_mass("STK", ion_type="y", charge=1), 0.5)])
    slot, _ = features_of([seen], tokens_of("GGPSTK", "PGGSTK"))
    count = len(ION_SERIES)
    shared = slot[0, :, :, 9 * count : 10 * count]
    assert shared[0, 0, 0] == shared[0, 1, 2] == 1  # b of the first, and b++ of both
    assert shared.sum() == 2


def test_a_peak_that_an_ion_of_the_peptide_explains_is_no_internal_fragment():
    fragment, peaks = mass.fast_mass("PE", ion_type="b", charge=1), [(mass.fast_mass("K", ion_type="y", charge=1), 1.0)]
    seen = spectrum("APESTK", 2, [*peaks, (fragment, 1.0)])
    slot, whole = features_of([seen], tokens_of("APESTK", "PEASTK"))
    begins = slot[0, :, :6, POSTERIOR + 2]
    assert begins.tolist() == [[0, 1, 0, 0, 0, 0], [0] * 6]  # in the second it is a b ion
    np.testing.assert_allclose(whole[0, :, INTERNAL], [0.1, 0])


def test_in_an_accurate_spectrum_a_peak_far_off_is_no_ion():
    peptide = "LGEYGFQNALLVR"
    own = [mass.fast_mass(peptide[-k:], ion_type="y", charge=1) for k in range(1, len(peptide))]
    own += [mass.fast_mass(peptide[:k], ion_type="b", charge=1) for k in range(2, len(peptide) - 3)]
    far = mass.fast_mass(peptide[:-1], ion_type="b", charge=1) * (1 + 15e-6)
    place = len(peptide) - 2
    for errors, found in ((0.3, 0.0), (12.0, 1.0)):
        rng = np.random.default_rng(7)
        peaks = [(mz * (1 + rng.normal(0, errors) * 1e-6), 1.0) for mz in own]
        slot, _ = features_of([spectrum(peptide, 2, [*peaks, (far, 1.0)])], tokens_of(peptide))
        assert slot[0, 0, place, 4 * len(ION_SERIES)] == found


def test_the_path_score_is_read_slot_by_slot_and_as_a_whole():
    peaks = [(mass.fast_mass("LPSSDVDK"[-k:], ion_type="y", charge=1), k) for k in range(1, 8)]
    slot, whole = features_of([spectrum("LPSSDVDK", 2, peaks)], tokens_of("LPSSDVDK", "PLSSDVDK"))
    path = slot[..., POSTERIOR + 1].sum(2)
    torch.testing.assert_close(whole[..., INTERNAL - 2 : INTERNAL], torch.stack([path / 10, path / 8], -1))
    assert path[0, 0] > path[0, 1]  # where the proline stands is seen


def test_what_stands_beside_and_behind_a_peptide_changes_nothing():
    score = fitted_match_score(VOCABULARY)
    seen = spectrum("LPSSDVDK", 2, [(mass.fast_mass("LPSSDVDK"[-k:], ion_type="y", charge=1), k) for k in range(1, 8)])
    tokens = tokens_of("LPSSDVDK", "PLSSDVDK", "LPSSVDDK")
    slot, whole = features_of([seen, seen], tokens.expand(2, -1, -1))
    together = score(tokens.expand(2, -1, -1), slot, whole)
    alone = score(tokens[:, 1:2, :9], slot[:1, 1:2, :9], whole[:1, 1:2])
    torch.testing.assert_close(together[0], together[1])
    torch.testing.assert_close(alone[0, 0], together[0, 1])


def test_a_new_score_has_the_weights_that_are_kept_and_no_others():
    names = set(MatchScore(VOCABULARY).weights)
    assert "seen.weight" in names and not any(name.startswith("expected") for name in names)
    assert names == set(fitted_match_score(VOCABULARY).weights)


def swapped(tokens):
    """Every peptide that has two neighbouring, different residues the other way round."""
    found = []
    for place in range(len(tokens) - 1):
        if tokens[place] != tokens[place + 1] and not VOCABULARY.is_terminal[tokens[place]]:
            found.append([*tokens[:place], tokens[place + 1], tokens[place], *tokens[place + 2 :]])
    return found


def test_measured_spectra_are_told_from_those_of_swapped_residues(mirror):
    spectra = list(read_spectra(mirror / "annotated" / "casanovo_mouse_128.mgf"))
    score, right, by_chance = fitted_match_score(VOCABULARY), [], []
    for seen in spectra:
        own = VOCABULARY.encode(seen.peptidoform)
        rows = [own, *swapped(own)]
        width = max(len(row) for row in rows)
        tokens = torch.tensor([[*row, *[PAD] * (width - len(row))] for row in rows])[None]
        right.append(int(score(tokens, *features_of([seen], tokens)).argmax()) == 0)
        by_chance.append(1 / len(rows))
    assert np.mean(right) > 0.5 > 4 * np.mean(by_chance)
