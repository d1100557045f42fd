"""False discovery rates by hand, and against simulated truth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.predictions import Prediction
from model.fdr import accepted, decoy_q_values, q_values

SCORES = st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=50).map(np.array)


def test_estimates_by_hand():
    # falling: 1.0, 0.9, 0.5 → means of being wrong 0, 0.05, 0.2
    assert q_values(np.array([0.5, 1.0, 0.9])) == pytest.approx([0.2, 0.0, 0.05])
    # at 0.9: no decoy above; at 0.5: one decoy (0.6) of two targets; at 0.2: two decoys of three targets
    assert decoy_q_values(np.array([0.9, 0.5, 0.2]), np.array([0.6, 0.3, 0.1])) == pytest.approx([0, 0.5, 2 / 3])


@given(SCORES, SCORES)
def test_a_better_score_never_has_a_higher_rate(score, decoys):
    for values in (q_values(score), decoy_q_values(score, decoys)):
        assert (np.diff(values[np.argsort(-score, kind="stable")]) >= -1e-12).all()
        assert ((values >= 0) & (values <= 1)).all()


def test_calibrated_probabilities_estimate_the_true_rate():
    rng = np.random.default_rng(0)
    probability = rng.beta(2, 1, 50_000)
    right = rng.random(len(probability)) < probability
    kept = q_values(probability) <= 0.1
    assert 1 - right[kept].mean() == pytest.approx(0.1, abs=0.01)


def test_decoys_that_score_as_wrong_peptides_do_give_an_upper_estimate():
    rng = np.random.default_rng(1)
    right = rng.random(20_000) < 0.6
    score = np.where(right, rng.normal(2, 1, len(right)), rng.normal(0, 1, len(right)))
    kept = decoy_q_values(score, rng.normal(0, 1, len(right))) <= 0.1
    assert 0.02 < 1 - right[kept].mean() < 0.1


def test_a_filter_keeps_the_order_and_leaves_out_what_has_no_answer():
    one = Prediction("a", 500.0, 2, None, "PEPTLDEK", (1.0,) * 8, 0.99, 500.0, 0.0)
    predictions = [replace(one, spectrum_id=str(n), peptide_score=p) for n, p in enumerate((0.5, 0.99, 0.95))]
    predictions.append(replace(one, peptidoform="", peptide_score=0.0))
    kept = accepted(predictions, 0.05)
    assert [prediction.spectrum_id for prediction in kept] == ["1", "2"]
    assert [prediction.q_value for prediction in kept] == pytest.approx([0.01, 0.03])
    assert accepted([], 0.05) == []
