"""Preprocessing: what is done to every spectrum, of whatever source, before the network sees it."""

import numpy as np
from numpy.typing import NDArray

from data.chemistry import ISOTOPE_SPACING
from data.errors import InputError
from data.peaks import PeakBatch, pack
from data.settings import PreprocessingSettings

_ISOTOPE_CHARGES = (1, 2)


def preprocess(peaks: PeakBatch, settings: PreprocessingSettings) -> PeakBatch:
    """Clean, thin and scale peak lists.

    In this order: m/z range, precursor removal, faint peaks, isotopes (if asked), strongest per window, strongest
    of all, intensity scaling.

    Returns
    -------
    Peaks sorted by m/z, at most ``max_peaks`` a spectrum, the strongest of intensity 1.

    Raises
    ------
    InputError : ``intensity_scaling`` is none of root, log and linear.
    """
    mz, intensity = peaks.mz, peaks.intensity
    keep = (mz >= settings.min_mz) & (mz <= settings.max_mz) & (intensity > 0)
    keep &= np.abs(mz - peaks.precursor_mz[:, None]) > settings.precursor_tolerance_da
    base = np.where(keep, intensity, 0).max(1, initial=0)[:, None]
    keep &= intensity >= settings.min_relative_intensity * base
    if settings.deisotope:
        keep &= ~_is_isotope(mz, np.where(keep, intensity, 0), settings.isotope_tolerance_ppm)
    window = np.where(keep, mz, 0) // settings.window_da
    keep &= rank_in_group(window, intensity, keep) < settings.peaks_per_window
    keep &= rank_in_group(np.zeros_like(mz), intensity, keep) < settings.max_peaks
    return pack(mz, _scaled(intensity, base, settings.intensity_scaling), keep, peaks)


def rank_in_group(
    group: NDArray[np.float64], intensity: NDArray[np.float32], keep: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Rank by falling intensity of each kept peak within its group; groups ascend along a row. (batch, peaks)."""
    group = np.where(keep, group, np.inf)
    order = np.lexsort((-intensity, group), axis=1)
    sorted_group = np.take_along_axis(group, order, 1)
    position = np.broadcast_to(np.arange(group.shape[1]), group.shape)
    starts = np.ones(group.shape, bool)
    starts[:, 1:] = sorted_group[:, 1:] != sorted_group[:, :-1]
    first = np.maximum.accumulate(np.where(starts, position, 0), axis=1)
    rank = np.empty(group.shape, np.int64)
    np.put_along_axis(rank, order, position - first, 1)
    return rank


def _is_isotope(mz: NDArray[np.float64], intensity: NDArray[np.float32], tolerance_ppm: float) -> NDArray[np.bool_]:
    """Peaks one 13C above a peak at least half as strong, at charge 1 or 2. (batch, peaks)."""
    isotope = np.zeros(mz.shape, bool)
    for row in np.flatnonzero(np.isfinite(mz).any(1)):
        count = int(np.isfinite(mz[row]).sum())
        here, height = mz[row, :count], intensity[row, :count]
        for charge in _ISOTOPE_CHARGES:
            lighter = here - ISOTOPE_SPACING / charge
            nearest = np.clip(np.searchsorted(here, lighter), 1, max(count - 1, 1)) if count > 1 else np.zeros(1, int)
            for position in (nearest - 1, nearest):
                position = np.clip(position, 0, count - 1)
                near = np.abs(here[position] - lighter) <= lighter * tolerance_ppm * 1e-6
                isotope[row, :count] |= near & (height[position] >= 0.5 * height) & (height > 0)
    return isotope


def _scaled(intensity: NDArray[np.float32], base: NDArray[np.float32], scaling: str) -> NDArray[np.float32]:
    relative: NDArray[np.float32] = np.clip(intensity / np.where(base > 0, base, 1), 0, 1)
    if scaling == "root":
        return np.sqrt(relative, dtype=np.float32)
    if scaling == "log":
        logarithmic: NDArray[np.float32] = (np.log1p(1000 * relative) / np.log(1001)).astype(np.float32)
        return logarithmic
    if scaling == "linear":
        return relative
    raise InputError(
        f"unknown intensity scaling '{scaling}'",
        record="preprocessing.intensity_scaling",
        remedy="Use root, log or linear",
    )
