"""Predictions into files: mzTab, or a table as TSV, CSV or Parquet, by the name's ending; complete or not at all."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from data.atomic import atomic_path
from data.errors import InputError, OutputError
from data.mztab import mztab_lines
from data.predictions import Prediction

_Writer: TypeAlias = Callable[[Iterable[Prediction], Path, Sequence[Path], str, Sequence[str], str], None]

_BATCH = 1000
_SCORE_DIGITS = 4

_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("spectrum_id", pa.string()),
    pa.field("peptidoform", pa.string()),
    pa.field("peptide_score", pa.float64()),
    pa.field("residue_scores", pa.list_(pa.float32())),
    pa.field("precursor_charge", pa.int8()),
    pa.field("precursor_mz", pa.float64()),
    pa.field("calculated_mz", pa.float64()),
    pa.field("ppm_error", pa.float64()),
    pa.field("retention_time", pa.float32()),
    pa.field("q_value", pa.float32()),
    pa.field("outlier_score", pa.float32()),
    pa.field("is_proven", pa.bool_()),
    pa.field("ambiguity", pa.string()),
    pa.field("gap", pa.string()),
    pa.field("proteins", pa.string()),
]
_TABLE = pa.schema(_FIELDS)


def check_output(path: Path) -> None:
    """Find out before the work whether it could be written.

    Raises
    ------
    InputError : the ending is of no known format.
    OutputError : the folder is missing, or the name is a folder's.
    """
    if path.suffix.lower() not in _WRITERS:
        raise InputError(
            f"the ending '{path.suffix}' is of no known format", path=path, remedy=f"Use one of {', '.join(_WRITERS)}"
        )
    if path.is_dir():
        raise OutputError("is a folder", path=path, remedy="Name a file")
    if not path.parent.is_dir():
        raise OutputError("the folder does not exist", path=path, remedy=f"mkdir -p {path.parent}")


def write_predictions(
    predictions: Iterable[Prediction],
    path: Path,
    *,
    source_files: Sequence[Path],
    software_version: str,
    requested: Sequence[str] = (),
    database: str = "null",
) -> None:
    """Write predictions as they come; the file has its name only when it is complete.

    Parameters
    ----------
    predictions : those without a peptide are left out.
    source_files : the spectra's files; mzTab refers to them.
    requested : tokens that were asked for beside the vocabulary's own; mzTab lists them.
    database : name of the searched proteins, for mzTab.

    Raises
    ------
    InputError, OutputError : as `check_output`, and where the system refuses to write.
    """
    check_output(path)
    answered = (prediction for prediction in predictions if prediction.peptidoform)
    with atomic_path(path) as temporary:
        _WRITERS[path.suffix.lower()](answered, temporary, source_files, software_version, requested, database)


def _write_mztab(
    predictions: Iterable[Prediction],
    path: Path,
    files: Sequence[Path],
    version: str,
    requested: Sequence[str],
    database: str,
) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in mztab_lines(predictions, files, version, requested, database))


def _write_text(delimiter: str) -> _Writer:
    def write(predictions: Iterable[Prediction], path: Path, *_: object) -> None:
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
            table.writerow(_TABLE.names)
            for prediction in predictions:
                values = _row(prediction)
                values["residue_scores"] = " ".join(f"{score:.{_SCORE_DIGITS}f}" for score in prediction.residue_scores)
                table.writerow("" if value is None else value for value in values.values())

    return write


def _write_parquet(predictions: Iterable[Prediction], path: Path, *_: object) -> None:
    with pq.ParquetWriter(path, _TABLE, compression="zstd") as writer:
        for batch in _batches(predictions):
            writer.write_table(pa.Table.from_pylist([_row(prediction) for prediction in batch], schema=_TABLE))


def _row(prediction: Prediction) -> dict[str, Any]:
    values = {name: getattr(prediction, name) for name in _TABLE.names}
    return values | {"proteins": ";".join(match.accession for match in prediction.proteins)}


def _batches(predictions: Iterable[Prediction]) -> Iterator[list[Prediction]]:
    iterator = iter(predictions)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


_WRITERS: dict[str, _Writer] = {
    ".mztab": _write_mztab,
    ".tsv": _write_text("\t"),
    ".csv": _write_text(","),
    ".parquet": _write_parquet,
}
