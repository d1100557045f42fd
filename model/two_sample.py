"""The classifier two-sample test: how well a classifier tells measured spectra from made ones of the same peptides.

The area under its ROC curve is 0.5 where it cannot tell them apart, 1 where it never errs (Lopez-Paz & Oquab 2017).
It sees what a spectroscopist would look at, in numbers; and it is judged on peptides that it was not trained on.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from data.noise_moments import match, unexplained
from data.pairs import Pairs
from data.structured_noise import annotate
from model.metrics import area_under_roc

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_BINS = ((0.3, np.inf), (0.1, 0.3), (0.03, 0.1), (0.0, 0.03))
"""Predicted relative intensities by which ions are looked at apart."""
_WIDTH, _EPOCHS, _BATCH, _RATE = 32, 40, 64, 3e-3


def spectrum_features(pairs: Pairs, tolerance_ppm: float) -> NDArray[np.float64]:
    """(spectra, features): peaks, ions found and how strong, what is unexplained, mass errors; all finite.

    Parameters
    ----------
    pairs : preprocessed, linear intensities.
    """
    peaks = pairs.measured
    ions = annotate(pairs.predicted, pairs.tokens)
    seen = match(peaks, ions.mz, tolerance_ppm)
    predicted = ions.intensity > 0
    foreign = unexplained(peaks, ions, tolerance_ppm)
    present = peaks.intensity > 0
    total = peaks.intensity.sum(1).clip(1e-9)
    height = np.where(present, peaks.intensity, np.nan)
    strange = np.where(foreign, peaks.intensity, np.nan)
    ratio = np.where(
        seen.found & predicted, np.log(seen.intensity.clip(1e-6)) - np.log(ions.intensity.clip(1e-6)), np.nan
    )
    error = np.where(seen.found & (ions.intensity >= 0.1), seen.error_ppm, np.nan)
    share = peaks.intensity / total[:, None]
    columns: list[NDArray[np.floating]] = [
        present.sum(1) / 100,
        foreign.sum(1) / 100,
        -(share * np.log(share.clip(1e-9))).sum(1),
        *np.log(_quantiles(height, _QUANTILES).clip(1e-6)),
        *np.log(_quantiles(strange, _QUANTILES).clip(1e-6)),
        np.nansum(strange, 1) / total,
        *(np.where(predicted, seen.intensity, 0).sum(2) / total[:, None]).T,
        _median(np.where(foreign, peaks.mz / pairs.predicted.precursor_mz[:, None], np.nan)),
        _cosine(seen.intensity * predicted, ions.intensity),
        np.abs(_median(error)),
        _spread(error),
        _spread(ratio.reshape(len(peaks), -1)),
    ]
    for low, high in _BINS:
        asked = predicted & (ions.intensity >= low) & (ions.intensity < high)
        columns.append((seen.found & asked).sum((1, 2)) / np.maximum(asked.sum((1, 2)), 1))
        columns.append(_median(np.where(asked, ratio, np.nan)))
    return np.nan_to_num(np.stack(columns, 1).astype(np.float64), posinf=0.0, neginf=0.0)


def distinguishability(
    measured: NDArray[np.float64],
    made: NDArray[np.float64],
    groups: NDArray[np.int64],
    seed: int,
    folds: int = 5,
) -> float:
    """Area under the ROC curve of a small network that tells the two apart, on peptides that it was not trained on.

    Parameters
    ----------
    measured, made : (spectra, features) of the same peptides, row by row.
    groups : (spectra,), of rows that share a peptide: they are never on both sides of a fold.
    """
    x = np.concatenate([measured, made])
    scale = x.std(0) + 1e-9
    features = torch.from_numpy((x - x.mean(0)) / scale).float()
    target = torch.from_numpy(np.repeat([1.0, 0.0], [len(measured), len(made)])).float()
    fold_of = np.random.default_rng(seed).permutation(int(groups.max()) + 1) % folds
    fold = torch.from_numpy(np.tile(fold_of[groups], 2))
    scores = torch.zeros(len(x))
    for number in range(folds):
        held = fold == number
        scores[held] = _classified(features[~held], target[~held], features[held], seed + number)
    found = scores.double().numpy()
    return area_under_roc(found[len(measured) :], found[: len(measured)])


def _classified(x: Tensor, target: Tensor, unseen: Tensor, seed: int) -> Tensor:
    """Logits of the unseen rows by a network trained on the others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(x.shape[1], _WIDTH), nn.GELU(), nn.Dropout(0.2), nn.Linear(_WIDTH, _WIDTH), nn.GELU(),
            nn.Linear(_WIDTH, 1),
        )  # fmt: skip
        optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01)
        for _ in range(_EPOCHS):
            for rows in torch.randperm(len(x)).split(_BATCH):
                optimizer.zero_grad()
                logits = network(x[rows]).squeeze(-1)
                functional.binary_cross_entropy_with_logits(logits, target[rows]).backward()
                optimizer.step()
    with torch.no_grad():
        scores: Tensor = network.eval()(unseen).squeeze(-1)
    return scores


def _quantiles(values: NDArray[np.floating], at: tuple[float, ...]) -> NDArray[np.float64]:
    """(quantiles, batch) of the values of each row that are no NaN; 0 where there are none."""
    some = np.isfinite(values).any(1)
    found = np.zeros((len(at), len(values)))
    if some.any():
        found[:, some] = np.nanquantile(values[some], at, axis=1)
    return found


def _median(values: NDArray[np.floating]) -> NDArray[np.float64]:
    median: NDArray[np.float64] = _quantiles(values.reshape(len(values), -1), (0.5,))[0]
    return median


def _spread(values: NDArray[np.floating]) -> NDArray[np.float64]:
    flat = values.reshape(len(values), -1)
    return _median(np.abs(flat - _median(flat)[:, None]))


def _cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    a, b = np.sqrt(a).reshape(len(a), -1), np.sqrt(b).reshape(len(b), -1)
    cosine: NDArray[np.float64] = (a * b).sum(1) / np.sqrt(((a**2).sum(1) * (b**2).sum(1)).clip(1e-12))
    return cosine
