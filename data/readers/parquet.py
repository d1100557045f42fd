"""Spectrum tables as Parquet, ours and those of other tools, their columns checked before their values are used."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InputError
from data.readers.record import Record
from data.schema import SPECTRA, from_table

_BATCH_ROWS = 1000
_REMEDY = "Give a table with the columns of docs/formats.md"

_OTHER_NAMES = {"mz": "mz_array", "intensity": "intensity_array", "peptidoform": "modified_sequence"}
"""Our column → the name that InstaNovo's tables give it."""

_UNKNOWN = frozenset({"", "?"})
"""What tables write into text columns for what is not known."""


def read_parquet(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Rows in order; all columns but m/z, charge and peaks may be absent.

    Raises
    ------
    InputError : no Parquet file, or a column is missing, of another type, or empty where a value must be.
    """
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"is no readable Parquet file ({error})", path=name, remedy="Copy the file again") from error
    columns = _columns(file.schema_arrow.names, name)
    done = 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns.values())):
        for row in from_table(_checked(pa.Table.from_batches([batch]), columns, name, done)):
            yield Record(
                row.spectrum_id,
                row.mz,
                row.intensity.astype(np.float64),
                precursor_mz=row.precursor_mz,
                charges=(row.precursor_charge,),
                peptide=row.peptidoform,
                source=_known(row.source),
                species=_known(row.species),
                retention_time=row.retention_time,
                collision_energy=row.collision_energy,
                instrument=_known(row.instrument),
                fragmentation=_known(row.fragmentation),
            )
        done += batch.num_rows


def _columns(names: list[str], file: str) -> dict[str, str]:
    """Our columns that the table has, under its names."""
    found = {}
    for field in SPECTRA:
        for each in (field.name, _OTHER_NAMES.get(field.name)):
            if each in names:
                found[field.name] = each
                break
        else:
            if not field.nullable and field.name != "spectrum_id":
                raise InputError(f"lacks the column {field.name}", path=file, remedy=_REMEDY)
    return found


def _checked(table: pa.Table, names: dict[str, str], file: str, rows_before: int) -> pa.Table:
    """The table with our columns and types; categories may come as plain text, ids are numbers where there are none."""
    columns: dict[str, Any] = {}
    for field in SPECTRA:
        kind = pa.string() if pa.types.is_dictionary(field.type) else field.type
        if field.name not in names:
            numbers = range(rows_before, rows_before + table.num_rows)
            values = [f"{file}:{row}" for row in numbers] if field.name == "spectrum_id" else [None] * table.num_rows
            columns[field.name] = pa.array(values, kind)
            continue
        column = table.column(names[field.name])
        if not field.nullable and column.null_count:
            raise InputError(f"the column {field.name} has rows without a value", path=file, remedy=_REMEDY)
        try:
            columns[field.name] = column.cast(kind)
        except pa.ArrowException as error:
            raise InputError(
                f"the column {field.name} is {column.type}, not {kind} ({error})", path=file, remedy=_REMEDY
            ) from error
    return pa.table(columns)


def _known(text: str | None) -> str | None:
    return None if text in _UNKNOWN else text
