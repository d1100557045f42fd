"""Predictions into a file of any format, as they come."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data.atomic import atomic_path
from data.predictions import Prediction
from data.vocabulary import TOKEN_TEXTS
from data.writers.annotated import write_annotated_mgf, write_library
from data.writers.fasta import write_fasta
from data.writers.maxquant import write_msms
from data.writers.mztab import mztab_lines
from data.writers.output import PREDICTION_ENDINGS, check_output, ending_of
from data.writers.percolator import write_pin
from data.writers.psm_utils import write_psm_tsv
from data.writers.tables import write_parquet, write_text


@dataclass(frozen=True)
class _Origin:
    """Where predictions come from, as `write_predictions` says."""

    files: Sequence[Path]
    version: str
    readable: Sequence[str]
    database: str


_LEAST_PROBABILITY = {".fasta": 0.9}
"""Of the formats that are made to be searched, where every wrong peptide costs."""

_Writer = Callable[[Iterable[Prediction], Path, _Origin], None]


def write_predictions(
    predictions: Iterable[Prediction],
    path: Path,
    *,
    source_files: Sequence[Path],
    software_version: str,
    readable: Sequence[str] = TOKEN_TEXTS,
    database: str = "null",
    min_probability: float | None = None,
) -> None:
    """Write predictions as they come; the file has its name only when it is complete.

    Parameters
    ----------
    predictions : those without a peptide are left out.
    source_files : the spectra's files; mzTab refers to them, annotated spectra and libraries take their peaks.
    readable : the tokens that a peptide could hold, of which mzTab lists the modifications.
    database : name of the searched proteins, for mzTab.
    min_probability : the least peptide score of what is written; None: 0, but 0.9 for a FASTA database.

    Raises
    ------
    InputError, OutputError : as `check_output`, and where the system refuses to write.
    """
    check_output(path)
    ending = ending_of(path, PREDICTION_ENDINGS)
    least = min_probability if min_probability is not None else _LEAST_PROBABILITY.get(ending, 0.0)
    answered = (p for p in predictions if p.peptidoform and p.peptide_score >= least)
    with atomic_path(path) as temporary:
        _WRITERS[ending](answered, temporary, _Origin(source_files, software_version, readable, database))


def _write_mztab(predictions: Iterable[Prediction], path: Path, origin: _Origin) -> None:
    with path.open("w", encoding="utf-8") as stream:
        lines = mztab_lines(predictions, origin.files, origin.version, origin.readable, origin.database)
        stream.writelines(f"{line}\n" for line in lines)


def _plain(write: Callable[[Iterable[Prediction], Path], None]) -> _Writer:
    return lambda predictions, path, _: write(predictions, path)


def _with_spectra(write: Callable[[Iterable[Prediction], Path, Sequence[Path]], None]) -> _Writer:
    return lambda predictions, path, origin: write(predictions, path, origin.files)


def _lines(write: Callable[[Iterable[Prediction]], Iterator[str]]) -> _Writer:
    def to_file(predictions: Iterable[Prediction], path: Path, _: _Origin) -> None:
        with path.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(f"{line}\n" for line in write(predictions))

    return to_file


_WRITERS: dict[str, _Writer] = {
    ".mztab": _write_mztab,
    ".tsv": _plain(partial(write_text, delimiter="\t")),
    ".csv": _plain(partial(write_text, delimiter=",")),
    ".parquet": _plain(write_parquet),
    ".psm.tsv": _lines(write_psm_tsv),
    "msms.txt": _lines(write_msms),
    ".pin": _lines(write_pin),
    ".fasta": _lines(write_fasta),
    ".mgf": _with_spectra(write_annotated_mgf),
    ".msp": _with_spectra(write_library),
}
