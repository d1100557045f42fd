"""The field's metrics: amino-acid precision and recall, peptide recall, the precision-coverage curve, accuracy by step.

A predicted residue is right when its mass lies within 0.1 Da of the true residue's and the mass before it, or the mass
behind it, within 0.5 Da of the truth (Tran et al. 2017, DeepNovo; as Casanovo's and DeepNovo's evaluations count). A
peptide is right when both have the same number of residues and all are right. I counts as L. An N-terminal modification
is a residue of its own, as in Casanovo's vocabulary.

For answers that weigh what the true peptide weighs, this is Casanovo's ``aa_match_batch`` and ``aa_match_metrics``
residue by residue. For others, Casanovo looks at the suffix only behind the first residue whose prefix is wrong, and
notes both ways in one row of flags by position; here each predicted residue is right by either way or is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from data.predictions import Prediction
from data.vocabulary import STOP, VOCABULARY

RESIDUE_TOLERANCE_DA = 0.1
TERMINUS_TOLERANCE_DA = 0.5
_DRAWS_AT_ONCE = 100
"""Bootstrap samples in memory at once."""


@dataclass(frozen=True)
class Metrics:
    """Figures of a set of spectra, 0…1.

    Attributes
    ----------
    aa_precision : right residues of the predicted ones.
    aa_recall : right residues of the true ones.
    peptide_precision : right peptides of the spectra with a prediction.
    peptide_recall : right peptides of all spectra.
    auc : area under the precision-coverage curve of the peptides.
    """

    n_spectra: int
    aa_precision: float
    aa_recall: float
    peptide_precision: float
    peptide_recall: float
    auc: float


@dataclass(frozen=True)
class Counts:
    """Per spectrum, (spectra,) int64: right, predicted and true residues, and whether the peptide is right."""

    right: NDArray[np.int64]
    predicted: NDArray[np.int64]
    true: NDArray[np.int64]
    peptide: NDArray[np.int64]


def matching_residues(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(predicted,) bool, which residues are right, from the residues' masses in Da."""
    right = np.zeros(len(predicted), bool)
    for direction in (1, -1):
        found = _matching_from_start(predicted[::direction], true[::direction])[::direction]
        right |= found
    return right


