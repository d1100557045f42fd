"""Internal fragments: by pyteomics, counted by hand, and told from what other ions explain."""

import numpy as np
import torch
from pyteomics import mass

from model.internal_fragments import SLOT_FEATURES, WHOLE_FEATURES, beside_internal
from tests.model.test_match_score import EVIDENCE, SLOTS, index_of, spectrum, tokens_of

BEGINS, ENDS, A_TYPE, COUNTS = slice(0, 4), slice(4, 8), 8, slice(9, 11)


def ion(residues, series="b"):
    return mass.fast_mass(residues, ion_type=series, charge=1)


def told(peaks, *peptides, free=None):
    index = index_of([spectrum(peptides[0].split("-")[-1], 2, peaks)])
    tokens = tokens_of(*peptides)
    every = torch.ones(*tokens.shape[:2], index.mz.shape[1], dtype=torch.bool)
    slot, whole = beside_internal(EVIDENCE, index, tokens, every if free is None else free(index, every))
    assert slot.shape == (1, len(peptides), SLOTS, SLOT_FEATURES)
    assert whole.shape == (1, len(peptides), WHOLE_FEATURES)
    return slot[0], whole[0]


def test_fragments_stand_where_they_begin_and_where_they_end():
    peaks = [(ion("GP"), 1.0), (ion("GPV"), 0.25), (ion("GPVSTE"), 0.25), (ion("GP", "a"), 0.25), (ion("K", "y"), 1.0)]
    slot, _ = told(peaks, "AGPVSTEK")
    wanted = np.zeros((SLOTS, SLOT_FEATURES))
    wanted[1, BEGINS] = [1, 0.5, 0, 0.5]  # two, three, four and more residues; roots of intensities
    wanted[2, ENDS], wanted[3, ENDS], wanted[6, ENDS] = [1, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 0.5]
    wanted[1, A_TYPE] = 0.5
    wanted[1, COUNTS] = [3, 0]
    wanted[[2, 3, 6], COUNTS.stop - 1] = 1
    np.testing.assert_allclose(slot[0], wanted, atol=1e-6)


def test_neither_the_first_nor_the_last_residue_is_within_a_fragment():
    peaks = [(ion("AG"), 1.0), (ion("VK"), 1.0), (ion("AGP"), 1.0)]
    for peptide in ("AGPVK", "[UNIMOD:1]-AGPVK"):
        slot, _ = told(peaks, peptide)
        assert not slot.any()


def test_whole_peptides_are_told_what_is_explained_and_what_is_left():
    peaks = [(ion("GP"), 1.0), (ion("PV"), 0.25), (400.5, 0.25), (500.5, 1.0)]
    _, whole = told(peaks, "AGPVK", "AGVPK", "GAPVK")
    # of the roots 1, 1/2, 1/2 and 1; PV and VP are of one mass
    np.testing.assert_allclose(whole[0], [0.2, 1.5 / 3, 0.2, 1.5 / 3], atol=1e-6)
    np.testing.assert_allclose(whole[1], [0.1, 0.5 / 3, 0.3, 2.5 / 3], atol=1e-6)
    np.testing.assert_allclose(whole[2], [0.1, 0.5 / 3, 0.3, 2.5 / 3], atol=1e-6)


def test_two_fragments_at_one_peak_explain_it_once():
    slot, whole = told([(ion("GP"), 1.0), (500.5, 1.0)], "AGPSPGK")
    assert slot[0, :, 9].tolist()[:7] == [0, 1, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(whole[0], [0.1, 0.5, 0.1, 0.5])


def test_what_another_ion_explains_is_no_internal_fragment():
    peaks = [(ion("GP"), 1.0), (ion("PV"), 1.0)]
    slot, whole = told(peaks, "AGPVK", free=lambda index, every: every & (index.mz > ion("GP") + 1)[:, None])
    assert slot[0, 1, 0] == 0 and slot[0, 2, 0] == 1
    np.testing.assert_allclose(whole[0], [0.1, 0.5, 0, 0])
