"""What is said of peptides: shares of peaks by hand, distances by brute force; the second look at known answers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyteomics import mass

from data.peaks import PeakBatch
from data.schema import Spectrum
from data.vocabulary import PAD, STOP, VOCABULARY
from model.answers import candidate_scores
from model.hypothesis import with_stop
from model.peak_lookup import nearest_distance
from model.recursion import Network
from model.review import FEATURES, log_probability, review
from model.settings import NetworkSettings
from model.spectra import to_spectra

SLOTS = 10


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    settings = NetworkSettings(
        width=16, heads=2, encoder_layers=0, core_layers=1, slots=SLOTS, confidence=True, halting=True
    )
    return Network(settings, VOCABULARY).eval()


def spectrum(sequence, charge, ions, foreign=()):
    """Peaks of height 1 at some ions, by pyteomics."""
    mz = sorted([*(mass.fast_mass(part, ion_type=kind, charge=z) for part, kind, z in ions), *foreign])
    return Spectrum("s", mass.fast_mass(sequence, charge=charge), charge, np.array(mz), np.ones(len(mz), np.float32))


def asked(network, spectrum, peptide):
    """The encoded spectrum, and (1, slots) tokens."""
    peaks = to_spectra(PeakBatch.from_spectra([spectrum]), len(spectrum.mz), "cpu")
    numbers = VOCABULARY.encode(peptide)
    return network.encode(peaks), torch.tensor([[*numbers, *[PAD] * (SLOTS - len(numbers))]])


def feature_of(network, spectrum, peptide):
    encoded, tokens = asked(network, spectrum, peptide)
    seen = review(network, encoded, network.start(1), tokens, torch.zeros(1, SLOTS), 20.0)
    return dict(zip(FEATURES, seen.feature[0].tolist(), strict=True))


def test_shares_of_peaks_and_cleavages_by_hand(network):
    # PEPTK has 4 cleavages and, at charge 1, 8 ions; seen are b2, y1, y3 (same cleavage as b2), and one foreign peak
    seen = spectrum("PEPTK", 1, [("PE", "b", 1), ("K", "y", 1), ("PTK", "y", 1)], foreign=[300.1])
    right, swapped = feature_of(network, seen, "PEPTK"), feature_of(network, seen, "EPPTK")
    assert right["cleavages seen"] == pytest.approx(2 / 4)
    assert right["ions seen"] == pytest.approx(3 / 8)
    assert right["intensity explained"] == pytest.approx(3 / 4)
    assert right["peaks explained"] == pytest.approx(3 / 4)
    assert right["length"] == pytest.approx(0.5)
    assert right["mass error"] == pytest.approx(0, abs=1e-3)
    # the first two residues swapped make the same seen ions
    assert swapped["cleavages seen"] == right["cleavages seen"]


def test_doubly_charged_ions_count_for_precursors_of_two_charges(network):
    twice = [("PEPTL", "y", 2)]
    two = feature_of(network, spectrum("GPEPTL", 2, twice), "GPEPTL")
    one = feature_of(network, spectrum("GPEPTL", 1, twice), "GPEPTL")
    assert two["cleavages seen"] == pytest.approx(1 / 5) and one["cleavages seen"] == 0


def test_mass_error_is_told_in_tolerances(network):
    seen = spectrum("PEPTK", 1, [("K", "y", 1)])
    wrong = feature_of(network, seen, "PEPTQ")  # 0.0364 Da lighter
    assert wrong["mass error"] == pytest.approx(0.03639 / (seen.precursor_mz * 20e-6), rel=0.01)


def test_the_second_look_says_how_probable_each_token_is_there(network):
    encoded, tokens = asked(network, spectrum("PEPTK", 2, [("K", "y", 1)]), "PEPTK")
    seen = review(network, encoded, network.start(1), tokens, torch.zeros(1, SLOTS), 20.0)
    assert set(seen.residue) == {"head", "probability", "entropy"}
    for values in seen.residue.values():
        assert values.shape == (1, SLOTS) and ((values >= 0) & (values <= 1)).all()
    with torch.no_grad():
        step = network(encoded, network.look_again(with_stop(tokens), torch.zeros(1, SLOTS), torch.tensor([5])))
    probability = log_probability(network, step)[0].exp()[range(6), [*tokens[0, :5], STOP]]
    torch.testing.assert_close(seen.residue["probability"][0, :6], probability)
    said = dict(zip(FEATURES, seen.feature[0].tolist(), strict=True))
    assert said["agreement"] == pytest.approx(float(probability.log().mean()), abs=1e-4)
    assert said["least trust"] == pytest.approx(float(seen.residue["head"][0, :6].min().log()), abs=1e-4)


def test_forbidden_tokens_have_no_probability(network):
    state = network.start(1)
    share = log_probability(network, state).exp()
    assert share.sum(-1) == pytest.approx(torch.ones(1, SLOTS), abs=1e-5)
    assert (share[0][network.forbidden] == 0).all() and (share[..., PAD] == 0).all()


def test_a_stop_follows_the_last_token():
    tokens = torch.tensor([[3, 4, PAD, PAD], [3, 4, 5, 6], [PAD, PAD, PAD, PAD]])
    assert with_stop(tokens).tolist() == [[3, 4, STOP, PAD], [3, 4, 5, 6], [STOP, PAD, PAD, PAD]]


def test_nearest_distance_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    keys = torch.tensor(np.sort(rng.random((3, 7))))
    keys[1, 4:] = torch.inf
    keys[2] = torch.inf
    query = torch.tensor(rng.random((3, 20)) * 1.2 - 0.1)
    expected = (keys[:, None] - query[..., None]).abs().amin(-1)
    assert torch.equal(nearest_distance(keys, query), expected)
    assert nearest_distance(keys[:, :0], query).isinf().all()


def test_what_the_answer_leaves_to_the_other_candidates_by_hand():
    logits = np.log([[4.0, 2.0, 2.0], [0.0001, 1.0, 0.5], [3.0, 1.0, 0.0001]])
    logits[2, 2] = -np.inf
    best, score = np.array([0, 1, 0]), np.array([0.5, 0.1, 0.9])
    found = candidate_scores(logits, best, score)
    # half is left for two that are half as likely as the answer; 0.1 times their odds; a tenth for the only other
    np.testing.assert_allclose(found[0], [0.5, 0.25, 0.25])
    np.testing.assert_allclose(found[1], [0.1 * 0.0001, 0.1, 0.05])
    np.testing.assert_allclose(found[2], [0.9, 0.1, 0.0])


@given(
    arrays(float, (3, 5), elements=st.floats(-30, 30)),
    arrays(float, 3, elements=st.floats(0, 1)),
)
def test_scores_of_candidates_are_together_at_most_one_and_none_above_the_answers(logits, score):
    best = logits.argmax(1)
    found = candidate_scores(logits, best, score)
    assert (found.sum(1) <= 1 + 1e-9).all()
    assert (found <= score[:, None] + 1e-12).all() and (found >= 0).all()
    assert (found[np.arange(3), best] == score).all()
