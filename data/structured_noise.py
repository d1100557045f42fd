"""The peaks that real spectra hold and predicted ones lack: isotopes, losses, a and immonium ions, internal fragments.

All functions take an annotation of the batch and return m/z (batch, n) float64 and intensity (batch, n) float32,
where intensity 0 means no peak. Probabilities and heights follow the noise level of each row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.chemistry import (
    AMMONIA,
    CARBON_MONOXIDE,
    ION_SERIES,
    ISOTOPE_SPACING,
    PROTON,
    WATER,
    fragment_mz,
    neutral_mass,
    precursor_mz,
)
from data.peaks import PeakBatch
from data.settings import NoiseSettings
from data.vocabulary import STOP, VOCABULARY

Peaks = tuple[NDArray[np.float64], NDArray[np.float32]]

_CARBON_13_PER_DA = 0.00055
"""Expected 13C atoms a Da: averagine has 4.9384 C in 111.1254 Da (Senko et al. 1995), 1.07% of C is 13C."""

_MAX_INTERNAL_RESIDUES = 5
_FAINTEST = np.float32(1e-4)
_MATCH_DA = 0.002
"""A stored peak so near a theoretical ion is that ion: the stored spectra carry no mass error yet."""

_LOSES_WATER = np.array([token.residue in "STED" and token.residue != "" for token in VOCABULARY.tokens])
_LOSES_AMMONIA = np.array([token.residue in "RKNQ" and token.residue != "" for token in VOCABULARY.tokens])
_IS_RESIDUE = np.array([token.residue != "" for token in VOCABULARY.tokens])


@dataclass
class Annotation:
    """The theoretical ions of each row and how strong they are in its spectrum.

    Attributes
    ----------
    tokens : (batch, slots) int64.
    prefix_mass : (batch, slots) float64, Da, up to and including each slot.
    length : (batch,) int64, slots used.
    mz, intensity : (batch, series, slots): ions of the cleavage behind each slot; intensity 0 where there is none.
    """

    tokens: NDArray[np.int64]
    prefix_mass: NDArray[np.float64]
    length: NDArray[np.int64]
    mz: NDArray[np.float64]
    intensity: NDArray[np.float32]


def annotate(peaks: PeakBatch, tokens: NDArray[np.int64], gap_mass: NDArray[np.float64] | None = None) -> Annotation:
    """Find the intensity of each b, y, b++ and y++ ion among the stored peaks.

    Parameters
    ----------
    tokens : (batch, slots), padded with 0.
    gap_mass : (batch, slots), Da, of the ``GAP`` tokens.
    """
    tokens = np.asarray(tokens, np.int64)
    prefix = (VOCABULARY.masses[tokens] + (0.0 if gap_mass is None else gap_mass)).cumsum(1)
    length = (tokens > STOP).sum(1)
    mass = neutral_mass(peaks.precursor_mz, peaks.charge)[:, None]
    mz = np.stack([fragment_mz(prefix, mass, series) for series in ION_SERIES], 1)
    cleaved = (np.arange(tokens.shape[1]) < length[:, None] - 1) & ~VOCABULARY.is_terminal[tokens]
    found = _intensity_at(peaks, mz.reshape(len(mz), -1)).reshape(mz.shape)
    return Annotation(tokens, prefix, length, mz, (found * cleaved[:, None]).astype(np.float32))


def _intensity_at(peaks: PeakBatch, query: NDArray[np.float64]) -> NDArray[np.float32]:
    """(batch, queries): intensity of the nearest peak if it lies within the matching distance, else 0.

    One search for all rows: each row's peaks are moved to an interval of their own.
    """
    batch, width = peaks.mz.shape
    if width == 0:
        return np.zeros(query.shape, np.float32)
    offset = 1e5 * np.arange(batch)[:, None]
    keys = (np.minimum(peaks.mz, 5e4) + offset).ravel()
    position = np.searchsorted(keys, (query + offset).ravel()).reshape(query.shape)
    best = np.zeros(query.shape, np.float32)
    for candidate in (position - 1, position):
        candidate = np.clip(candidate, 0, keys.size - 1)
        near = np.abs(keys[candidate] - query - offset) <= _MATCH_DA
        best = np.maximum(best, np.where(near, peaks.intensity.ravel()[candidate], 0))
    return best


def isotopes(ions: Annotation, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator) -> Peaks:
    """First and second 13C peaks of each ion, Poisson in the fragment's mass."""
    charge = np.array([series.charge for series in ION_SERIES])[:, None]
    expected = np.clip((ions.mz - PROTON) * charge * _CARBON_13_PER_DA, 0, None)
    seen = (rng.random(len(level)) < level)[:, None, None] * settings.isotopes
    first = ions.intensity * expected * seen
    second = first * expected / 2
    mz = np.stack([ions.mz + ISOTOPE_SPACING / charge, ions.mz + 2 * ISOTOPE_SPACING / charge])
    return _flat(mz[0], mz[1]), _flat(first, second).astype(np.float32)


