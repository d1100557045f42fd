"""mzML (PSI) and mzXML (Seattle Proteome Center) through pyteomics: MS2 spectra, other levels counted."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from pyteomics import mzml, mzxml

from data.readers.record import Record, number

_EMPTY = np.empty(0)


def read_mzml(stream: BinaryIO, name: str) -> Iterator[Record]:
    """mzML 1.1 (PSI), indexed or not; only MS2 spectra."""
    for index, entry in enumerate(mzml.MzML(stream, use_index=False, iterative=True, decode_binary=True)):
        record = Record(
            f"{name}:{_native_id(entry.get('id', f'index={index}'))}",
            entry.get("m/z array", _EMPTY),
            entry.get("intensity array", _EMPTY),
            names=tuple(entry[key] for key in ("id", "spectrum title") if entry.get(key)),
        )
        if entry.get("ms level", 2) != 2:
            record.skip = f"MS{entry['ms level']} spectrum"
        else:
            _fill_from_mzml(record, entry)
        yield record


def _fill_from_mzml(record: Record, entry: dict[str, Any]) -> None:
    for scan in entry.get("scanList", {}).get("scan", [])[:1]:
        if "scan start time" in scan:
            start = scan["scan start time"]
            record.retention_time = float(start) * (60.0 if getattr(start, "unit_info", None) == "minute" else 1.0)
    for precursor in entry.get("precursorList", {}).get("precursor", [])[:1]:
        for ion in precursor.get("selectedIonList", {}).get("selectedIon", [])[:1]:
            record.precursor_mz = number(ion.get("selected ion m/z"))
            charge = ion.get("charge state", ion.get("possible charge state"))
            charges = charge if isinstance(charge, list) else [charge]
            record.charges = tuple(int(value) for value in charges if value is not None)
        activation = precursor.get("activation", {})
        record.collision_energy = number(activation.get("collision energy"))
        if "beam-type collision-induced dissociation" in activation:
            record.fragmentation = "HCD"
        elif "collision-induced dissociation" in activation:
            record.fragmentation = "CID"


def _native_id(text: str) -> str:
    """The part of a native id that mzTab names: the scan number where there is one."""
    scan = re.search(r"scan=(\d+)", text)
    return f"scan={scan[1]}" if scan else text.replace(" ", "_")


def read_mzxml(stream: BinaryIO, name: str) -> Iterator[Record]:
    """mzXML 2 and 3 (Seattle Proteome Center); only MS2 spectra."""
    for entry in mzxml.MzXML(stream, use_index=False, iterative=True):
        record = Record(
            f"{name}:scan={entry.get('num')}", entry.get("m/z array", _EMPTY), entry.get("intensity array", _EMPTY)
        )
        level = int(entry.get("msLevel", 2))
        if level != 2:
            record.skip = f"MS{level} spectrum"
        for precursor in entry.get("precursorMz", [])[:1]:
            record.precursor_mz = number(precursor.get("precursorMz"))
            charge = precursor.get("precursorCharge")
            record.charges = () if charge is None else (int(charge),)
            record.fragmentation = precursor.get("activationMethod")
        minutes = number(entry.get("retentionTime"))
        record.retention_time = None if minutes is None else minutes * 60
        record.collision_energy = number(entry.get("collisionEnergy"))
        yield record
