"""MSP spectral libraries (NIST, ProteomeTools), for which pyteomics 4 has no reader."""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

import numpy as np

from data.readers.record import Record, number, stated_charges

_HEADER = re.compile(r"([^:]+):\s*(.*)")
_COMMENT = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)")
_MODIFICATION = re.compile(r"\(?(-?\d+),\s*([A-Za-z_-]*),\s*([^/()]+)\)?")
_NIST_NAMES = {"CAM": "Carbamidomethyl", "O": "Oxidation", "TMT": "TMT6plex"}
"""Short names of NIST's and MassIVE's libraries that Unimod does not know."""

_SEPARATOR = re.compile(r"[\s;,]+")


def read_msp(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Records of a library; the peptide and charge stand in ``Name: PEPTIDE/2``, modifications in ``Mods=``."""
    with TextIOWrapper(stream, encoding="utf-8", errors="replace", newline=None) as text:
        for index, (headers, lines) in enumerate(_entries(text)):
            yield _record(headers, lines, f"{name}:{index}")


def _entries(text: TextIOWrapper) -> Iterator[tuple[dict[str, str], list[str]]]:
    headers: dict[str, str] = {}
    lines: list[str] = []
    for line in text:
        line = line.strip()
        if line[:1].isdigit():
            lines.append(line)
            continue
        match = _HEADER.match(line)
        if match is None:
            continue
        key = match[1].strip().lower()
        if key == "name" and headers:
            yield headers, lines
            headers, lines = {}, []
        headers[key] = match[2].strip()
    if headers:
        yield headers, lines


def _record(headers: dict[str, str], lines: list[str], spectrum_id: str) -> Record:
    comment = {key.lower(): value.strip('"') for key, value in _COMMENT.findall(headers.get("comment", ""))}
    sequence, _, state = headers.get("name", "").partition("/")
    charge = state.split("_")[0] or headers.get("charge") or comment.get("charge")
    parent = headers.get("precursormz") or comment.get("parent") or comment.get("precursormz")
    try:
        peaks = np.array([[float(value) for value in _SEPARATOR.split(line)[:2]] for line in lines])
        peaks = peaks.reshape(-1, 2)
    except ValueError:
        return Record(spectrum_id, np.empty(0), np.empty(0), skip="malformed spectrum")
    energy = comment.get("collision_energy") or comment.get("nce") or comment.get("hcd") or ""
    return Record(
        spectrum_id,
        peaks[:, 0],
        peaks[:, 1],
        precursor_mz=number(parent),
        charges=stated_charges(charge),
        peptide=_with_modifications(sequence, comment.get("mods", "0")),
        retention_time=None,
        collision_energy=number(energy.rstrip("%eV ")),
    )


def _with_modifications(sequence: str, modifications: str) -> str | None:
    """``Mods=2/0,A,Acetyl/4,C,Carbamidomethyl`` written into the sequence; positions count from 0."""
    if not sequence.isalpha():
        return sequence.replace("(O)", "[Oxidation]") or None
    parts = list(sequence)
    terminal = ""
    for position, residue, name in _MODIFICATION.findall(modifications.partition("/")[2] or modifications[1:]):
        place, name = int(position), _NIST_NAMES.get(name, name)
        if place == -1 or "nterm" in residue.lower().replace("-", "").replace("_", ""):
            terminal += f"[{name}]"
        elif place < len(parts):
            parts[place] += f"[{name}]"
    return (f"{terminal}-" if terminal else "") + "".join(parts)
