"""What a spectrum cannot tell apart: other residues of the same mass where no cleavage between them is seen.

What no spectrum ever tells is not said again for each peptide: I and L are one token everywhere, and D and E may be
deamidated N and Q, which weigh exactly the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement, permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.evidence import SpectrumIndex
from model.recursion import Network

_LONGEST = 3
"""Residues of a stretch whose other readings are looked for; a longer one is only said to be without order."""

_MOST_READINGS = 8

_EQUAL_DA = 1e-6


@dataclass(frozen=True)
class Stretches:
    """Every multiset of up to three residues, by ascending mass.

    Attributes
    ----------
    mass : (multisets,) float64, Da.
    tokens : the residues of each, ascending.
    """

    mass: NDArray[np.float64]
    tokens: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, candidates: Iterable[int], masses: Sequence[float]) -> "Stretches":
        """Of the given tokens."""
        numbers = sorted(candidates)
        sets = [each for size in range(1, _LONGEST + 1) for each in combinations_with_replacement(numbers, size)]
        totals = np.array([sum(masses[number] for number in each) for each in sets])
        order = totals.argsort(kind="stable")
        return cls(totals[order], tuple(sets[place] for place in order))

    def within(self, mass: float, tolerance_da: float) -> tuple[tuple[int, ...], ...]:
        """The multisets of this mass."""
        first, last = np.searchsorted(self.mass, (mass - tolerance_da, mass + tolerance_da))
        return self.tokens[first:last]


@torch.no_grad()
def ambiguities(
    tokens: Tensor, mass: Tensor, index: SpectrumIndex, network: Network, tolerance_ppm: float
) -> list[str]:
    """Other readings of each peptide that explain its spectrum as well.

    A stretch lies between two seen cleavages (or the ends) with none seen inside. Another reading of it must weigh
    the same: within the precursor's tolerance, for the rest of the peptide stays, and within the fragments' tolerance
    at the stretch's end; and it must ask for no more unseen cleavages. Modified residues beside the peptide's own and
    those always modified are read one for one.

    Parameters
    ----------
    tokens : (batch, slots) int64, ``PAD`` behind the peptide.
    mass : (batch, slots) float64, Da, of each token.
    index : of the spectra.
    tolerance_ppm : of the precursor mass.

    Returns
    -------
    For each peptide ``3-4:AG=GA=Q;7:F=M[UNIMOD:35]``: residues counted from 1, the peptide's own reading first; empty
    where the spectrum tells all; ``=…`` where there are more readings than are said.
    """
    evidence = network.mass_evidence
    prefix = mass.cumsum(1)
    seen = (evidence.ions(index, prefix).intensity > 0).any(-1).cpu().numpy()
    slack = torch.minimum(
        evidence.tolerance_da_at(prefix.float()).double(), index.peptide_mass[:, None] * tolerance_ppm * 1e-6
    )
    stretches = _stretches(network)
    rows = zip(tokens.cpu().numpy(), mass.cpu().numpy(), seen, slack.cpu().numpy(), strict=True)
    return [_of_peptide(network.vocabulary, stretches, *row) for row in rows]


def _of_peptide(
    vocabulary: Vocabulary,
    stretches: tuple[Stretches, Stretches],
    tokens: NDArray[np.int64],
    mass: NDArray[np.float64],
    seen: NDArray[np.bool_],
    slack: NDArray[np.float64],
) -> str:
    length = int((tokens != PAD).sum())
    terminal = int(length > 0 and vocabulary.is_terminal[tokens[0]])
    found, start = [], terminal
    for end in range(terminal + 1, length + 1):
        if end < length and not seen[end - 1]:
            continue
        own = tuple(tokens[start:end].tolist())
        if GAP not in own:
            few = len(own) <= _LONGEST
            readings = _readings(stretches, own, float(mass[start:end].sum()), float(slack[end - 1])) if few else []
            if readings or not few:
                place = f"{start + 1 - terminal}" + (f"-{end - terminal}" if end - start > 1 else "")
                found.append(f"{place}:{_text(vocabulary, own, readings)}")
        start = end
    return ";".join(found)


def _readings(
    stretches: tuple[Stretches, Stretches], own: tuple[int, ...], mass: float, slack: float
) -> list[tuple[int, ...]]:
    """Every other reading of a stretch of at most three residues, in whatever order."""
    plain, every = stretches
    sets = {each for each in plain.within(mass, slack) if len(each) <= len(own)}
    if len(own) == 1:
        sets |= {each for each in every.within(mass, slack) if len(each) == 1} - set(every.within(mass, _EQUAL_DA))
        if own not in plain.tokens:
            sets |= {each for each in plain.within(mass, slack) if len(each) == 1}
    sets.add(tuple(sorted(own)))
    orders = {order for each in sets for order in permutations(each)} - {own}
    return sorted(orders)


def _text(vocabulary: Vocabulary, own: tuple[int, ...], readings: list[tuple[int, ...]]) -> str:
    def spelled(reading: tuple[int, ...]) -> str:
        return "".join(vocabulary.tokens[number].text for number in reading)

    others = sorted((spelled(reading) for reading in readings), key=lambda text: (text.count("["), len(text), text))
    shown = [spelled(own), *others[: _MOST_READINGS - 1]]
    more = len(others) >= _MOST_READINGS or len(own) > _LONGEST
    return "=".join(shown) + ("=…" if more else "")


def _stretches(network: Network) -> tuple[Stretches, Stretches]:
    """Of residues without variable modifications, and of all single residues that the network may answer."""
    tokens = network.vocabulary.tokens
    allowed = [n for n in network.candidates.tolist() if n > STOP and n != GAP and not tokens[n].is_terminal]
    plain = {tokens[n].residue for n in allowed if not tokens[n].modifications}
    unmodified = tuple(n for n in allowed if not tokens[n].modifications or tokens[n].residue not in plain)
    masses = tuple(network.vocabulary.masses.tolist())
    return _made_once(unmodified, masses), _made_once(tuple(allowed), masses)


@lru_cache(maxsize=8)
def _made_once(candidates: tuple[int, ...], masses: tuple[float, ...]) -> Stretches:
    return Stretches.of(candidates, masses)
