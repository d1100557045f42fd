"""Our own spectrum table as Parquet, its columns checked before its values are used."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InputError
from data.readers.record import Record
from data.schema import SPECTRA, from_table

_BATCH_ROWS = 1000
_REMEDY = "Give a table with the columns of docs/architecture.md"


def read_parquet(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Rows in order.

    Raises
    ------
    InputError : no Parquet file, or a column is missing, of another type, or empty where a value must be.
    """
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"is no readable Parquet file ({error})", path=name, remedy="Copy the file again") from error
    missing = [column for column in SPECTRA.names if column not in file.schema_arrow.names]
    if missing:
        raise InputError(f"lacks the column {missing[0]}", path=name, remedy=_REMEDY)
    for batch in file.iter_batches(_BATCH_ROWS, columns=SPECTRA.names):
        for row in from_table(_checked(pa.Table.from_batches([batch]), name)):
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


def _checked(table: pa.Table, name: str) -> pa.Table:
    """The table with the columns' types of ours; categories may also come as plain text."""
    columns = {}
    for field in SPECTRA:
        column = table.column(field.name)
        if not field.nullable and column.null_count:
            raise InputError(f"the column {field.name} has rows without a value", path=name, remedy=_REMEDY)
        kind = pa.string() if pa.types.is_dictionary(field.type) else field.type
        try:
            columns[field.name] = column.cast(kind)
        except pa.ArrowException as error:
            raise InputError(
                f"the column {field.name} is {column.type}, not {kind} ({error})", path=name, remedy=_REMEDY
            ) from error
    return pa.table(columns)
