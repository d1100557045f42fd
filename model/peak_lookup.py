"""Look-ups among the peaks of a batch of spectra: the strongest peak near a place, and which peaks are isotopes."""

from typing import NamedTuple

import torch
from torch import Tensor

from data.chemistry import ISOTOPE_SPACING

_LIGHTER_ISOTOPE = 0.7
"""A peak is a later isotope of the one before it if that one is at least so strong; of root intensities."""

_HEAVIER_ISOTOPE = 1.5
"""A peak has a later isotope in the one behind it if that one is at most so strong; of root intensities."""


class Found(NamedTuple):
    """What look-ups found; each (batch, queries).

    Attributes
    ----------
    value : 0 where no key is near.
    distance : absolute; the tolerance where no key is near.
    position : of the key found; any where no key is near.
    """

    value: Tensor
    distance: Tensor
    position: Tensor


def strongest_within(keys: Tensor, values: Tensor, query: Tensor, tolerance: Tensor) -> Found:
    """Of the two keys next to each query the stronger one that lies within the tolerance.

    Parameters
    ----------
    keys : (batch, keys), ascending.
    values : (batch, keys), not negative.
    query, tolerance : (batch, queries).
    """
    right = torch.searchsorted(keys, query)
    best = torch.zeros_like(query)
    nearest = tolerance.clone()
    place = torch.zeros_like(right)
    for position in (right - 1, right):
        position = position.clamp(0, keys.shape[1] - 1)
        distance = (keys.gather(1, position) - query).abs()
        value = values.gather(1, position) * (distance <= tolerance)
        better = value > best
        best = torch.where(better, value, best)
        nearest = torch.where(better, distance, nearest)
        place = torch.where(better, position, place)
    return Found(best, nearest, place)


def nearest_distance(keys: Tensor, query: Tensor) -> Tensor:
    """(batch, queries): distance to the nearest of the ascending keys, which are padded with +inf."""
    if keys.shape[1] == 0:
        return torch.full_like(query, torch.inf)
    right = torch.searchsorted(keys, query.contiguous()).clamp(max=keys.shape[1] - 1)
    left = (right - 1).clamp(min=0)
    distances = [(keys.gather(1, place) - query).abs() for place in (left, right)]
    return torch.minimum(*distances).nan_to_num(torch.inf, torch.inf, torch.inf)


def isotope_marks(mz: Tensor, intensity: Tensor, charge: int, tolerance_da: Tensor) -> Tensor:
    """Which peaks have a 13C isotope of this charge behind them (1), are one (−1), or neither or both (0).

    Parameters
    ----------
    mz : (batch, peaks) float64, Th, ascending, padded with +inf.
    intensity, tolerance_da : (batch, peaks) float32.
    """
    keys, spacing = mz.float().contiguous(), ISOTOPE_SPACING / charge
    heavier = strongest_within(keys, intensity, (mz + spacing).float(), tolerance_da).value
    lighter = strongest_within(keys, intensity, (mz - spacing).float(), tolerance_da).value
    first = (heavier > 0) & (heavier <= _HEAVIER_ISOTOPE * intensity)
    later = (lighter > 0) & (lighter >= _LIGHTER_ISOTOPE * intensity)
    return (first.float() - later.float()) * (intensity > 0)
