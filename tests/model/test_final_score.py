"""The final score: factors by hand, begun as the match score, right peptides above those of swapped residues."""

import numpy as np
import torch
from pyteomics import mass

from benchmarks.final_score import begun_from
from data.chemistry import ION_SERIES
from data.readers import read_spectra
from data.vocabulary import PAD, VOCABULARY
from model.final_score import FinalScore, fitted_final_score
from model.match_score import SLOT_FEATURES, fitted_match_score
from model.path_score import fitted_path_score
from tests.model.test_match_score import EVIDENCE, index_of, spectrum, swapped, tokens_of

PEAKS = [(mass.fast_mass("LPSSDVDK"[-k:], ion_type="y", charge=1), k) for k in (1, 2, 4, 5)]


def compared(score, seen, tokens, expected=None):
    index, path = index_of([seen]), fitted_path_score(VOCABULARY)
    gained = path.of_peptides(path.gains(EVIDENCE, index), EVIDENCE, tokens)
    return score.compare(EVIDENCE, index, gained, tokens, expected)


def test_an_ion_is_told_by_the_factor_that_it_is_off_and_a_missing_one_by_how_high_it_should_be():
    height, asked = torch.tensor([0.5, 0.0, 0.3, 0.0]), torch.tensor([True, True, False, False])
    expected = torch.tensor([[0.245, 0.245, 0.1, 0.1], [0.5, 0.0, 0.1, 0.1]])
    features = torch.stack(FinalScore(VOCABULARY).off_expected(height, expected, asked))
    # (0.5 + 0.01) / (0.245 + 0.01) is 2; (0.245 + 0.01) / 0.01 is 25.5; what is not asked for says nothing
    np.testing.assert_allclose(features[0], [np.log(2), 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(features[1], [0, np.log(25.5) / 2, 0, 0], atol=1e-6)
    np.testing.assert_allclose(features[2:], np.zeros((2, 4)), atol=1e-6)


def test_it_begins_as_the_match_score_of_its_heights():
    match = fitted_match_score(VOCABULARY)
    begun, tokens = begun_from(match), tokens_of("LPSSDVDK", "PLSSDVDK")
    seen = spectrum("LPSSDVDK", 2, PEAKS)
    expected = begun.heights(index_of([seen]), tokens)
    torch.testing.assert_close(compared(begun, seen, tokens), compared(match, seen, tokens, expected))


def test_scores_depend_on_the_other_peptides_but_not_on_their_order_or_on_empty_places():
    score, seen = fitted_final_score(VOCABULARY), spectrum("LPSSDVDK", 2, PEAKS)
    tokens = tokens_of("LPSSDVDK", "PLSSDVDK", "LPSSVDDK")
    found = compared(score, seen, tokens)
    torch.testing.assert_close(compared(score, seen, tokens.flip(1)), found.flip(1))
    with_empty = torch.cat([tokens, tokens[:, :1] * 0], 1)
    torch.testing.assert_close(compared(score, seen, with_empty)[:, :3], found)
    assert (compared(score, seen, tokens[:, :2]) - found[:, :2]).abs().max() > 1e-3


def test_given_heights_are_those_that_are_asked_for_and_empty_places_come_last():
    score, tokens = fitted_final_score(VOCABULARY), tokens_of("LPSSDVDK", "PLSSDVDK", "")
    seen = spectrum("LPSSDVDK", 2, PEAKS)
    expected = score.heights(index_of([seen]), tokens)
    assert expected.shape == (2, 1, 3, tokens.shape[2], len(ION_SERIES))
    found = compared(score, seen, tokens)
    torch.testing.assert_close(compared(score, seen, tokens, expected), found)
    assert found[0, :2].isfinite().all() and found[0, 2] == -torch.inf
    with torch.no_grad():
        assert (compared(score, seen, tokens, expected * 0) - found)[0, :2].abs().min() > 0.01


def test_the_weights_kept_are_those_of_the_score_alone():
    weights = fitted_final_score(VOCABULARY).weights
    assert not any(name.startswith("expected") for name in weights)
    assert weights["seen.weight"].shape[1] > SLOT_FEATURES + 4 * len(ION_SERIES)


def test_measured_spectra_are_told_from_those_of_swapped_residues(mirror):
    spectra = list(read_spectra(mirror / "annotated" / "casanovo_mouse_128.mgf"))
    score, right = fitted_final_score(VOCABULARY), []
    for seen in spectra:
        own = VOCABULARY.encode(seen.peptidoform)
        rows = [own, *swapped(own)]
        width = max(map(len, rows))
        tokens = torch.tensor([[*row, *[PAD] * (width - len(row))] for row in rows])[None]
        right.append(int(compared(score, seen, tokens).argmax()) == 0)
    assert np.mean(right) > 0.5
