"""Our own table of predictions, as TSV, CSV or Parquet."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.predictions import Prediction

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
TABLE = pa.schema(_FIELDS)
"""The columns, in order; `Prediction` says what each means."""


def write_text(predictions: Iterable[Prediction], path: Path, delimiter: str) -> None:
    """TSV or CSV; residue scores are separated by blanks."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        table.writerow(TABLE.names)
        for prediction in predictions:
            values = _row(prediction)
            values["residue_scores"] = " ".join(f"{score:.{_SCORE_DIGITS}f}" for score in prediction.residue_scores)
            table.writerow("" if value is None else value for value in values.values())


def write_parquet(predictions: Iterable[Prediction], path: Path) -> None:
    """Parquet, compressed with zstd."""
    with pq.ParquetWriter(path, TABLE, compression="zstd") as writer:
        for batch in _batches(predictions):
            writer.write_table(pa.Table.from_pylist([_row(prediction) for prediction in batch], schema=TABLE))


def _row(prediction: Prediction) -> dict[str, Any]:
    values = {name: getattr(prediction, name) for name in TABLE.names}
    return values | {"proteins": ";".join(match.accession for match in prediction.proteins)}


def _batches(predictions: Iterable[Prediction]) -> Iterator[list[Prediction]]:
    iterator = iter(predictions)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
