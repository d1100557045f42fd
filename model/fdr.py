"""False discovery rate: the share of wrong peptides to expect among those that score at least as well."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.outliers import wrong_precursor
from data.predictions import Prediction
from data.schema import Spectrum
from model.inference import Sequencer

Estimate = Literal["probability", "decoys"]
"""By the calibrated probabilities themselves, or by the scores of the same spectra with shifted precursors."""

_DECOY_SEED = 1


def q_values(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least estimated rate at which each peptide is accepted, from calibrated probabilities.

    The estimate of a set is the mean of its probabilities to be wrong (Keller et al. 2002; as Winnow does for de novo
    peptides).

    Parameters
    ----------
    probability : (peptides,), to be right.
    """
    order = np.argsort(-probability, kind="stable")
    rate = np.cumsum(1 - probability[order]) / np.arange(1, len(order) + 1)
    return _least_from_here(rate, order)


def decoy_q_values(score: NDArray[np.float64], decoy_score: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same from decoys, which are certainly wrong: decoys over targets of at least this score.

    It supposes that wrong peptides score as decoys do (Elias and Gygi 2007, with one decoy a target). Wrong peptides
    of the right mass are often right in part and score higher: then the estimate is too low (docs/confidence.md).

    Parameters
    ----------
    score : (peptides,).
    decoy_score : (decoys,), of the same spectra with shifted precursors.
    """
    order = np.argsort(-score, kind="stable")
    decoys = np.sort(decoy_score)
    above = len(decoys) - np.searchsorted(decoys, score[order], "left")
    rate = np.minimum(above * len(score) / max(len(decoys), 1) / np.arange(1, len(order) + 1), 1.0)
    return _least_from_here(rate, order)


def _least_from_here(rate: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """The least rate at this or a lower score, in the order of the peptides."""
    values = np.empty(len(order))
    values[order] = np.minimum.accumulate(rate[::-1])[::-1]
    return values


def sequence_with_decoys(
    sequencer: Sequencer, spectra: Iterable[Spectrum], steps: int | None
) -> Iterator[tuple[Prediction, float]]:
    """Each prediction, and the score that its spectrum gets with a shifted precursor."""
    rng = np.random.default_rng(_DECOY_SEED)
    iterator = iter(spectra)
    while batch := list(islice(iterator, sequencer.batch_size)):
        decoys = sequencer.sequence(wrong_precursor(batch, rng), steps)
        for prediction, decoy in zip(sequencer.sequence(batch, steps), decoys, strict=True):
            yield prediction, decoy.peptide_score


def accepted(
    predictions: Sequence[Prediction], rate: float, decoy_score: Sequence[float] | None = None
) -> list[Prediction]:
    """The predictions, in their order, of which at most this share is estimated to be wrong.

    Parameters
    ----------
    rate : 0…1.
    decoy_score : of the spectra with shifted precursors; None: estimate from the probabilities.
    """
    answered = [prediction for prediction in predictions if prediction.peptidoform]
    score = np.array([prediction.peptide_score for prediction in answered])
    values = q_values(score) if decoy_score is None else decoy_q_values(score, np.array(decoy_score))
    return [replace(p, q_value=float(q)) for p, q in zip(answered, values, strict=True) if q <= rate]
