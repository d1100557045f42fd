"""mzTab 1.0 (Griss et al. 2014) of de novo peptides: its metadata and its PSM section, line by line."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from data.chemistry import MODIFICATIONS
from data.errors import InputError
from data.peptidoform import Peptidoform, parse_peptidoform
from data.predictions import Prediction
from data.vocabulary import TOKEN_TEXTS

_NULL = "null"
_COLUMNS = (
    "sequence",
    "PSM_ID",
    "accession",
    "unique",
    "database",
    "database_version",
    "search_engine",
    "search_engine_score[1]",
    "modifications",
    "retention_time",
    "charge",
    "exp_mass_to_charge",
    "calc_mass_to_charge",
    "spectra_ref",
    "pre",
    "post",
    "start",
    "end",
    "opt_ms_run[1]_aa_scores",
    "opt_global_peptidoform",
    "opt_global_ppm_error",
    "opt_global_q_value",
    "opt_global_outlier_score",
    "opt_global_is_proven",
    "opt_global_ambiguity",
    "opt_global_gap",
    "opt_global_further_accessions",
)
_SOFTWARE = "[MS, MS:1001456, analysis software, PepTRM {version}]"
_SEARCH_ENGINE = "[MS, MS:1001456, analysis software, PepTRM]"
_SCORE = "[MS, MS:1001143, PSM-level search engine specific statistic, PepTRM peptide score]"
_SCAN_FORMAT = "[MS, MS:1000776, scan number only nativeID format, ]"
_INDEX_FORMAT = "[MS, MS:1000774, multiple peak list nativeID format, ]"
_FORMATS = {
    ".mgf": "[MS, MS:1001062, Mascot MGF format, ]",
    ".mzml": "[MS, MS:1000584, mzML format, ]",
    ".mzxml": "[MS, MS:1000566, ISB mzXML format, ]",
}


def mztab_lines(
    predictions: Iterable[Prediction],
    files: Sequence[Path],
    version: str,
    requested: Sequence[str] = (),
    database: str = _NULL,
) -> Iterator[str]:
    """The lines of the file, without line ends.

    Parameters
    ----------
    predictions : with a peptide; the part of ``spectrum_id`` before the last colon names the file.
    files : that the spectra come from.
    requested : tokens that were asked for beside the vocabulary's own.
    database : name of the searched proteins.

    Raises
    ------
    InputError : it cannot be told which of several files a spectrum comes from.
    """
    yield from _metadata(files, version, requested)
    yield ""
    yield "\t".join(("PSH", *_COLUMNS))
    runs = {file.name: number for number, file in enumerate(files, start=1)}
    for number, prediction in enumerate(predictions, start=1):
        yield "\t".join(("PSM", *_row(prediction, number, runs, database)))


def _metadata(files: Sequence[Path], version: str, requested: Sequence[str]) -> Iterator[str]:
    entries = [
        ("mzTab-version", "1.0.0"),
        ("mzTab-mode", "Summary"),
        ("mzTab-type", "Identification"),
        ("description", "De novo peptides of PepTRM; I and L weigh the same and are both written as L"),
        ("software[1]", _SOFTWARE.format(version=version)),
        ("psm_search_engine_score[1]", _SCORE),
        ("fixed_mod[1]", "[MS, MS:1002453, No fixed modifications searched, ]"),
    ]
    known = {accession for text in (*TOKEN_TEXTS, *requested) for accession in _accessions(text)}
    variable = [f"[UNIMOD, UNIMOD:{accession}, {MODIFICATIONS[accession].name}, ]" for accession in sorted(known)]
    variable += sorted({f"[CHEMMOD, CHEMMOD:{mass}, , ]" for text in requested for mass in _DELTA.findall(text)})
    entries += [(f"variable_mod[{number}]", value) for number, value in enumerate(variable, start=1)]
    for number, file in enumerate(files, start=1):
        kind = Path(file.name.lower().removesuffix(".gz")).suffix
        if kind in _FORMATS:
            entries.append((f"ms_run[{number}]-format", _FORMATS[kind]))
        entries.append((f"ms_run[{number}]-location", file.resolve().as_uri()))
        by_scan = kind in (".mzml", ".mzxml")
        entries.append((f"ms_run[{number}]-id_format", _SCAN_FORMAT if by_scan else _INDEX_FORMAT))
    return (f"MTD\t{key}\t{value}" for key, value in entries)


def _accessions(token: str) -> list[int]:
    return [int(part.split("]")[0]) for part in token.split("UNIMOD:")[1:]]


_DELTA = re.compile(r"\[([+-][\d.]+)\]")
_BY_MASS = re.compile(r"([A-Z])\[([+-][\d.]+)\]")
_UNKNOWN = "X"
_STAND_IN = "G"


def _with_masses(peptidoform: str) -> tuple[Peptidoform, dict[int, str], set[int]]:
    """The peptidoform without what is known by mass alone, those masses by residue, and which residues are gaps.

    Residues are counted from 0; a gap has a stand-in.
    """
    masses: dict[int, str] = {}
    gaps: set[int] = set()
    while match := _BY_MASS.search(peptidoform):
        is_gap = match[1] == _UNKNOWN
        peptidoform = f"{peptidoform[: match.start()]}{_STAND_IN if is_gap else match[1]}{peptidoform[match.end() :]}"
        place = len(parse_peptidoform(peptidoform[: match.start() + 1]).residues) - 1
        masses[place] = match[2]
        gaps |= {place} if is_gap else set()
    return parse_peptidoform(peptidoform), masses, gaps


def _row(prediction: Prediction, number: int, runs: dict[str, int], database: str) -> list[str]:
    form, masses, gaps = _with_masses(prediction.peptidoform)
    residues = "".join(_UNKNOWN if place in gaps else letter for place, letter in enumerate(form.residues))
    modifications = [*_modifications(form), *(f"{place + 1}-CHEMMOD:{mass}" for place, mass in masses.items())]
    file, _, native = prediction.spectrum_id.rpartition(":")
    native = native.partition("/")[0]
    reference = native if "=" in native else f"index={native}"
    time = _NULL if prediction.retention_time is None else f"{prediction.retention_time:.3f}"
    return [
        residues,
        str(number),
        *_accession(prediction, database),
        _SEARCH_ENGINE,
        f"{prediction.peptide_score:.6f}",
        ",".join(modifications) or _NULL,
        time,
        str(prediction.precursor_charge),
        f"{prediction.precursor_mz:.6f}",
        _NULL if prediction.calculated_mz is None else f"{prediction.calculated_mz:.6f}",
        f"ms_run[{_run(file, prediction.spectrum_id, runs)}]:{reference}",
        *_place(prediction),
        ",".join(f"{score:.4f}" for score in prediction.residue_scores),
        prediction.peptidoform,
        _NULL if prediction.ppm_error is None else f"{prediction.ppm_error:.3f}",
        _NULL if prediction.q_value is None else f"{prediction.q_value:.4f}",
        _NULL if prediction.outlier_score is None else f"{prediction.outlier_score:.4f}",
        _NULL if prediction.is_proven is None else str(int(prediction.is_proven)),
        prediction.ambiguity or _NULL,
        prediction.gap or _NULL,
        ",".join(match.accession for match in prediction.proteins[1:]) or _NULL,
    ]


def _accession(prediction: Prediction, database: str) -> list[str]:
    """Accession, unique, database and its version."""
    if not prediction.proteins:
        return [_NULL] * 4
    return [prediction.proteins[0].accession, str(int(len(prediction.proteins) == 1)), database, _NULL]


def _place(prediction: Prediction) -> list[str]:
    """The residues before and behind the peptide in its first protein, and its first and last position."""
    if not prediction.proteins:
        return [_NULL] * 4
    match = prediction.proteins[0]
    return [match.pre, match.post, str(match.start), str(match.end)]


def _run(file: str, spectrum_id: str, runs: dict[str, int]) -> int:
    """Number of the run; a single file may hold, as our own tables do, spectra that bear another file's name.

    Raises
    ------
    InputError : there are several files and none has this name, so that any reference would be a guess.
    """
    if file not in runs and len(runs) > 1:
        raise InputError(
            "mzTab cannot refer to this spectrum: none of the files has the name it bears",
            record=spectrum_id,
            remedy="Sequence its table in a run of its own, or write .tsv, .csv or .parquet",
        )
    return runs.get(file, 1)


def _modifications(form: Peptidoform) -> Iterator[str]:
    """``position-UNIMOD:accession``; position 0 is the N-terminus."""
    for accession in form.n_term:
        yield f"0-UNIMOD:{accession}"
    for position, modification in enumerate(form.modifications, start=1):
        if modification is not None:
            yield f"{position}-UNIMOD:{modification}"