def neutral_losses(
    ions: Annotation, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> Peaks:
    """Water from b and y fragments with S, T, E or D, ammonia from those with R, K, N or Q."""
    mz, intensity = [], []
    for loss, possible in zip((WATER, AMMONIA), losing_residues(ions.tokens), strict=True):
        happens = rng.random(possible.shape) < settings.neutral_loss_probability * level[:, None, None]
        height = rng.uniform(0.02, 0.5, possible.shape)
        mz.append(ions.mz[:, :2] - loss)
        intensity.append(ions.intensity[:, :2] * height * (possible & happens))
    return _flat(*mz), _flat(*intensity).astype(np.float32)


def losing_residues(tokens: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """Which b and y ions hold a residue that loses water, and which one that loses ammonia: (batch, 2, slots) each."""
    counts = [loses[tokens].cumsum(1) for loses in (_LOSES_WATER, _LOSES_AMMONIA)]
    return [np.stack([count > 0, count[:, -1:] - count > 0], 1) for count in counts]


def a_ions(ions: Annotation, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator) -> Peaks:
    """b ions that lost carbon monoxide."""
    b = ions.intensity[:, 0]
    happens = rng.random(b.shape) < settings.a_ion_probability * level[:, None]
    return ions.mz[:, 0] - CARBON_MONOXIDE, (b * rng.uniform(0.05, 0.8, b.shape) * happens).astype(np.float32)


def immonium_ions(
    ions: Annotation, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> Peaks:
    """Residue − CO + proton, one a kind of residue in the peptide."""
    present = np.zeros((len(level), len(VOCABULARY)), bool)
    np.put_along_axis(present, ions.tokens, True, 1)
    happens = rng.random(present.shape) < settings.immonium_probability * level[:, None]
    mz = np.broadcast_to(VOCABULARY.masses - CARBON_MONOXIDE + PROTON, present.shape)
    height = rng.uniform(0.01, 0.3, present.shape)
    return mz, (height * (present & happens & _IS_RESIDUE)).astype(np.float32)


def internal_fragments(
    ions: Annotation, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> Peaks:
    """Singly charged b-type pieces of 2 to 5 residues from within the peptide."""
    most = 2 * settings.internal_fragments
    shape = (len(level), most)
    if most == 0:
        return np.zeros(shape), np.zeros(shape, np.float32)
    count = np.minimum(rng.poisson(settings.internal_fragments * level), most)
    start = 1 + np.floor(rng.random(shape) * np.maximum(ions.length - 3, 1)[:, None]).astype(np.int64)
    end = start + rng.integers(1, _MAX_INTERNAL_RESIDUES, shape)
    valid = (end < ions.length[:, None] - 1) & (np.arange(most) < count[:, None])
    end = np.minimum(end, ions.tokens.shape[1] - 1)
    start = np.minimum(start, ions.tokens.shape[1] - 1)
    mass = np.take_along_axis(ions.prefix_mass, end, 1) - np.take_along_axis(ions.prefix_mass, start - 1, 1)
    height = 0.25 * rng.random(shape) ** 3 + _FAINTEST
    return mass + PROTON, (height * valid).astype(np.float32)


def triply_charged(
    peaks: PeakBatch, ions: Annotation, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> Peaks:
    """b+++ and y+++ of precursors of charge 3 and more, next to a singly charged ion of at least 900 Da."""
    mass = (ions.mz[:, :2] - PROTON) * (ions.intensity[:, :2] > 0)
    possible = (mass > 900) & (peaks.charge >= 3)[:, None, None]
    happens = rng.random(mass.shape) < settings.triply_charged_probability * level[:, None, None]
    intensity = ions.intensity[:, :2] * rng.uniform(0.05, 0.5, mass.shape) * (possible & happens)
    return _flat(mass / 3 + PROTON), _flat(intensity).astype(np.float32)


def precursor_peaks(
    peaks: PeakBatch, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> Peaks:
    """What is left of the precursor, and the precursor without water or ammonia."""
    mass = neutral_mass(peaks.precursor_mz, peaks.charge)
    mz = np.stack([precursor_mz(mass - loss, peaks.charge) for loss in (0.0, WATER, AMMONIA)], 1)
    happens = rng.random(mz.shape) < settings.precursor_probability * level[:, None]
    return mz, (rng.uniform(0.05, 0.6, mz.shape) * happens).astype(np.float32)


def coisolated(
    peaks: PeakBatch, settings: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> Peaks:
    """Peaks of another row of the batch, fainter: a second peptide in the isolation window."""
    batch = len(level)
    happens = rng.random(batch) < settings.coisolation_probability * level
    other = (np.arange(batch) + rng.integers(1, max(batch, 2), batch)) % batch
    happens &= other != np.arange(batch)
    height = settings.coisolation_intensity * rng.uniform(0.3, 1.0, batch) * happens
    return peaks.mz[other], (peaks.intensity[other] * height[:, None]).astype(np.float32)


def _flat(*parts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Parts (batch, ...) side by side as (batch, n)."""
    return np.concatenate([part.reshape(len(part), -1) for part in parts], 1)
