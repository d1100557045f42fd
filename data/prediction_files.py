"""Files of predicted peptides, read back: our own tables, and mzTab of ours, of Casanovo and of others."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from data.chemistry import precursor_mz
from data.errors import InputError
from data.peptide_parts import take_apart
from data.peptidoform import parse_peptidoform
from data.predictions import Prediction, ProteinMatch

_HEAD_BYTES = 4096
_PARQUET = b"PAR1"
_NULL = "null"
_PROFORMA_COLUMNS = ("opt_global_cv_MS:1003169_proforma_peptidoform_sequence", "opt_ms_run[1]_proforma", "sequence")
_SCORE_COLUMNS = ("opt_global_aa_scores", "opt_ms_run[1]_aa_scores")
_SCAN = re.compile(r"scan=\d+")
_REMEDY = "Give a table or an mzTab file that `peptrm sequence` has written"
_BROKEN = (ValueError, KeyError, IndexError, TypeError, pa.ArrowException)


def is_prediction_file(path: Path) -> bool:
    """Whether the file holds predicted peptides."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        if head.startswith(_PARQUET):
            return "peptide_score" in pq.read_schema(path).names
    except (OSError, pa.ArrowException):
        return False
    first_line = head.split(b"\n")[0].strip()
    return first_line.startswith((b"MTD\t", b"COM\t")) or b"peptide_score" in re.split(rb"[\t,]", first_line)


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The predictions in order.

    Raises
    ------
    InputError : there is no such file, or it is no such table.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="Check the name")
    if not is_prediction_file(path):
        raise InputError("is no file of predicted peptides", path=path, remedy=_REMEDY)
    done = 0
    try:
        for prediction in _predictions(path):
            yield prediction
            done += 1
    except InputError as error:
        raise InputError(error.problem, path=path, record=error.record, remedy=error.remedy) from error
    except _BROKEN as error:
        raise InputError(
            f"is truncated or malformed behind {done} peptides ({type(error).__name__}: {error})",
            path=path,
            remedy=_REMEDY,
        ) from error


def _predictions(path: Path) -> Iterator[Prediction]:
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(_PARQUET):
        for batch in pq.ParquetFile(path).iter_batches():
            yield from map(_from_table, batch.to_pylist())
    elif head.startswith((b"MTD\t", b"COM\t")):
        yield from _from_mztab(path)
    else:
        with path.open(encoding="utf-8", newline="") as stream_of_text:
            delimiter = "\t" if b"\t" in head.split(b"\n")[0] else ","
            for row in csv.DictReader(stream_of_text, delimiter=delimiter):
                yield _from_table({name: value or None for name, value in row.items()})


def _from_table(row: dict[str, Any]) -> Prediction:
    scores = row["residue_scores"] or ()
    accessions = [word for word in (row.get("proteins") or "").split(";") if word]
    is_proven = row.get("is_proven")
    return Prediction(
        spectrum_id=row["spectrum_id"],
        precursor_mz=float(row["precursor_mz"]),
        precursor_charge=int(row["precursor_charge"]),
        retention_time=_number(row.get("retention_time")),
        peptidoform=_normal(row["peptidoform"]),
        residue_scores=tuple(map(float, scores.split() if isinstance(scores, str) else scores)),
        peptide_score=float(row["peptide_score"]),
        calculated_mz=_number(row.get("calculated_mz")),
        ppm_error=_number(row.get("ppm_error")),
        q_value=_number(row.get("q_value")),
        outlier_score=_number(row.get("outlier_score")),
        is_proven=is_proven == "True" if isinstance(is_proven, str) else is_proven,
        ambiguity=row.get("ambiguity") or "",
        gap=row.get("gap") or "",
        proteins=tuple(ProteinMatch(accession, _NULL, _NULL, 0, 0) for accession in accessions),
    )


def _from_mztab(path: Path) -> Iterator[Prediction]:
    """The PSMs, each once however many proteins hold it."""
    runs: dict[str, str] = {}
    header: list[str] = []
    last_id = None
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            kind, *cells = line.rstrip("\r\n").split("\t")
            if kind == "MTD" and (match := re.fullmatch(r"(ms_run\[\d+\])-location", cells[0])):
                runs[match[1]] = Path(unquote(urlsplit(cells[1]).path)).name
            elif kind == "PSH":
                header = cells
            elif kind == "PSM":
                row: dict[str, str | None] = {
                    name: None if cell == _NULL else cell for name, cell in zip(header, cells, strict=True)
                }
                if row["PSM_ID"] != last_id or last_id is None:
                    yield _of_mztab_row(row, runs)
                last_id = row["PSM_ID"]


def _of_mztab_row(row: dict[str, str | None], runs: dict[str, str]) -> Prediction:
    peptide = next((text for name in _PROFORMA_COLUMNS if (text := row.get(name))), "")
    run, _, native_id = (row["spectra_ref"] or "").partition(":")
    scan = _SCAN.search(native_id)
    scores = next((text for name in _SCORE_COLUMNS if (text := row.get(name))), "")
    charge = int(float(row["charge"] or 0))
    peptidoform = _normal(peptide) if peptide else ""
    calculated_mz = _number(row.get("calc_mass_to_charge"))
    observed_mz = _number(row["exp_mass_to_charge"]) or 0.0
    if calculated_mz is None and peptidoform and charge and "X" not in peptidoform:
        calculated_mz = precursor_mz(parse_peptidoform(peptidoform).mass, charge)
    ppm_error = None if not calculated_mz else (observed_mz - calculated_mz) / calculated_mz * 1e6
    is_proven = row.get("opt_global_is_proven")
    accession = row.get("accession")
    return Prediction(
        spectrum_id=f"{runs[run]}:{scan[0] if scan else native_id.removeprefix('index=')}",
        precursor_mz=observed_mz,
        precursor_charge=charge,
        retention_time=_number(row.get("retention_time")),
        peptidoform=peptidoform,
        residue_scores=tuple(map(float, scores.split(","))) if scores else (),
        peptide_score=float(row["search_engine_score[1]"] or 0),
        calculated_mz=calculated_mz,
        ppm_error=ppm_error,
        q_value=_number(row.get("opt_global_cv_MS:1002354_PSM-level_q-value")),
        outlier_score=_number(row.get("opt_global_outlier_score")),
        is_proven=None if is_proven is None else is_proven == "1",
        ambiguity=row.get("opt_global_ambiguity") or "",
        gap=row.get("opt_global_gap") or "",
        proteins=(_protein(row, accession),) if accession else (),
    )


def _protein(row: dict[str, str | None], accession: str) -> ProteinMatch:
    places = [int(row.get(name) or 0) for name in ("start", "end")]
    return ProteinMatch(accession, row.get("pre") or _NULL, row.get("post") or _NULL, *places)


def _normal(peptide: str | None) -> str:
    """ProForma with Unimod accessions; what holds a gap or a mass stays as it is.

    Raises
    ------
    InputError : not a peptide.
    """
    if not peptide:
        return ""
    try:
        return parse_peptidoform(peptide).proforma()
    except InputError:
        take_apart(peptide)
        return peptide


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)
