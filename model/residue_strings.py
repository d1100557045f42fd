"""How much likelier a distance is between two cleavages than between unrelated masses, over all strings of residues."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.vocabulary import GAP, STOP, Vocabulary

GRID_DA = 0.005
LONGEST_DA = 1200.0
CARBAMIDOMETHYL = "C[UNIMOD:4]"
NOMINAL_DA = 1.000495
"""A nominal mass unit of peptides."""

_MISSED = 0.5
"""Share of cleavages that leave no peak, where a string of residues is read as one distance."""
_MODIFIED = 0.04
"""Weight of a modified residue against a plain one."""
_SPREAD_DA = (((0.75, 0.004), (0.25, 0.025)), ((0.97, 0.0035), (0.03, 0.02)))
"""Shares and standard deviations of the difference of two peaks' mass errors: of any analyser, and of a good one."""
_UNRELATED_A_DA = 0.02
"""Density of distances between unrelated nodes, which a string must beat."""


class StringTables(NamedTuple):
    """Ratios of likelihoods by distance, (2, LONGEST_DA / GRID_DA) float32 each: whatever the analyser, good ones.

    Attributes
    ----------
    inner : of a string of residues.
    first : of one that may begin with a terminal modification.
    """

    inner: Tensor
    first: Tensor


def string_tables(vocabulary: Vocabulary) -> StringTables:
    """The tables of a vocabulary's residues."""
    tables = _tables(tuple(vocabulary.masses.tolist()), tuple(_priors(vocabulary).tolist()))
    return StringTables(*(torch.from_numpy(table) for table in tables))


def table_at(tables: Tensor, distance: Tensor, first: Tensor | int = 0) -> Tensor:
    """The entries of tables at distances, Da; 0 for those that they do not hold.

    Parameters
    ----------
    tables : (..., entries).
    first : where the table of each distance begins, of all tables' entries; to be broadcast with the distances.
    """
    place = (distance / GRID_DA).round()
    inside = (place >= 0) & (place < tables.shape[-1])
    return tables.flatten()[place.masked_fill(~inside, 0.0).long() + first] * inside


def _priors(vocabulary: Vocabulary) -> NDArray[np.float64]:
    """How frequent each token is: plain residues alike, L twice, modified ones rarely; terminal ones below 0."""
    prior = np.zeros(len(vocabulary))
    for number, token in enumerate(vocabulary.tokens):
        if number <= STOP or number == GAP:
            continue
        common = token.text == CARBAMIDOMETHYL or (not token.is_modified and token.residue != "C")
        prior[number] = (1.0 + (token.residue == "L")) if common else _MODIFIED
        prior[number] *= -1 if token.is_terminal else 1
    return prior


@lru_cache(maxsize=4)
def _tables(masses: tuple[float, ...], priors: tuple[float, ...]) -> tuple[NDArray[np.float32], ...]:
    mass, prior = np.array(masses), np.array(priors)
    length = int(LONGEST_DA / GRID_DA)
    places = np.round(mass / GRID_DA).astype(np.int64)
    residues = np.flatnonzero(prior > 0)
    share = prior / prior[residues].sum()
    strings = np.zeros(length)
    np.add.at(strings, places[residues], share[residues])
    # renewal: a string is a residue, or a residue behind a string whose end left no peak; each block needs earlier ones
    block = int(places[residues].min())
    for start in range(block, length, block):
        end = min(start + block, length)
        for residue in residues:
            first = start - places[residue]
            if first + end - start > 0:
                earlier = strings[max(first, 0) : first + end - start]
                strings[end - len(earlier) : end] += _MISSED * share[residue] * earlier
    found = [_spread(strings, spread, mass, prior) for spread in _SPREAD_DA]
    inner, first = (np.stack(tables).astype(np.float32) for tables in zip(*found, strict=True))
    return inner, first


def _spread(
    strings: NDArray[np.float64],
    spread: tuple[tuple[float, float], ...],
    mass: NDArray[np.float64],
    prior: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The tables of one analyser."""
    offsets = np.arange(-40, 41) * GRID_DA
    kernel = sum(part * np.exp(-0.5 * (offsets / sd) ** 2) / (sd * np.sqrt(2 * np.pi)) for part, sd in spread)
    inner = np.convolve(strings, kernel, "same") / _UNRELATED_A_DA
    edge = inner.copy()
    for number in np.flatnonzero(prior < 0):
        place = round(mass[number] / GRID_DA)
        shifted = np.roll(inner, place)
        shifted[: max(place, 0)] = 0
        if place < 0:
            shifted[place:] = 0
        edge += _MODIFIED * shifted
    return inner, edge
