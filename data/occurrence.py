"""Which peptides stand anywhere in a proteome, however they were cut: annotated ones may be in no digest.

Windows of the proteome are compared by a polynomial hash modulo 2^64 (Karp & Rabin 1987), all of one length at once.
That two sequences share theirs by chance is as good as impossible, and would cost one needlessly excluded peptide.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64; that of Fibonacci hashing (Knuth, TAOCP 6.4)."""
_BITS = 64


def occurring(sequences: Iterable[str], proteins: Iterable[str]) -> frozenset[str]:
    """Those of the sequences that are part of a protein, I read as L in both; returned with L.

    Parameters
    ----------
    sequences : residues without modifications.
    """
    lengths: dict[int, list[str]] = {}
    for sequence in {sequence.replace("I", "L") for sequence in sequences}:
        lengths.setdefault(len(sequence), []).append(sequence)
    proteome = "*".join(proteins).replace("I", "L")  # no sequence holds the separator
    powers = _powers(_BASE, len(proteome))
    sums = _prefix_sums(proteome, powers)
    inverse_powers = _powers(pow(_BASE, -1, 2**_BITS), len(proteome))
    found: set[str] = set()
    for length, group in lengths.items():
        if not 0 < length <= len(proteome):
            continue
        windows = (sums[length:] - sums[:-length]) * inverse_powers[: len(proteome) - length + 1]
        hashes = np.array([_prefix_sums(sequence, powers)[-1] for sequence in group], np.uint64)
        order = np.argsort(hashes)
        place = np.searchsorted(hashes[order], windows).clip(max=len(group) - 1)
        found.update(group[number] for number in order[np.unique(place[hashes[order][place] == windows])])
    return frozenset(found)


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    """1, base, base² …, modulo 2^64."""
    factors = np.full(count + 1, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def _prefix_sums(text: str, powers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(characters + 1,), the sum of character × base^position before each position, modulo 2^64."""
    letters = np.frombuffer(text.encode(), np.uint8).astype(np.uint64)
    sums: NDArray[np.uint64] = np.concatenate([np.zeros(1, np.uint64), np.cumsum(letters * powers[: len(letters)])])
    return sums
