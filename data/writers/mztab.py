"""mzTab 1.0 (Griss et al. 2014) of de novo peptides: its metadata and its PSM section, line by line.

Sections are those of the specification 1.0.0 of 20 June 2014. Optional columns are called as Casanovo calls them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from data.chemistry import MODIFICATIONS
from data.errors import InputError
from data.peptide_parts import Attachment, take_apart
from data.predictions import Prediction
from data.vocabulary import TOKEN_TEXTS

_NULL = "null"
COLUMN_MEANINGS = {
    "sequence": "the peptide's residues without modifications; L stands for I or L",
    "PSM_ID": "counts the spectra with a peptide from 1; one number for all rows of a peptide of several proteins",
    "accession": "of the protein, with `--database`",
    "unique": "1 where one protein alone holds the peptide",
    "database": "name of the FASTA file",
    "database_version": "always null",
    "search_engine": "PepTRM",
    "search_engine_score[1]": "0…1, the probability that the peptide is right",
    "modifications": "`position-UNIMOD:accession`, position 0 is the N terminus; `CHEMMOD` for a mass alone",
    "retention_time": "s",
    "charge": "of the precursor, as the file states it",
    "exp_mass_to_charge": "Th, of the precursor, as the file states it",
    "calc_mass_to_charge": "Th, of the peptide",
    "spectra_ref": "the file's number in the metadata, then `index=` (from 0, in MGF and MSP) or `scan=`",
    "pre": "residue before the peptide in the protein, `-` at its start",
    "post": "residue behind it, `-` at the protein's end",
    "start": "position of its first residue in the protein, from 1",
    "end": "position of its last residue",
    "opt_global_aa_scores": "0…1, one a residue from the N terminus; a terminal modification has its own, first",
    "opt_global_cv_MS:1003169_proforma_peptidoform_sequence": "the peptide with its modifications, ProForma",
    "opt_global_ppm_error": "ppm, (observed − calculated) / calculated",
    "opt_global_cv_MS:1002354_PSM-level_q-value": "with `--fdr`: share of wrong peptides at this score and above",
    "opt_global_outlier_score": "0…1, how unlike the spectra that peptides are read from",
    "opt_global_is_proven": "1 where no other peptide of the precursor's mass is more probable to the network",
    "opt_global_ambiguity": "what the spectrum cannot tell apart",
    "opt_global_gap": "what a residue or stretch of unknown mass may be",
}
"""Of the section PSM, in order."""
_SOFTWARE = "[MS, MS:1001456, analysis software, PepTRM {version}]"
_SEARCH_ENGINE = "[MS, MS:1001456, analysis software, PepTRM]"
_SCORE = "[MS, MS:1001143, PSM-level search engine specific statistic, PepTRM peptide score]"
_SCAN_FORMAT = "[MS, MS:1000776, scan number only nativeID format, ]"
_INDEX_FORMAT = "[MS, MS:1000774, multiple peak list nativeID format, ]"
_N_TERM = "N-term"
_NONE_FIXED = "[MS, MS:1002453, No fixed modifications searched, ]"
_NONE_VARIABLE = "[MS, MS:1002454, No variable modifications searched, ]"
_FORMATS = {
    ".mgf": ("[MS, MS:1001062, Mascot MGF format, ]", _INDEX_FORMAT),
    ".mzml": ("[MS, MS:1000584, mzML format, ]", _SCAN_FORMAT),
    ".mzxml": ("[MS, MS:1000566, ISB mzXML format, ]", _SCAN_FORMAT),
    ".ms2": ("[MS, MS:1001466, MS2 format, ]", _SCAN_FORMAT),
}
"""Of a file and of the identifiers of its spectra, by its ending (section 5.2, table 1)."""


def mztab_lines(
    predictions: Iterable[Prediction],
    files: Sequence[Path],
    version: str,
    readable: Sequence[str] = TOKEN_TEXTS,
    database: str = _NULL,
) -> Iterator[str]:
    """The lines of the file, without line ends.

    Parameters
    ----------
    predictions : with a peptide; the part of ``spectrum_id`` before the last colon names the file.
    files : that the spectra come from.
    readable : the tokens, in ProForma, that a peptide could hold; a modification is fixed where its residue is never
        without it.
    database : name of the searched proteins.

    Raises
    ------
    InputError : it cannot be told which of several files a spectrum comes from.
    """
    yield from _metadata(files, version, readable)
    yield ""
    yield "\t".join(("PSH", *COLUMN_MEANINGS))
    runs = {file.name: number for number, file in enumerate(files, start=1)}
    for number, prediction in enumerate(predictions, start=1):
        for row in _rows(prediction, number, runs, database):
            yield "\t".join(("PSM", *map(_cell, row)))


def _cell(text: str) -> str:
    """No cell is empty or broken (sections 5.9 and 6)."""
    return re.sub(r"\s", " ", text) or _NULL


def _metadata(files: Sequence[Path], version: str, readable: Sequence[str]) -> Iterator[str]:
    entries = [
        ("mzTab-version", "1.0.0"),
        ("mzTab-mode", "Summary"),
        ("mzTab-type", "Identification"),
        ("description", "De novo peptides of PepTRM; I and L weigh the same and are both written as L"),
        ("software[1]", _SOFTWARE.format(version=version)),
        ("psm_search_engine_score[1]", _SCORE),
        *_modifications(readable),
    ]
    for number, file in enumerate(files, start=1):
        kind = Path(file.name.lower().removesuffix(".gz")).suffix
        format_term, id_term = _FORMATS.get(kind, (None, _INDEX_FORMAT))
        if format_term:
            entries.append((f"ms_run[{number}]-format", format_term))
        entries.append((f"ms_run[{number}]-location", file.resolve().as_uri()))
        entries.append((f"ms_run[{number}]-id_format", id_term))
    return (f"MTD\t{key}\t{value}" for key, value in entries)


def _modifications(readable: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Fixed ones, then variable ones, each with one site (sections 6.2.24 to 6.2.29)."""
    forms = Counter(text[0] for text in readable)
    fixed: dict[tuple[str, str], None] = {}
    variable: dict[tuple[str, str], None] = {}
    for text in readable:
        site = _N_TERM if text.endswith("-") else text[0]
        found = fixed if site != _N_TERM and forms[site] == 1 else variable
        found |= dict.fromkeys((term, site) for term in _terms(text))
    for kind, found, none in (("fixed_mod", fixed, _NONE_FIXED), ("variable_mod", variable, _NONE_VARIABLE)):
        for number, (term, site) in enumerate(found, start=1):
            yield f"{kind}[{number}]", term
            yield f"{kind}[{number}]-site", site
            yield f"{kind}[{number}]-position", "Any N-term" if site == _N_TERM else "Anywhere"
        if not found:
            yield f"{kind}[1]", none


