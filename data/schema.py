"""The one spectrum table: its columns, and a spectrum as a record in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_CATEGORY = pa.dictionary(pa.int32(), pa.string())

_FIELDS: "list[pa.Field[Any]]" = [  # quoted: the stubs alone know it as generic
    pa.field("spectrum_id", pa.string(), nullable=False),
    pa.field("peptidoform", pa.string()),
    pa.field("precursor_mz", pa.float64(), nullable=False),
    pa.field("precursor_charge", pa.int8(), nullable=False),
    pa.field("mz", pa.list_(pa.float64()), nullable=False),
    pa.field("intensity", pa.list_(pa.float32()), nullable=False),
    pa.field("retention_time", pa.float32()),
    pa.field("collision_energy", pa.float32()),
    pa.field("instrument", _CATEGORY),
    pa.field("fragmentation", _CATEGORY),
    pa.field("source", _CATEGORY),
    pa.field("species", _CATEGORY),
    pa.field("fold", _CATEGORY),
]
SPECTRA = pa.schema(_FIELDS)
"""Columns of every shard; units: Th, base peak = 1, seconds, NCE."""


@dataclass(slots=True)
class Spectrum:
    """One tandem mass spectrum.

    Attributes
    ----------
    spectrum_id : unique within the source, ``<file>:<index or scan>``.
    precursor_mz : Th.
    precursor_charge : positive.
    mz : (peaks,) float64, Th, ascending.
    intensity : (peaks,) float32, base peak = 1.
    peptidoform : ProForma 2.0 with Unimod accessions, None where unknown.
    retention_time : seconds.
    collision_energy : normalised collision energy (NCE).
    """

    spectrum_id: str
    precursor_mz: float
    precursor_charge: int
    mz: NDArray[np.float64]
    intensity: NDArray[np.float32]
    peptidoform: str | None = None
    retention_time: float | None = None
    collision_energy: float | None = None
    instrument: str | None = None
    fragmentation: str | None = None
    source: str | None = None
    species: str | None = None
    fold: str | None = None


_COLUMNS = [field.name for field in fields(Spectrum)]


def to_table(spectra: Iterable[Spectrum]) -> pa.Table:
    """The spectra as a table of the schema ``SPECTRA``."""
    records = list(spectra)
    return pa.table(
        {name: pa.array([getattr(s, name) for s in records], SPECTRA.field(name).type) for name in SPECTRA.names},
        schema=SPECTRA,
    )


def from_table(table: pa.Table) -> Iterator[Spectrum]:
    """The rows of a table of the schema ``SPECTRA``, in order."""
    columns: dict[str, list[Any]] = {
        name: table.column(name).to_pylist() for name in _COLUMNS if name not in ("mz", "intensity")
    }
    mz, intensity = table.column("mz"), table.column("intensity")
    for row in range(table.num_rows):
        record: dict[str, Any] = {name: values[row] for name, values in columns.items()}
        yield Spectrum(
            mz=np.asarray(mz[row].values, np.float64),
            intensity=np.asarray(intensity[row].values, np.float32),
            **record,
        )
