"""MS2 (McDonald et al. 2004, Rapid Commun. Mass Spectrom. 18:2162): one spectrum a scan, its charges in Z lines."""

from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

import numpy as np

from data.readers.record import Record, number, stated_charges

_EMPTY = np.empty(0)
_TIME_KEYS = ("RTime", "RetTime")
"""Of I lines; minutes."""


def read_ms2(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Spectra in order; the m/z is that of the S line, with a charge for each Z line."""
    with TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline=None) as text:
        lines: list[str] = []
        for line in text:
            if line.startswith("S\t") and lines:
                yield _record(lines, name)
                lines = []
            if lines or line.startswith("S\t"):
                lines.append(line.rstrip("\r\n"))
        if lines:
            yield _record(lines, name)


def _record(lines: list[str], name: str) -> Record:
    fields = lines[0].split("\t")
    if len(fields) < 4 or not fields[1].isdecimal():
        return Record(f"{name}:?", _EMPTY, _EMPTY, skip="malformed spectrum")
    record = Record(f"{name}:scan={int(fields[1])}", _EMPTY, _EMPTY, precursor_mz=number(fields[3]))
    charges: list[int] = []
    peaks: list[list[str]] = []
    for line in lines[1:]:
        kind, _, rest = line.partition("\t")
        if kind == "Z":
            charges += stated_charges(rest.split("\t")[0])
        elif kind == "I":
            key, _, value = rest.partition("\t")
            if key in _TIME_KEYS and (minutes := number(value)) is not None:
                record.retention_time = minutes * 60
        elif line[:1].isdigit():
            peaks.append(line.split()[:2])
    try:
        table = np.array(peaks, np.float64).reshape(-1, 2)
    except ValueError:
        record.skip = "malformed spectrum"
        return record
    record.mz, record.intensity, record.charges = table[:, 0], table[:, 1], tuple(charges)
    return record
