"""Calibration: scores into probabilities, fitted on annotated spectra that training did not see, kept by the weights.

A residue's confidence and a peptide's features become the probability to be right; a spectrum's features become a score
of how unlike it is to the spectra that peptides are read from.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.atomic import write_atomically
from data.errors import CorruptedDataError, InputError
from model.review import FEATURES

CALIBRATION_FILE = "calibration.json"

CHOICE_FEATURES = (
    "predicted heights",
    "measured heights",
    "correlation",
    "match",
    "match lead",
    "lead",
    "first answer",
)
"""Of a candidate: how close the heights of its ions are to those expected of it, as MS2PIP predicts them and as they
are measured, and their correlation with the latter (`model.expected_heights`), its final score (`model.final_score`)
and how far that is above the best other candidate's, its lead in log-probability over the best other candidate, and
whether it is the recursion's own answer."""

ANSWER_FEATURES = (*CHOICE_FEATURES, "choice lead", *FEATURES, "charge")
"""Of an answer: those of a candidate, by how much it was chosen over the best other one, those of the second look, and
the precursor's charge."""

_PENALTY = 1e-3
"""Of the squared weights: keeps them finite where the classes are separable."""

_NEWTON_STEPS = 50
_LEAST_GAIN = 1e-9
_FARTHEST = 10.0
"""Standard deviations from the mean; what lies farther says no more."""

_FORMAT_VERSION = 16

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Isotonic:
    """A rising curve through points, level at both ends; between the points linear.

    Attributes
    ----------
    score : ascending.
    probability : of being right at each score, ascending, 0…1.
    """

    score: tuple[float, ...]
    probability: tuple[float, ...]

    @classmethod
    def fit(cls, score: Floats, right: NDArray[np.bool_]) -> "Isotonic":
        """Least squares under the order of the scores: pool adjacent violators (Ayer et al. 1955).

        Parameters
        ----------
        score, right : (cases,), at least one.
        """
        levels, place, weight = np.unique(score, return_inverse=True, return_counts=True)
        mean = np.bincount(place, right) / weight
        blocks: list[list[float]] = []
        for level, value, count in zip(levels, mean, weight, strict=True):
            blocks.append([value, count, level, level])
            while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
                value_b, count_b, _, last = blocks.pop()
                value_a, count_a, first, _ = blocks.pop()
                total = count_a + count_b
                blocks.append([(value_a * count_a + value_b * count_b) / total, total, first, last])
        points = [(at, block[0]) for block in blocks for at in sorted({block[2], block[3]})]
        return cls(tuple(float(at) for at, _ in points), tuple(float(value) for _, value in points))

    def __call__(self, score: Floats) -> Floats:
        """Probabilities of scores of any shape."""
        return np.interp(score, self.score, self.probability)


