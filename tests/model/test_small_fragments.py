"""Small fragments: where they should be by pyteomics, and what residues and pairs gain by them."""

import numpy as np
import torch
from pyteomics import mass

from data.vocabulary import GAP, PAD, STOP, VOCABULARY
from model.path_score import PathScore
from model.small_fragments import ION_FEATURES, PAIR_FEATURES, SmallFragments, small_fragments
from tests.model.test_match_score import EVIDENCE, index_of, spectrum, tokens_of


def ion(residues, series):
    return mass.fast_mass(residues, ion_type=series, charge=1)


def told(peptide, peaks):
    return small_fragments(EVIDENCE, index_of([spectrum(peptide, 2, peaks)]))


def test_immonium_ions_are_seen_or_missing_where_lighter_peaks_are():
    found = told("FGPK", [(ion("F", "a"), 1.0), (ion("K", "y"), 0.25)]).residue
    f, g, y = VOCABULARY.encode("FGY")
    assert found.shape == (1, len(VOCABULARY), ION_FEATURES)
    np.testing.assert_allclose(found[0, f], [1, 1, 0])
    np.testing.assert_allclose(found[0, y], [0, 0, 1])
    np.testing.assert_allclose(found[0, g], [0, 0, 0])  # 30.03: lighter than all that is seen


def test_fragments_of_two_residues_are_seen_whatever_their_order():
    peaks = [(ion("GP", "b"), 1.0), (ion("GP", "a"), 0.25), (ion("AV", "b"), 0.25), (ion("K", "y"), 0.5)]
    pair = told("AGPVK", peaks).pair
    g, p, a, v = VOCABULARY.encode("GPAV")
    assert pair.shape == (1, len(VOCABULARY), len(VOCABULARY), PAIR_FEATURES)
    np.testing.assert_allclose(pair[0, g, p, :5], [1, 1, 1, 0.5, 1])  # heights are roots of intensities
    np.testing.assert_allclose(pair[0, a, v, :5], [1, 0.5, 0, 0, 0])
    assert not pair[0, g, a, :5].any()
    torch.testing.assert_close(pair, pair.transpose(1, 2))


def test_a_pair_whose_peak_is_an_ion_of_the_peptide_is_told_as_such():
    peptide = "LGEYGFQNALLVR"
    own = [(ion(peptide[-k:], "y"), 1.0) for k in range(1, len(peptide))]
    pair = told(peptide, [*own, (ion("GF", "b"), 1.0), (ion("FQ", "b"), 1.0)]).pair[0]
    g, f, q, v, r = VOCABULARY.encode("GFQVR")
    both = told(peptide, [*own, (ion("VR", "b"), 1.0)]).pair[0]
    assert pair[g, f, 5] < 0.5 and pair[f, q, 5] < 0.5
    assert both[v, r, 0] == 1  # a y ion less water is no y ion
    beginning = told(peptide, [*own, (ion("LG", "b"), 1.0)]).pair[0]
    assert beginning[VOCABULARY.encode("L")[0], g, 5] > pair[g, f, 5]


def test_terminal_modifications_gaps_and_stops_gain_nothing():
    gains = PathScore(VOCABULARY).small
    for weight in gains.parameters():
        weight.data += 1
    tokens = len(VOCABULARY)
    every = SmallFragments(torch.ones(1, tokens, ION_FEATURES), torch.ones(1, tokens, tokens, PAIR_FEATURES))
    residue, pair = gains(every)
    nothing = [PAD, STOP, GAP, VOCABULARY.encode("[UNIMOD:1]-G")[0]]
    assert not residue[0, nothing].any() and not pair[0, nothing].any() and not pair[0, :, nothing].any()
    g, p = VOCABULARY.encode("GP")
    assert residue[0, g] == ION_FEATURES and pair[0, g, p] == PAIR_FEATURES + 2


def test_gains_of_a_peptide_are_those_of_its_residues_and_pairs():
    generator = torch.Generator().manual_seed(1)
    tokens = len(VOCABULARY)
    small = SmallFragments(
        torch.randn(1, tokens, generator=generator), torch.randn(1, tokens, tokens, generator=generator)
    )
    g, p, k = VOCABULARY.encode("GPK")
    peptides = tokens_of("GPK")
    before = torch.nn.functional.pad(peptides, (1, 0))[..., :-1]
    by_slot = small.by_slot(peptides, before)[0, 0, :3]
    wanted = [
        small.residue[0, g] + small.pair[0, PAD, g],
        small.residue[0, p] + small.pair[0, g, p],
        small.residue[0, k] + small.pair[0, p, k],
    ]
    torch.testing.assert_close(by_slot, torch.stack(wanted))
