"""MGF (Matrix Science): spectra framed one by one, so that a broken one costs no other, and parsed by pyteomics."""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
from pyteomics import mgf
from pyteomics.auxiliary import PyteomicsError

from data.readers.record import Record, number, stated_charges

_EMPTY = np.empty(0)
_SCAN = re.compile(r"(?:\w+:)?(\d+)")
_BEGIN, _END = "BEGIN IONS", "END IONS"
_UNREADABLE = (PyteomicsError, ValueError, KeyError, IndexError, TypeError)
"""What pyteomics raises on a spectrum that is none; the last where there is no end of it."""


def read_mgf(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Spectra in order; the annotation stands in ``SEQ=``, a charge of the whole file before the first spectrum."""
    header: dict[str, str] = {}
    with TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline=None) as text:
        for index, entry in enumerate(_parsed(_entries(text, header))):
            if entry is None:
                yield Record(f"{name}:{index}", _EMPTY, _EMPTY, skip="malformed spectrum")
                continue
            params = entry["params"]
            pepmass = params.get("pepmass")
            yield Record(
                f"{name}:{index}",
                entry["m/z array"],
                entry["intensity array"],
                precursor_mz=None if not pepmass else number(pepmass[0]),
                charges=stated_charges(params.get("charge", header.get("CHARGE"))),
                peptide=params.get("seq"),
                retention_time=number(params.get("rtinseconds")),
                names=_names(params),
            )


def _names(params: dict[str, Any]) -> tuple[str, ...]:
    """The title, and the scan number of ``SCANS=``, which may name a file (``F1:2478``) or end a range."""
    names = [str(params["title"])] if params.get("title") else []
    if scan := _SCAN.match(str(params.get("scans", ""))):
        names.append(f"scan={int(scan[1])}")
    return tuple(names)


def _entries(text: TextIOWrapper, header: dict[str, str]) -> Iterator[list[str]]:
    """Lines of each spectrum; one that lacks its end stops where the next begins. Fills the file's header.

    Raises
    ------
    EOFError : the file ends within a spectrum: it was cut off, and nobody knows how many spectra are missing.
    """
    lines: list[str] | None = None
    for line in text:
        mark = line.strip() if "IONS" in line else ""
        if mark == _BEGIN:
            if lines is not None:
                yield lines
            lines = [line]
        elif lines is None:
            key, _, value = line.partition("=")
            header[key.strip().upper()] = value.strip()
        else:
            lines.append(line)
            if mark == _END:
                yield lines
                lines = None
    if lines is not None:
        raise EOFError("it ends within a spectrum")


class _Lines(chain[str]):
    """Lines of spectrum after spectrum, which cannot be rewound; pyteomics takes what has ``read`` for a file."""

    def read(self) -> str:
        """The rest."""
        return "".join(self)


def _parsed(entries: Iterator[list[str]]) -> Iterator[dict[str, Any] | None]:
    """Each spectrum as pyteomics reads it, None where it cannot.

    pyteomics' reader ends with its first error, so another goes on with the next spectrum.
    """
    latest: list[str] = []

    def complete() -> Iterator[list[str]]:
        nonlocal latest
        for latest in entries:
            if latest[-1].strip() != _END:
                raise PyteomicsError("a spectrum lacks its end")
            yield latest

    while True:
        try:
            yield from _reader(_Lines.from_iterable(complete()))
            return
        except _UNREADABLE:
            yield _without_time(latest)


def _without_time(lines: list[str]) -> dict[str, Any] | None:
    """The spectrum without its retention time, which may be a range (``RTINSECONDS=60-65``); else None."""
    timeless = [line for line in lines if not line.lstrip().upper().startswith("RTINSECONDS")]
    if len(timeless) == len(lines) or lines[-1].strip() != _END:
        return None
    try:
        return next(_reader(_Lines(timeless)), None)
    except _UNREADABLE:
        return None


def _reader(source: chain[str]) -> Iterator[dict[str, Any]]:
    reader: Iterator[dict[str, Any]] = mgf.MGF(source, use_header=False, convert_arrays=1, read_charges=False)
    return reader
