"""Calibration against scikit-learn, hand-computed errors, and its file."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from data.errors import CorruptedDataError, InputError
from model.calibrating import Examples
from model.calibration import (
    ANSWER_FEATURES,
    CHOICE_FEATURES,
    Calibration,
    Isotonic,
    Logistic,
    ResidueCalibration,
    Temperature,
    expected_calibration_error,
    logit,
    sigmoid,
    with_doubt,
)
from model.metrics import area_under_roc

CASES = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=60)


@given(CASES)
def test_isotonic_regression_is_that_of_scikit_learn(cases):
    score, right = np.array([s for s, _ in cases], float), np.array([r for _, r in cases], bool)
    ours = Isotonic.fit(score, right)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(score, right.astype(float))
    at = np.linspace(-2, 23, 101)
    assert ours(at) == pytest.approx(theirs.predict(at), abs=1e-9)
    assert (np.diff(ours.probability) >= 0).all()


@given(CASES)
def test_with_doubt_no_case_is_certain(cases):
    score, right = np.array([s for s, _ in cases], float), np.array([r for _, r in cases], bool)
    found = Isotonic.fit(*with_doubt(score, right)).probability
    assert min(found) > 0 and max(found) < 1


def test_with_doubt_nine_right_cases_of_the_highest_scores_are_nine_of_ten():
    score = np.array([0.0, 0.0, 0.0, *np.linspace(1, 2, 9)])
    curve = Isotonic.fit(*with_doubt(score, score > 0.5))
    assert curve(np.array([0.0, 1.0, 2.0])) == pytest.approx([1 / 4, 9 / 10, 9 / 10])


def test_logistic_regression_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    feature = rng.normal(size=(400, 3)) * [1, 10, 0.1] + [0, 5, 1]
    right = rng.random(400) < sigmoid(feature[:, 0] - 0.2 * feature[:, 1] + 1)
    ours = Logistic.fit(feature, right)(feature)
    standard = (feature - feature.mean(0)) / feature.std(0)
    # the penalty is on the mean loss here, and on the sum of losses there
    theirs = LogisticRegression(C=1 / (1e-3 * 400), tol=1e-10).fit(standard, right).decision_function(standard)
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_a_choice_of_two_is_the_logistic_regression_of_their_difference():
    rng = np.random.default_rng(3)
    feature = rng.normal(size=(300, 2, 3))
    first = rng.random(300) < sigmoid((feature[:, 0] - feature[:, 1]) @ [1.0, -0.5, 0.0])
    right = np.stack([first, ~first], 1)
    ours = Logistic.fit_choice(feature, np.ones_like(right), right)(feature)
    standard = (feature - feature.mean((0, 1))) / feature.std((0, 1))
    regression = LogisticRegression(C=1 / (1e-3 * 300), fit_intercept=False, tol=1e-10)
    theirs = regression.fit(standard[:, 0] - standard[:, 1], first)
    difference = theirs.decision_function(standard[:, 0] - standard[:, 1])
    assert ours[:, 0] - ours[:, 1] == pytest.approx(difference, abs=1e-3)


def test_a_choice_among_many_is_the_least_loss_that_scipy_finds():
    rng = np.random.default_rng(5)
    feature = rng.standard_cauchy(size=(40, 40, 12))  # far values, for which whole Newton steps overshoot
    feature[..., 1] = feature[..., 0] + 0.01 * feature[..., 1]
    exists = rng.random((40, 40)) < 0.8
    utility = feature[..., :4] @ [3.0, -2.0, 1.0, 1.0] + rng.gumbel(size=(40, 40))
    right = np.arange(40) == np.where(exists, utility, -np.inf).argmax(1)[:, None]
    ours = Logistic.fit_choice(feature, exists, right)
    standard = np.clip((feature - ours.mean) / np.array(ours.scale), -10, 10)

    def loss(weight):
        score = np.where(exists, standard @ weight, -np.inf)
        return (logsumexp(score, 1) - score[right]).mean() + 1e-3 * weight @ weight / 2

    best = minimize(loss, np.zeros(12), method="L-BFGS-B")
    assert loss(np.array(ours.weight)) == pytest.approx(best.fun, abs=1e-4)


def test_a_choice_learns_nothing_of_candidates_that_do_not_exist_or_of_spectra_without_a_choice():
    rng = np.random.default_rng(4)
    feature = rng.normal(size=(40, 3, 2))
    exists = np.ones((40, 3), bool)
    exists[:, 2] = False
    right = feature[:, :, 0] == feature[:, :2, 0].max(1, keepdims=True)
    plain = Logistic.fit_choice(feature, exists, right)
    strange = feature.copy()
    strange[:, 2] = 1e3
    assert Logistic.fit_choice(strange, exists, right | ~exists).weight == pytest.approx(plain.weight)
    with pytest.raises(InputError, match="both right and wrong"):
        Logistic.fit_choice(feature, exists, np.ones_like(right))


def test_a_spectrum_of_twice_the_importance_counts_as_two():
    rng = np.random.default_rng(6)
    feature = rng.normal(size=(200, 3, 2))
    right = np.eye(3, dtype=bool)[(feature[:, :, 0] + 2 * rng.normal(size=(200, 3))).argmax(1)]
    exists = np.ones_like(right)
    importance = np.repeat([2.0, 1.0], 100)
    once = Logistic.fit_choice(feature, exists, right, importance)
    twice = Logistic.fit_choice(*(np.concatenate([part, part[:100]]) for part in (feature, exists, right)))
    # standardised by other means, so that the scores differ by a constant
    assert np.ptp(once(feature) - twice(feature)) == pytest.approx(0, abs=0.02)
    assert np.ptp(once(feature) - Logistic.fit_choice(feature, exists, right)(feature)) > 0.2


def test_separable_classes_give_finite_logits():
    feature = np.linspace(-1, 1, 50)[:, None]
    logits = Logistic.fit(feature, feature[:, 0] > 0)(feature)
    assert np.isfinite(logits).all() and (logits[feature[:, 0] > 0.1] > 0).all()


def test_a_temperature_that_was_applied_is_found_again():
    rng = np.random.default_rng(1)
    true = rng.normal(0, 2, 200_000)
    right = rng.random(len(true)) < sigmoid(true)
    found = Temperature.fit(sigmoid(3 * true), right)  # three times too sure
    assert found.temperature == pytest.approx(3, rel=0.03) and found.bias == pytest.approx(0, abs=0.03)
    assert expected_calibration_error(found(sigmoid(3 * true)), right) < 0.005


def test_calibration_error_by_hand():
    probability = np.array([0.95, 0.95, 0.95, 0.95, 0.15, 0.15])
    right = np.array([True, True, True, False, False, False])
    # four of confidence 0.95 and accuracy 0.75, two of 0.15 and 0
    assert expected_calibration_error(probability, right, bins=10) == pytest.approx((4 * 0.2 + 2 * 0.15) / 6)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_area_under_roc_is_that_of_scikit_learn(low, high):
    expected = roc_auc_score([0] * len(low) + [1] * len(high), low + high)
    assert area_under_roc(np.array(low, float), np.array(high, float)) == pytest.approx(expected)


@given(st.floats(0.001, 0.999))
def test_logit_is_the_inverse_of_the_logistic_function(p):
    assert float(sigmoid(logit(np.array(p)))) == pytest.approx(p, abs=1e-9)


def calibration():
    rng = np.random.default_rng(2)
    feature = rng.normal(size=(60, len(ANSWER_FEATURES)))
    right = feature[:, 0] > 0
    rank, choice = Logistic.fit(feature, right), Logistic.fit(feature[:, : len(CHOICE_FEATURES)], right)
    curve = Isotonic.fit(feature[:, 0], right)
    residue = ResidueCalibration.fit(("head",), {"head": sigmoid(feature[:, 0])}, feature[:, 1], right)
    return Calibration({"head": residue}, choice, rank, curve, rank, {"spectra": 60})


def test_one_feature_alone_is_that_feature():
    feature = np.random.default_rng(7).normal(size=(4, 3))
    assert Logistic.of_one(("a", "b", "c"), "b")(feature).tolist() == feature[:, 1].tolist()


def test_a_calibration_comes_back_from_its_file(tmp_path):
    calibration().save(tmp_path)
    assert Calibration.load(tmp_path) == calibration()
    assert Calibration.load(tmp_path / "none") is None


@pytest.mark.parametrize("content", ["", "{}", '{"format_version": 0, "features": []}', "[1]"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(CorruptedDataError, match=r"calibration\.json"):
        Calibration.load(tmp_path)


def test_a_calibration_of_other_features_is_refused(tmp_path):
    calibration().save(tmp_path)
    path = tmp_path / "calibration.json"
    content = json.loads(path.read_text())
    content["features"][0] = "something else"
    path.write_text(json.dumps(content))
    with pytest.raises(CorruptedDataError, match="another version"):
        Calibration.load(tmp_path)


def test_the_right_candidates_and_answers_are_those_of_which_every_residue_is():
    matched = np.array([[0.5, 1.0, 1.0], [0.5, 0.75, 0.9], [0.2, 1.0, 0.0]])
    seen = Examples(
        feature=np.zeros((3, 3, 1)),
        exists=np.ones((3, 3), bool),
        matched=matched,
        best=np.array([1, 1, 0]),
        answer=np.zeros((3, 1)),
        residue={},
        residue_rank=np.zeros(0),
        residue_right=np.zeros(0, bool),
    )
    assert seen.right.tolist() == [[False, True, True], [False] * 3, [False, True, False]]
    assert seen.answer_right.tolist() == [True, False, False]
