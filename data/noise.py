"""Noise: predicted spectra made like measured ones, drawn anew for every batch and vectorised over it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

import data.structured_noise as structured
from data.peaks import PeakBatch, pack
from data.settings import NoiseSettings

_LOWEST_NOISE_MZ = 100.0
_FAINT_DECAY = 12.0
"""How fast the extra dropout falls with relative intensity: a peak of 10% of the base peak keeps 30% of it."""


def add_noise(
    peaks: PeakBatch,
    tokens: NDArray[np.int64],
    settings: NoiseSettings,
    level: NDArray[np.float64],
    rng: np.random.Generator,
    gap_mass: NDArray[np.float64] | None = None,
) -> PeakBatch:
    """Spectra with noise.

    Parameters
    ----------
    peaks : predicted spectra, base peak = 1.
    tokens : (batch, slots) int64, the peptides, padded with 0.
    level : (batch,), 0…1: scales every probability, count and width. Rows of level 0 come back as they were.
    gap_mass : (batch, slots), Da, of the ``GAP`` tokens, where there are any.

    Returns
    -------
    Spectra with base peak = 1, sorted by m/z; their ``noise_level`` is the level.
    """
    level = np.asarray(level, np.float64)
    peaks = replace(peaks, noise_level=level.astype(np.float32))
    noisy = np.flatnonzero(level > 0)
    if len(noisy) == 0:
        return peaks
    gaps = None if gap_mass is None else gap_mass[noisy]
    made = _noisy_rows(peaks.select(noisy), tokens[noisy], gaps, settings, level[noisy], rng)
    if len(noisy) == len(level):
        return made
    width = max(peaks.mz.shape[1], made.mz.shape[1])
    mz = np.full((len(level), width), np.inf)
    intensity = np.zeros((len(level), width), np.float32)
    mz[:, : peaks.mz.shape[1]], intensity[:, : peaks.mz.shape[1]] = peaks.mz, peaks.intensity
    mz[noisy], intensity[noisy] = np.inf, 0
    mz[noisy, : made.mz.shape[1]], intensity[noisy, : made.mz.shape[1]] = made.mz, made.intensity
    precursor_mz = peaks.precursor_mz.copy()
    precursor_mz[noisy] = made.precursor_mz
    return replace(peaks, mz=mz, intensity=intensity, precursor_mz=precursor_mz)


def _noisy_rows(
    peaks: PeakBatch,
    tokens: NDArray[np.int64],
    gap_mass: NDArray[np.float64] | None,
    settings: NoiseSettings,
    level: NDArray[np.float64],
    rng: np.random.Generator,
) -> PeakBatch:
    peaks = replace(peaks, intensity=_varied(peaks.intensity, settings, level, rng))
    ions = structured.annotate(peaks, tokens, gap_mass)
    parts = [
        (peaks.mz, peaks.intensity),
        structured.isotopes(ions, settings, level, rng),
        structured.neutral_losses(ions, settings, level, rng),
        structured.a_ions(ions, settings, level, rng),
        structured.immonium_ions(ions, settings, level, rng),
        structured.internal_fragments(ions, settings, level, rng),
        structured.triply_charged(peaks, ions, settings, level, rng),
        structured.precursor_peaks(peaks, settings, level, rng),
        structured.coisolated(peaks, settings, level, rng),
        _anywhere(peaks, settings, level, rng),
    ]
    mz = np.concatenate([mz for mz, _ in parts], 1)
    intensity = np.concatenate([intensity for _, intensity in parts], 1)
    mz = _misread(mz, settings, level, rng)
    keep = (intensity > 0) & np.isfinite(mz) & (mz > 0)
    base = np.where(keep, intensity, 0).max(1, initial=0, keepdims=True)
    error_ppm = settings.precursor_error_ppm * level * rng.standard_normal(len(level))
    read = replace(peaks, precursor_mz=peaks.precursor_mz * (1 + 1e-6 * error_ppm))
    return pack(mz, intensity / np.maximum(base, np.finfo(np.float32).tiny), keep, read)


def _varied(
    intensity: NDArray[np.float32], settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Log-normal intensity variation, then dropout that takes faint peaks more often."""
    varied = intensity * np.exp(settings.intensity_sigma * level[:, None] * rng.standard_normal(intensity.shape))
    lost = settings.peak_dropout + settings.faint_peak_dropout * np.exp(-_FAINT_DECAY * intensity)
    kept: NDArray[np.float32] = (varied * (rng.random(intensity.shape) >= lost * level[:, None])).astype(np.float32)
    return kept


def _anywhere(
    peaks: PeakBatch, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> structured.Peaks:
    """Peaks anywhere between 100 Th and the precursor's mass, their number Poisson."""
    most = 2 * settings.noise_peaks
    count = np.minimum(rng.poisson(settings.noise_peaks * level), most)
    highest = np.maximum(peaks.precursor_mz * peaks.charge, _LOWEST_NOISE_MZ + 1)[:, None]
    mz = rng.uniform(_LOWEST_NOISE_MZ, highest, (len(level), most))
    height = 0.3 * rng.random(mz.shape) ** 3 + 1e-4
    return mz, (height * (np.arange(most) < count[:, None])).astype(np.float32)


def _misread(
    mz: NDArray[np.float64], settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Mass errors: one of the whole spectrum, and one of each peak."""
    each = settings.peak_error_ppm * rng.standard_normal(mz.shape, np.float32)
    shared = settings.spectrum_error_ppm * rng.standard_normal((len(mz), 1))
    misread: NDArray[np.float64] = mz * (1 + 1e-6 * level[:, None] * (each + shared))
    return misread
