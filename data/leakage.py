"""Peptides that sets of spectra or lists share, whatever is attached to them, and with I read as L."""

import csv
import gzip
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.readers import read_spectra
from data.readers.peprec import read_peprec
from data.sources import DataSet, Format

_ATTACHED = re.compile(r"\[[^\]]*\]|\([^)]*\)|[^A-Z]")
_CSV_COLUMN = "seq"


@dataclass(frozen=True)
class Overlap:
    """What two sets have in common.

    Attributes
    ----------
    left, right : peptides of each.
    shared : the peptides of both, sorted, I written as L.
    """

    left: int
    right: int
    shared: tuple[str, ...]


def bare_sequence(text: str) -> str:
    """The residues of a peptide in any notation, I read as L; modifications need not be known.

    ``n[42.01]PEPTC[+57.02]IDEc`` and ``PEPTC(ox)LDE`` are both ``PEPTCLDE``.
    """
    return _ATTACHED.sub("", text).replace("I", "L")


def overlap(left: Iterable[str], right: Iterable[str]) -> Overlap:
    """Compare the peptides of two sets, in any notation."""
    first, second = ({bare_sequence(text) for text in side} - {""} for side in (left, right))
    return Overlap(len(first), len(second), tuple(sorted(first & second)))


def peptides_of(path: Path, kind: Format) -> frozenset[str]:
    """The bare sequences that a file holds.

    Raises
    ------
    InputError : it cannot be read, or is of a kind that holds no peptides.
    """
    if kind in ("mgf", "msp", "parquet"):
        texts: Iterable[str] = (spectrum.peptidoform or "" for spectrum in read_spectra(path))
    elif kind == "csv":
        texts = _csv_column(path)
    elif kind == "peptide_list":
        texts = _lines(path)
    elif kind == "peprec":
        texts = read_peprec(path).values()
    else:
        raise InputError("holds no peptides", path=path, remedy="Compare spectra, or lists of peptides")
    return frozenset(bare_sequence(text) for text in texts) - {""}


def peptides_of_set(each: DataSet, folder: Path) -> frozenset[str]:
    """The bare sequences of all files of a set of the registry.

    Parameters
    ----------
    folder : of the downloads, or of a mirror.

    Raises
    ------
    InputError : a file is not there.
    """
    found: set[str] = set()
    for file in each.chosen(subset=False):
        path = folder / file.path
        if not path.is_file():
            raise InputError(
                "is not there", path=path, record=each.name, remedy=f"Fetch it: peptrm download {each.name}"
            )
        found |= peptides_of(path, file.format)
    return frozenset(found)


def _csv_column(path: Path) -> Iterator[str]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            if _CSV_COLUMN not in (rows.fieldnames or ()):
                raise InputError(f"lacks the column {_CSV_COLUMN}", path=path, remedy="Check the file")
            for row in rows:
                yield row[_CSV_COLUMN] or ""
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read ({error})", path=path) from error


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
            yield from stream
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", path=path) from error
