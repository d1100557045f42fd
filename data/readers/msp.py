"""MSP spectral libraries (NIST, ProteomeTools) and SpectraST's sptxt, for which pyteomics 4 has no reader."""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

import numpy as np

from data.chemistry import PROTON, precursor_mz
from data.readers.record import Record, number, stated_charges

_HEADER = re.compile(r"([^:]+):\s*(.*)")
_COMMENT = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)")
_MODIFICATION = re.compile(r"\(?(-?\d+),\s*([A-Za-z_-]*),\s*([^/()]+)\)?")
_NIST_NAMES = {"CAM": "Carbamidomethyl", "O": "Oxidation", "TMT": "TMT6plex"}
"""Short names of NIST's and MassIVE's libraries that Unimod does not know."""

_MOD_STRING = re.compile(r"([A-Za-z>-]+)@([A-Z]?)(\d+)")
"""``Oxidation@M5`` of ``Modstring=``, the position counted from 1."""

_ROUNDING_TH = 1e-3
"""Both are written with four decimals."""

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
        match = None if line.startswith("#") else _HEADER.match(line)
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
    charges = stated_charges(charge)
    parent = number(headers.get("precursormz") or comment.get("parent") or comment.get("precursormz"))
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
        precursor_mz=_corrected(parent, number(headers.get("mw")), charges),
        charges=charges,
        peptide=comment.get("peptidoform")
        or _with_modifications(sequence, comment.get("mods", "0"), comment.get("modstring", "")),
        retention_time=number(comment.get("retentiontime")),
        collision_energy=number(energy.rstrip("%eV ")),
    )


def _corrected(parent: float | None, neutral_mass: float | None, charges: tuple[int, ...]) -> float | None:
    """The precursor's m/z; ProteomeTools' files state (M + 2 p)/z for every charge z, right for z = 2 alone."""
    if parent is None or neutral_mass is None or len(charges) != 1 or charges[0] < 1:
        return parent
    if abs(parent - (neutral_mass + 2 * PROTON) / charges[0]) > _ROUNDING_TH:
        return parent
    return precursor_mz(neutral_mass, charges[0])


def _with_modifications(sequence: str, modifications: str, mod_string: str) -> str | None:
    """``Mods=2/0,A,Acetyl/4,C,Carbamidomethyl`` written into the sequence; positions count from 0.

    Where ``Mods=`` gives the number alone, ``Modstring=`` tells the rest; where neither does, the answer is no peptide,
    for a peptide without its modifications would be a wrong one.
    """
    if not sequence.isalpha():
        return sequence.replace("(O)", "[Oxidation]") or None
    parts = list(sequence)
    terminal = ""
    found = _MODIFICATION.findall(modifications.partition("/")[2] or modifications[1:])
    if not found:
        found = [(int(place) - 1, residue, name) for name, residue, place in _MOD_STRING.findall(mod_string)]
    stated = re.match(r"\d+", modifications)
    if stated and int(stated[0]) != len(found):
        return f"{sequence}[{stated[0]} modifications]"
    for position, residue, name in found:
        place, name = int(position), _NIST_NAMES.get(name, name)
        if place == -1 or "nterm" in residue.lower().replace("-", "").replace("_", ""):
            terminal += f"[{name}]"
        elif place < len(parts):
            parts[place] += f"[{name}]"
    return (f"{terminal}-" if terminal else "") + "".join(parts)