def with_doubt(score: Floats, right: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """The cases, and beside them a wrong one with the highest score and a right one with the lowest.

    However many cases were right, the next may be wrong: Laplace's rule of succession, at either end of a curve.

    Parameters
    ----------
    score, right : (cases,), at least one.
    """
    return np.append(score, [score.max(), score.min()]), np.append(right, [False, True])


@dataclass(frozen=True)
class Temperature:
    """One number that the logits are divided by, and one added (Platt 1999; Guo et al. 2017)."""

    temperature: float
    bias: float

    @classmethod
    def fit(cls, score: Floats, right: NDArray[np.bool_]) -> "Temperature":
        """Least cross-entropy; scores are probabilities."""
        fitted = Logistic.fit(logit(score)[:, None], right)
        slope = fitted.weight[0] / fitted.scale[0]
        return cls(1 / max(slope, 1e-3), fitted.bias - slope * fitted.mean[0])

    def __call__(self, score: Floats) -> Floats:
        """Probabilities of scores of any shape."""
        return sigmoid(logit(score) / self.temperature + self.bias)


@dataclass(frozen=True)
class Logistic:
    """A weighted sum of standardised features.

    Attributes
    ----------
    mean, scale, weight : (features,).
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float

    @classmethod
    def fit(cls, feature: Floats, right: NDArray[np.bool_]) -> "Logistic":
        """Least cross-entropy with a small penalty on the weights, by Newton's method.

        Parameters
        ----------
        feature : (cases, features).
        right : (cases,).
        """
        mean, scale = feature.mean(0), feature.std(0) + 1e-6
        x = np.concatenate([(feature - mean) / scale, np.ones((len(feature), 1))], 1)
        penalty = _PENALTY * np.eye(x.shape[1])
        penalty[-1, -1] = 1e-9
        weight = np.zeros(x.shape[1])
        for _ in range(_NEWTON_STEPS):
            p = sigmoid(x @ weight)
            gradient = x.T @ (p - right) / len(x) + penalty @ weight
            step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x / len(x) + penalty, gradient)
            weight -= step * min(1.0, 5.0 / max(np.abs(step).max(), 1e-12))
        return cls(tuple(mean), tuple(scale), tuple(weight[:-1]), float(weight[-1]))

    @classmethod
    def of_one(cls, features: Sequence[str], name: str) -> "Logistic":
        """That one feature, and nothing of the others."""
        weight = tuple(float(each == name) for each in features)
        return cls((0.0,) * len(features), (1.0,) * len(features), weight, 0.0)

    @classmethod
    def fit_choice(
        cls, feature: Floats, exists: NDArray[np.bool_], right: NDArray[np.bool_], importance: Floats | None = None
    ) -> "Logistic":
        """The weights that put right candidates above wrong ones of the same spectrum: the conditional logit
        (McFadden 1974), by Newton's method. A spectrum whose candidates are all right, or all wrong, says nothing.

        Parameters
        ----------
        feature : (spectra, candidates, features).
        exists, right : (spectra, candidates).
        importance : (spectra,), how much each counts; None: all alike.

        Raises
        ------
        InputError : no spectrum has both.
        """
        right = right & exists
        telling = right.any(1) & (exists & ~right).any(1)
        if not telling.any():
            raise InputError("no spectrum has both right and wrong candidates, which teaches nothing about choosing")
        mean, scale = feature[exists].mean(0), feature[exists].std(0) + 1e-6
        exists, right = exists[telling], right[telling]
        importance = np.ones(len(right)) if importance is None else importance[telling]
        importance = importance / importance.sum()
        x = np.clip((feature[telling] - mean) / scale, -_FARTHEST, _FARTHEST) * exists[..., None]
        penalty, weight = _PENALTY * np.eye(x.shape[2]), np.zeros(x.shape[2])
        loss = _choice_loss(x, exists, right, importance, weight)
        for _ in range(_NEWTON_STEPS):
            p = np.exp(_log_share(np.where(exists, x @ weight, -np.inf)))
            wanted = p * right + 1e-300 * right
            wanted /= wanted.sum(1, keepdims=True)
            middle = (p[..., None] * x).sum(1)
            counted = importance[:, None] * p
            curvature = np.einsum("sc,scf,scg->fg", counted, x, x, optimize=True)
            curvature -= (importance[:, None] * middle).T @ middle
            gradient = np.einsum("sc,scf->f", importance[:, None] * (p - wanted), x) + penalty @ weight
            step = np.linalg.solve(curvature + penalty, gradient)
            before = loss
            # with many candidates a whole step can overshoot: halve it until the loss falls
            for share in 0.5 ** np.arange(20):
                loss = _choice_loss(x, exists, right, importance, weight - share * step)
                if loss < before:
                    weight = weight - share * step
                    break
            if before - loss < _LEAST_GAIN:
                break
        return cls(tuple(mean), tuple(scale), tuple(weight), 0.0)

    def __call__(self, feature: Floats) -> Floats:
        """Logits, (..., features) to (...)."""
        standard = (feature - np.array(self.mean)) / np.array(self.scale)
        logits: Floats = np.clip(standard, -_FARTHEST, _FARTHEST) @ np.array(self.weight) + self.bias
        return logits


def _log_share(score: Floats) -> Floats:
    """Logarithms of the shares of candidates, (spectra, candidates), by their logits."""
    score = score - score.max(1, keepdims=True)
    shares: Floats = score - np.log(np.exp(score).sum(1, keepdims=True))
    return shares


def _choice_loss(
    x: Floats, exists: NDArray[np.bool_], right: NDArray[np.bool_], importance: Floats, weight: Floats
) -> float:
    """Mean cross-entropy of a choice among candidates, and the penalty."""
    share = _log_share(np.where(exists, x @ weight, -np.inf))
    chance = np.exp(np.where(right, share, -np.inf)).sum(1)
    return float(-importance @ np.log(np.maximum(chance, 1e-300)) + _PENALTY * weight @ weight / 2)


def sigmoid(x: Floats) -> Floats:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def logit(p: Floats) -> Floats:
    """Its inverse, finite at 0 and 1."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


@dataclass(frozen=True)
class ResidueCalibration:
    """Confidences of a residue, with the rank of its peptide, as the probability that the residue is right.

    Attributes
    ----------
    sources : the confidences that are combined.
    combine : of their logits and the peptide's rank.
    curve : of that logit.
    """

    sources: tuple[str, ...]
    combine: Logistic
    curve: Isotonic

    @classmethod
    def fit(
        cls, sources: tuple[str, ...], confidence: Mapping[Any, Floats], rank: Floats, right: NDArray[np.bool_]
    ) -> "ResidueCalibration":
        """Fit it.

        Parameters
        ----------
        confidence : source → (residues,), 0…1.
        rank : (residues,), logit of the peptide that each stands in.
        right : (residues,).
        """
        feature = _residue_feature(sources, confidence, rank)
        combine = Logistic.fit(feature, right)
        return cls(sources, combine, Isotonic.fit(*with_doubt(combine(feature), right)))

    def __call__(self, confidence: Mapping[Any, Floats], rank: Floats) -> Floats:
        """Probabilities; all arrays of the same shape."""
        return self.curve(self.combine(_residue_feature(self.sources, confidence, rank)))


def _residue_feature(sources: tuple[str, ...], confidence: Mapping[Any, Floats], rank: Floats) -> Floats:
    return np.stack([*(logit(confidence[name]) for name in sources), rank], -1)


@dataclass(frozen=True)
class Calibration:
    """All that is fitted.

    Attributes
    ----------
    residue : confidence source → probability of a residue to be right.
    choice : ``CHOICE_FEATURES`` of a candidate as a number; the candidate with the highest is the answer.
    rank : ``ANSWER_FEATURES`` as the logit that the answer is right.
    peptide : that logit as the probability that it is right.
    outlier : ``ANSWER_FEATURES`` as the logit that the spectrum is none to read a peptide from.
    fitted_on : how many spectra of what, for people.
    """

    residue: dict[str, ResidueCalibration]
    choice: Logistic
    rank: Logistic
    peptide: Isotonic
    outlier: Logistic
    fitted_on: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write it beside the weights."""
        content = {"format_version": _FORMAT_VERSION, "features": ANSWER_FEATURES, **asdict(self)}
        write_atomically(folder / CALIBRATION_FILE, (json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> "Calibration | None":
        """The calibration of a model, if it has one.

        Raises
        ------
        CorruptedDataError : it cannot be read, or is of another version.
        """
        path = folder / CALIBRATION_FILE
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text())
            if (content["format_version"], *content.get("features", ())) != (_FORMAT_VERSION, *ANSWER_FEATURES):
                raise ValueError("it is of another version")
            return cls(
                residue={name: _residue(values) for name, values in content["residue"].items()},
                choice=_logistic(content["choice"]),
                rank=_logistic(content["rank"]),
                peptide=_isotonic(content["peptide"]),
                outlier=_logistic(content["outlier"]),
                fitted_on=content["fitted_on"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptedDataError(
                f"the calibration cannot be read ({error})", path=path, remedy="Fit it again: peptrm calibrate"
            ) from error


def _residue(values: dict[str, Any]) -> ResidueCalibration:
    return ResidueCalibration(tuple(values["sources"]), _logistic(values["combine"]), _isotonic(values["curve"]))


def _isotonic(values: dict[str, list[float]]) -> Isotonic:
    return Isotonic(tuple(values["score"]), tuple(values["probability"]))


def _logistic(values: dict[str, Any]) -> Logistic:
    return Logistic(tuple(values["mean"]), tuple(values["scale"]), tuple(values["weight"]), float(values["bias"]))


def expected_calibration_error(probability: Floats, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, by their cases (Guo et al. 2017, eq. 3).

    Parameters
    ----------
    probability : (cases,), 0…1.
    right : (cases,).
    """
    if len(probability) == 0:
        return float("nan")
    place = np.minimum((probability * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    confidence, accuracy = np.bincount(place, probability, bins), np.bincount(place, right, bins)
    return float(np.abs(confidence - accuracy).sum() / counts.sum())
