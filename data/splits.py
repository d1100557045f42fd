"""Which side of a split a sequence is on: chosen by a hash of the sequence, so that it depends on nothing else."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_BRACKETS = re.compile(r"\[[^\]]*\]-?")


def merged_sequence(peptidoform: str) -> str:
    """The residues of a ProForma string with I read as L: what two rows must not share across a split."""
    return _BRACKETS.sub("", peptidoform).replace("I", "L")


def is_validation(peptidoform: str, share: float) -> bool:
    """Whether the sequence belongs to the validation share; depends on the sequence alone.

    Parameters
    ----------
    share : 0…1, of all sequences.
    """
    (bits,) = sequence_hashes([merged_sequence(peptidoform)])
    return int(bits) < share * 2**64 - 2**63


def validation_mask(table: pa.Table, share: float) -> NDArray[np.bool_]:
    """(rows,), `is_validation` of the column ``peptidoform`` of peptides or spectra."""
    return np.array([is_validation(text, share) for text in texts_of(table, "peptidoform")], np.bool_)


def sequence_hashes(merged: Iterable[str]) -> NDArray[np.int64]:
    """64 bits for each sequence, so that the digests of whole proteomes fit into memory.

    That two of a million share theirs has a chance of 1e-8 and would cost one needlessly excluded peptide.
    """
    return np.frombuffer(b"".join(hashlib.blake2b(s.encode(), digest_size=8).digest() for s in merged), np.int64)


def texts_of(table: pa.Table, column: str) -> list[str]:
    """A column's strings, empty where null."""
    values: list[Any] = table.column(column).to_pylist()
    return [value or "" for value in values]