def _matching_from_start(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Residues of equal mass that start at equal prefix mass; both walks are linear."""
    right = np.zeros(len(predicted), bool)
    before_predicted = np.cumsum(predicted) - predicted
    before_true = np.cumsum(true) - true
    p = t = 0
    while p < len(predicted) and t < len(true):
        if abs(before_predicted[p] - before_true[t]) < TERMINUS_TOLERANCE_DA:
            right[p] = abs(predicted[p] - true[t]) < RESIDUE_TOLERANCE_DA
            p, t = p + 1, t + 1
        elif before_predicted[p] > before_true[t]:
            t += 1
        else:
            p += 1
    return right


def count(predictions: Sequence[Prediction]) -> Counts:
    """Count right residues and peptides; spectra without a reference must have been left out."""
    rows = []
    for prediction in predictions:
        true = VOCABULARY.token_masses(VOCABULARY.encode(prediction.reference or ""))
        _, predicted = VOCABULARY.read(prediction.peptidoform)
        right = matching_residues(predicted, true)
        rows.append((right.sum(), len(predicted), len(true), len(predicted) == len(true) and right.all()))
    table = np.array(rows, np.int64).reshape(-1, 4)
    return Counts(*table.T)


def annotated(predictions: Sequence[Prediction]) -> list[Prediction]:
    """The predictions that have a reference to be judged by."""
    return [prediction for prediction in predictions if prediction.reference]


def evaluate(predictions: Sequence[Prediction]) -> Metrics:
    """The metrics over the annotated spectra; zeros where there are none."""
    predictions = annotated(predictions)
    counts = count(predictions)
    figures = _figures(counts, np.arange(len(predictions))[None])
    scores = np.array([prediction.peptide_score for prediction in predictions])
    return Metrics(
        n_spectra=len(predictions),
        **{name: float(values[0]) for name, values in figures.items()},
        auc=_auc(*_curve(scores, counts.peptide)),
    )


def precision_coverage(predictions: Sequence[Prediction]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coverage and peptide precision as spectra are taken by falling score; both (annotated spectra,)."""
    predictions = annotated(predictions)
    scores = np.array([prediction.peptide_score for prediction in predictions])
    return _curve(scores, count(predictions).peptide)


def area_under_roc(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """The chance that one of ``high`` scores above one of ``low``, ties counted half (Mann and Whitney 1947)."""
    both = np.sort(np.concatenate([low, high]))
    ranks = (np.searchsorted(both, high, "left") + np.searchsorted(both, high, "right") + 1) / 2
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


def bootstrap_intervals(
    predictions: Sequence[Prediction], samples: int, seed: int, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the precisions, the recalls and the AUC, by resampling spectra (Efron 1979)."""
    predictions = annotated(predictions)
    if not predictions:
        return {}
    counts, rng = count(predictions), np.random.default_rng(seed)
    by_score = np.argsort([-prediction.peptide_score for prediction in predictions], kind="stable")
    counts = Counts(*(getattr(counts, field.name)[by_score] for field in fields(counts)))
    parts = []
    for first in range(0, samples, _DRAWS_AT_ONCE):
        size = (min(_DRAWS_AT_ONCE, samples - first), len(predictions))
        draws = np.sort(rng.integers(len(predictions), size=size))  # sorted: by falling score
        parts.append(_figures(counts, draws) | {"auc": np.array([_auc_of_order(counts.peptide[d]) for d in draws])})
    tail = 50 * (1 - confidence)
    figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {
        name: (float(np.percentile(values, tail)), float(np.percentile(values, 100 - tail)))
        for name, values in figures.items()
    }


def macro_average(folds: Sequence[Metrics]) -> Metrics:
    """Mean of each figure over the folds, whatever their size; zeros where there are none.

    The micro average is `evaluate` of all folds' predictions together: there every spectrum weighs the same.
    """
    names = [field.name for field in fields(Metrics) if field.name != "n_spectra"]
    means = {name: float(np.mean([getattr(fold, name) for fold in folds])) if folds else 0.0 for name in names}
    return Metrics(n_spectra=sum(fold.n_spectra for fold in folds), **means)


def token_accuracy_by_step(predictions: Sequence[Prediction]) -> list[float]:
    """Share of positions, stop token included, whose token is right after each refinement step.

    A spectrum that stopped early keeps its last answer. Stricter than the residue metrics: a shift by one position
    makes all that follows wrong.
    """
    predictions = [prediction for prediction in annotated(predictions) if prediction.peptidoform_by_step]
    steps = max((len(prediction.peptidoform_by_step) for prediction in predictions), default=0)
    right, wanted = np.zeros(steps), 0
    for prediction in predictions:
        true = [*VOCABULARY.encode(prediction.reference or ""), STOP]
        wanted += len(true)
        matches = 0
        for step in range(steps):
            if step < len(prediction.peptidoform_by_step):
                text = prediction.peptidoform_by_step[step]
                answer = [*VOCABULARY.read(text)[0], STOP]
                matches = sum(a == b for a, b in zip(answer, true, strict=False))
            right[step] += matches
    return [float(value / wanted) for value in right]


def residue_confusion(predictions: Sequence[Prediction]) -> tuple[list[str], NDArray[np.int64]]:
    """Residues read (columns) where the truth (rows) has another or the same, at equal prefix mass.

    Returns
    -------
    Token texts, and counts (tokens, tokens).
    """
    counts = np.zeros((len(VOCABULARY), len(VOCABULARY)), np.int64)
    for prediction in annotated(predictions):
        true = VOCABULARY.encode(prediction.reference or "")
        read, read_masses = VOCABULARY.read(prediction.peptidoform)
        starts_true = np.cumsum(VOCABULARY.token_masses(true)) - VOCABULARY.token_masses(true)
        starts_read = np.cumsum(read_masses) - read_masses
        near = np.abs(starts_true[:, None] - starts_read[None]) < RESIDUE_TOLERANCE_DA
        for row, column in zip(*near.nonzero(), strict=True):
            counts[true[row], read[column]] += 1
    labels = [token.text for token in VOCABULARY.tokens[STOP + 1 :]]
    return labels, counts[STOP + 1 :, STOP + 1 :]


def _figures(counts: Counts, draws: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Precisions and recalls of each draw (samples, spectra) of spectra."""
    right, predicted, true = (values[draws].sum(1) for values in (counts.right, counts.predicted, counts.true))
    peptides = counts.peptide[draws].sum(1)
    answered = (counts.predicted > 0)[draws].sum(1)
    return {
        "aa_precision": right / np.maximum(predicted, 1),
        "aa_recall": right / np.maximum(true, 1),
        "peptide_precision": peptides / np.maximum(answered, 1),
        "peptide_recall": peptides / max(draws.shape[1], 1),
    }


def _curve(scores: NDArray[np.float64], right: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(-scores, kind="stable")
    taken = np.arange(1, len(scores) + 1)
    return taken / max(len(scores), 1), right[order].cumsum() / taken


def _auc_of_order(right: NDArray[np.int64]) -> float:
    """The area for spectra that come by falling score."""
    return _auc(*_curve(np.zeros(len(right)), right))


def _auc(coverage: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    """Trapezoids from coverage 0, where the precision of the best spectrum holds."""
    if len(coverage) == 0:
        return 0.0
    return float(np.trapezoid(np.r_[precision[0], precision], np.r_[0.0, coverage]))
