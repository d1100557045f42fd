"""Measured spectra as other peptides might have left them: residues are exchanged, and the peaks that hold them move.

Measured spectra are few, and each tells of one peptide. Where a residue gives way to one that breaks alike, the peaks
that the peptide explains keep their heights, but for what MS2PIP predicts of either, and their errors; those that it
does not explain stay where they are.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from data.batches import SpectrumSet
from data.chemistry import AMMONIA, CARBON_MONOXIDE, ION_SERIES, ISOTOPE_SPACING, PROTON, WATER
from data.peaks import pack
from data.vocabulary import PAD, STOP, VOCABULARY
from model.expected_heights import ExpectedHeights
from model.fragmentation import PREDICTED

_ALIKE = "GASTVL", "DENQ", "FYM"
"""Residues that give way to each other: neither the charge nor a preferred cleavage goes with them."""
_OTHERS = {
    token: [VOCABULARY.encode(other)[0] for other in alike]
    for alike in _ALIKE
    for token in (VOCABULARY.encode(residue)[0] for residue in alike)
}
_TURNED_SHARE = 0.5
"""Of the peptides, in which two neighbours change places, too."""
_WITHIN_DA, _WITHIN_PPM = 0.01, 15.0
"""Of an ion: a peak within either is that ion."""
_HIGHEST_CHARGE, _LONGEST_INTERNAL = 3, 8
_LEAST_HEIGHT, _FARTHEST = 2e-3, 3.0
"""Shares of the intensity beside which less is nothing; the factor by which a height changes at most."""

Ions = list[tuple[float, float, float, float, float]]
"""Rows of m/z, first token, token behind the last, charge, series (−1: none of `data.chemistry.ION_SERIES`)."""


def exchanged(spectra: SpectrumSet, expected: ExpectedHeights, rng: np.random.Generator) -> SpectrumSet:
    """Spectra of other peptides of the same lengths, made of these.

    Parameters
    ----------
    expected : tells MS2PIP's heights of the old and the new ions.
    """
    peaks, tokens = spectra.peaks, spectra.tokens.copy()
    lengths = (tokens > STOP).sum(1).tolist()
    for row, length in enumerate(lengths):
        tokens[row, :length] = other_peptide(tokens[row, :length], rng)
    old, new = (_shares(of, peaks.charge, expected) + _LEAST_HEIGHT for of in (spectra.tokens, tokens))
    factor = (new / old).clip(1 / _FARTHEST, _FARTHEST)
    mz, intensity = peaks.mz.copy(), peaks.intensity.copy()
    gained = VOCABULARY.masses[tokens] - VOCABULARY.masses[spectra.tokens]
    for row in np.flatnonzero((tokens != spectra.tokens).any(1)).tolist():
        there = np.isfinite(mz[row])
        length = lengths[row]
        ions = _ions(VOCABULARY.masses[spectra.tokens[row, :length]], int(peaks.charge[row]))
        moves, factors = _changes(mz[row, there], ions, gained[row, :length], factor[row])
        mz[row, there] += moves
        intensity[row, there] *= factors
    intensity /= intensity.max(1, keepdims=True).clip(1e-9)
    precursor_mz = peaks.precursor_mz + gained.sum(1) / peaks.charge
    moved = pack(mz, intensity, np.isfinite(mz), replace(peaks, precursor_mz=precursor_mz))
    return replace(spectra, peaks=moved, tokens=tokens)


def other_peptide(tokens: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """(tokens,): some residues exchanged for others that break alike, and sometimes two inner neighbours turned."""
    found = tokens.copy()
    places = np.flatnonzero([token in _OTHERS for token in tokens.tolist()])
    if len(places):
        count = min(len(places), int(rng.integers(1, 2 + len(places) // 3)))
        for place in rng.choice(places, count, replace=False):
            found[place] = rng.choice(_OTHERS[int(tokens[place])])
    if rng.random() < _TURNED_SHARE and len(tokens) > 4:
        first = int(rng.integers(1, len(tokens) - 2))
        found[first : first + 2] = found[first : first + 2][::-1]
    return found


def _shares(tokens: NDArray[np.int64], charge: NDArray[np.int64], expected: ExpectedHeights) -> NDArray[np.float32]:
    """(rows, slots, series): intensities that MS2PIP predicts."""
    with torch.no_grad():
        root = expected(torch.from_numpy(np.where(tokens > STOP, tokens, PAD)), torch.from_numpy(charge))[PREDICTED]
    shares: NDArray[np.float32] = root.square().numpy()
    return shares


def _changes(
    mz: NDArray[np.float64], ions: NDArray[np.float64], gained: NDArray[np.float64], factor: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """By how much each peak moves, Th, and by what factor its intensity changes.

    Parameters
    ----------
    mz : (peaks,), ascending.
    ions : (ions, 5), rows as of `Ions`; of several at a peak the first counts.
    gained : (tokens,), Da, of each token.
    factor : (slots, series), of the ions of the cleavage behind each slot.
    """
    order = ions[:, 0].argsort(kind="stable")
    within = np.maximum(_WITHIN_DA, _WITHIN_PPM * 1e-6 * mz)
    first, end = (np.searchsorted(ions[order, 0], mz + side * within) for side in (-1, 1))
    is_ion = end > first
    which = [order[a:b].min() if b > a else 0 for a, b in zip(first, end, strict=True)]
    _, begin, behind, charge, series = ions[which].T
    begin, behind, series = begin.astype(int), behind.astype(int), series.astype(int)
    before = np.concatenate([[0.0], gained.cumsum()])
    moves = np.where(is_ion, (before[behind] - before[begin]) / charge, 0.0)
    cleaved_behind = np.where(begin > 0, begin, behind) - 1
    factors = np.where(is_ion & (series >= 0), factor[cleaved_behind, series], np.float32(1))
    return moves, factors.astype(np.float32)


def _ions(masses: NDArray[np.float64], charge: int) -> NDArray[np.float64]:
    """(ions, 5), rows as of `Ions`: backbone, precursor, losses, immonium, internal; whoever comes first has the peak.

    Parameters
    ----------
    masses : (tokens,), Da.
    """
    count, prefix = len(masses), np.concatenate([[0.0], masses.cumsum()])
    number = {(str(series.terminus), series.charge): place for place, series in enumerate(ION_SERIES)}
    fragments = [(0, end, "N", 0.0) for end in range(1, count)] + [
        (begin, count, "C", WATER) for begin in range(1, count)
    ]
    charges = range(1, min(charge, _HIGHEST_CHARGE) + 1)
    found: Ions = []

    def add(begin: int, end: int, more: float, protons: int, isotope: int = 0, series: int = -1) -> None:
        neutral = prefix[end] - prefix[begin] + more + isotope * ISOTOPE_SPACING
        found.append((neutral / protons + PROTON, begin, end, protons, series))

    for isotope, protons, (begin, end, terminus, more) in product(range(3), charges, fragments):
        add(begin, end, more, protons, isotope, number.get((terminus, protons), -1))
    for isotope, protons, loss in product(range(3), range(1, charge + 1), (0.0, WATER, AMMONIA)):
        add(0, count, WATER - loss, protons, isotope)
    for isotope, protons, (begin, end, _, more) in product(range(2), charges[:2], fragments):
        for loss in (WATER, AMMONIA, *([CARBON_MONOXIDE] if begin == 0 else [])):
            add(begin, end, more - loss, protons, isotope)
    for begin in range(count):
        add(begin, begin + 1, -CARBON_MONOXIDE, 1)
    for begin in range(1, count - 1):
        for end, loss in product(range(begin + 2, min(begin + 1 + _LONGEST_INTERNAL, count)), (0.0, CARBON_MONOXIDE)):
            add(begin, end, -loss, 1)
    return np.array(found)