def _terms(token: str) -> Iterator[str]:
    """Of the modifications of a token, as Unimod's or as masses."""
    for accession in re.findall(r"\[UNIMOD:(\d+)\]", token):
        yield f"[UNIMOD, UNIMOD:{accession}, {MODIFICATIONS[int(accession)].name}, ]"
    for mass in re.findall(r"\[([+-][\d.]+)\]", token):
        yield f"[CHEMMOD, CHEMMOD:{mass}, , ]"


def _rows(prediction: Prediction, number: int, runs: dict[str, int], database: str) -> Iterator[list[str]]:
    """The row of a PSM, once for each protein that holds the peptide (sections 5.6 and 6.5.2)."""
    parts = take_apart(prediction.peptidoform)
    front = [parts.residues, str(number)]
    back = [
        _SEARCH_ENGINE,
        f"{prediction.peptide_score:.6f}",
        ",".join(map(_modification, parts.attachments)) or _NULL,
        _NULL if prediction.retention_time is None else f"{prediction.retention_time:.3f}",
        str(prediction.precursor_charge),
        f"{prediction.precursor_mz:.6f}",
        _NULL if prediction.calculated_mz is None else f"{prediction.calculated_mz:.6f}",
        _spectra_ref(prediction.spectrum_id, runs),
    ]
    optional = [
        ",".join(f"{score:.4f}" for score in prediction.residue_scores) or _NULL,
        prediction.peptidoform,
        _NULL if prediction.ppm_error is None else f"{prediction.ppm_error:.3f}",
        _NULL if prediction.q_value is None else f"{prediction.q_value:.4f}",
        _NULL if prediction.outlier_score is None else f"{prediction.outlier_score:.4f}",
        _NULL if prediction.is_proven is None else str(int(prediction.is_proven)),
        prediction.ambiguity or _NULL,
        prediction.gap or _NULL,
    ]
    if not prediction.proteins:
        yield [*front, *[_NULL] * 4, *back, *[_NULL] * 4, *optional]
    is_unique = str(int(len(prediction.proteins) == 1))
    for match in prediction.proteins:
        protein = [match.accession, is_unique, database, _NULL]
        place = [match.pre, match.post, str(match.start), str(match.end)]
        yield [*front, *protein, *back, *place, *optional]


def _modification(attachment: Attachment) -> str:
    """``position-UNIMOD:accession`` (section 5.8); a mass that no accession stands for is a CHEMMOD."""
    if attachment.accession is None:
        return f"{attachment.position}-CHEMMOD:{attachment.mass:+.4f}"
    return f"{attachment.position}-UNIMOD:{attachment.accession}"


def _spectra_ref(spectrum_id: str, runs: dict[str, int]) -> str:
    """``ms_run[1]:index=3`` or what else the id format of the run asks for (section 5.2, table 1)."""
    file, _, native = spectrum_id.rpartition(":")
    native = native.partition("/")[0]
    return f"ms_run[{_run(file, spectrum_id, runs)}]:{native if '=' in native else f'index={native}'}"


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
