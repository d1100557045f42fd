"""Unknown masses for training: a residue that carries a mass nobody told of, or a stretch without cleavages.

A peptide whose residue k weighs δ more than the table says has every fragment that holds the residue δ heavier, and
so its precursor. Its k-th token becomes ``GAP``, whose mass is the residue's plus δ. A stretch of two or three
residues between which no fragment was seen becomes one ``GAP``, too: its order is not in the spectrum.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.chemistry import ION_SERIES, fragment_mz, neutral_mass, precursor_mz
from data.peaks import PeakBatch, pack
from data.structured_noise import annotate
from data.vocabulary import GAP, MAX_GAP_MASS, PAD, STOP, VOCABULARY

SHIFT_RANGE_DA = (-80.0, 250.0)
"""Of an unknown modification: the range that most entries of Unimod lie in."""

_MIN_GAP_MASS = 20.0
_TELLABLE_DA = 0.05
"""A shifted residue this near to a residue of the vocabulary would be that residue to any reader."""

_STRETCH_SHARE = 0.5
_LONGEST_STRETCH = 3


@dataclass
class Masked:
    """Peptides some of whose residues became gaps.

    Attributes
    ----------
    peaks : with the shifted fragments and precursors.
    tokens : (batch, slots) int64.
    gap_mass : (batch, slots) float64, Da: the mass of each ``GAP``, 0 elsewhere.
    """

    peaks: PeakBatch
    tokens: NDArray[np.int64]
    gap_mass: NDArray[np.float64]


def mask(peaks: PeakBatch, tokens: NDArray[np.int64], share: float, rng: np.random.Generator) -> Masked:
    """Turn a residue or a stretch of some peptides into a gap.

    Parameters
    ----------
    peaks : predicted spectra without noise: b, y, b++ and y++ ions.
    tokens : (batch, slots) int64, peptides with their stop, padded.
    share : of the rows, 0…1.
    """
    masked = Masked(peaks, tokens.copy(), np.zeros(tokens.shape))
    if share == 0:
        return masked
    chosen = rng.random(len(tokens)) < share
    stretched = rng.random(len(tokens)) < _STRETCH_SHARE
    prefix, kept = VOCABULARY.masses[tokens], np.ones((len(tokens), tokens.shape[1]), bool)
    for row in np.flatnonzero(chosen):
        if stretched[row]:
            _hide_stretch(masked, kept, int(row), rng)
        else:
            _shift_residue(masked, prefix, int(row), rng)
    masked.peaks = _rebuilt(peaks, tokens, prefix, kept, chosen)
    return masked


def _shift_residue(masked: Masked, masses: NDArray[np.float64], row: int, rng: np.random.Generator) -> None:
    """Give one residue of the row another mass, in ``masses``, the tokens and the gap masses."""
    site = _residue(masked.tokens[row], 1, rng)
    mass = masses[row, site] + rng.uniform(*SHIFT_RANGE_DA)
    if not _MIN_GAP_MASS <= mass <= MAX_GAP_MASS or np.abs(VOCABULARY.masses - mass).min() < _TELLABLE_DA:
        return
    masses[row, site] = mass
    masked.tokens[row, site] = GAP
    masked.gap_mass[row, site] = mass


def _hide_stretch(masked: Masked, kept: NDArray[np.bool_], row: int, rng: np.random.Generator) -> None:
    """Make one gap of two or three residues; ``kept`` marks the cleavages whose fragments stay."""
    tokens = masked.tokens[row]
    length = int(rng.integers(2, _LONGEST_STRETCH + 1))
    start = _residue(tokens, length, rng)
    mass = float(VOCABULARY.masses[tokens[start : start + length]].sum())
    if mass > MAX_GAP_MASS or (tokens > STOP).sum() <= length + 2:
        return
    kept[row, start : start + length - 1] = False
    rest = tokens[start + length :].copy()
    tokens[start] = GAP
    tokens[start + 1 :] = PAD
    tokens[start + 1 : start + 1 + len(rest)] = rest
    masked.gap_mass[row, start] = mass


def _residue(tokens: NDArray[np.int64], length: int, rng: np.random.Generator) -> int:
    """A slot where ``length`` residues begin, behind a terminal modification."""
    first = int(VOCABULARY.is_terminal[tokens[0]])
    return int(rng.integers(first, max(int((tokens > STOP).sum()) - length, first) + 1))


def _rebuilt(
    peaks: PeakBatch,
    tokens: NDArray[np.int64],
    masses: NDArray[np.float64],
    kept: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
) -> PeakBatch:
    """The chosen rows' spectra made anew of their ions at the new masses; the other rows as they are."""
    residues = np.where(tokens > STOP, tokens, PAD)
    ions = annotate(peaks, residues)
    shift = (masses - VOCABULARY.masses[tokens]).sum(1)
    mass = neutral_mass(peaks.precursor_mz, peaks.charge) + shift
    prefix = np.where(residues > STOP, masses, 0).cumsum(1)
    mz = np.stack([fragment_mz(prefix, mass[:, None], series) for series in ION_SERIES], 1).reshape(len(tokens), -1)
    intensity = (ions.intensity * kept[:, None]).reshape(len(tokens), -1)
    width = max(mz.shape[1], peaks.mz.shape[1])
    new_mz, new_intensity = np.full((len(tokens), width), np.inf), np.zeros((len(tokens), width), np.float32)
    new_mz[:, : peaks.mz.shape[1]], new_intensity[:, : peaks.mz.shape[1]] = peaks.mz, peaks.intensity
    new_mz[chosen], new_intensity[chosen] = np.inf, 0
    new_mz[chosen, : mz.shape[1]], new_intensity[chosen, : mz.shape[1]] = mz[chosen], intensity[chosen]
    new_intensity /= np.maximum(new_intensity.max(1, keepdims=True), np.finfo(np.float32).tiny)
    shifted = replace(peaks, precursor_mz=np.where(chosen, precursor_mz(mass, peaks.charge), peaks.precursor_mz))
    return pack(new_mz, new_intensity, np.isfinite(new_mz) & (new_intensity > 0), shifted)
