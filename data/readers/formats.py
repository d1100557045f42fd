"""The formats: each turns a stream into raw records, with pyteomics doing the parsing."""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyteomics import mgf, mzml, mzxml
from pyteomics.auxiliary import PyteomicsError

from data.errors import InputError
from data.readers.record import Record
from data.schema import SPECTRA, from_table

_EMPTY = np.empty(0)
_CHARGE = re.compile(r"(\d+)\s*([+-]?)")
_PARQUET_BATCH = 1000


def read_mgf(stream: BinaryIO, name: str) -> Iterator[Record]:
    """MGF (Matrix Science); the annotation stands in ``SEQ=``."""
    text = TextIOWrapper(stream, encoding="utf-8", errors="replace", newline=None)
    for index, entry in enumerate(_mgf_entries(text)):
        if isinstance(entry, str):
            yield Record(f"{name}:{index}", _EMPTY, _EMPTY, skip=entry)
            continue
        params = entry["params"]
        pepmass = params.get("pepmass")
        yield Record(
            f"{name}:{index}",
            entry["m/z array"],
            entry["intensity array"],
            precursor_mz=None if not pepmass else number(pepmass[0]),
            charges=stated_charges(params.get("charge")),
            peptide=params.get("seq"),
            retention_time=number(params.get("rtinseconds")),
        )


def _mgf_entries(text: TextIOWrapper) -> Iterator[dict[str, Any] | str]:
    """Spectra as pyteomics reads them; one that it cannot parse becomes the reason why.

    pyteomics' reader ends with its first error, so another one goes on behind the line that it stopped at.
    """
    lines = _Lines(text)
    while not lines.ended:
        try:
            yield from mgf.MGF(lines, use_header=False, convert_arrays=1, read_charges=False, read_ions=False)
        except (PyteomicsError, ValueError, KeyError, IndexError):
            yield "malformed spectrum"


class _Lines:
    """A stream of lines that cannot be rewound; pyteomics rewinds whatever can be."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self.ended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline()
        if not line:
            self.ended = True
            raise StopIteration
        return line

    def read(self, size: int = -1) -> str:
        """For pyteomics, which takes what can be read for a file."""
        return self._text.read(size)


def stated_charges(value: Any) -> tuple[int, ...]:
    """Charges of pyteomics' list, or of text such as ``2+ and 3+``; a sign of minus is kept."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(int(digits) * (-1 if sign == "-" else 1) for digits, sign in _CHARGE.findall(value))
    return tuple(int(charge) for charge in value)


def number(value: Any) -> float | None:
    """A number, or None where there is none to be read."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def read_mzml(stream: BinaryIO, name: str) -> Iterator[Record]:
    """mzML 1.1 (PSI), indexed or not; only MS2 spectra."""
    for index, entry in enumerate(mzml.MzML(stream, use_index=False, iterative=True, decode_binary=True)):
        record = Record(
            f"{name}:{_native_id(entry.get('id', f'index={index}'))}",
            entry.get("m/z array", _EMPTY),
            entry.get("intensity array", _EMPTY),
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


def read_parquet(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Our own spectrum table."""
    try:
        file = pq.ParquetFile(stream)
    except pa.ArrowInvalid as error:
        raise InputError(f"is no readable Parquet file ({error})", path=name) from error
    missing = [column for column in SPECTRA.names if column not in file.schema_arrow.names]
    if missing:
        raise InputError(
            f"lacks the column {missing[0]}", path=name, remedy="Give a table with the columns of docs/architecture.md"
        )
    for batch in file.iter_batches(_PARQUET_BATCH, columns=SPECTRA.names):
        for row in from_table(pa.Table.from_batches([batch])):
            yield Record(
                row.spectrum_id,
                row.mz,
                row.intensity.astype(np.float64),
                precursor_mz=row.precursor_mz,
                charges=(row.precursor_charge,),
                peptide=row.peptidoform,
                retention_time=row.retention_time,
                collision_energy=row.collision_energy,
                instrument=row.instrument,
                fragmentation=row.fragmentation,
            )
