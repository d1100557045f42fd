"""Files of identifications, told apart by what they hold, most of them read by psm_utils."""

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.identifications.identification import Identification
from data.identifications.tables import read_maxquant, read_proteome_discoverer, read_rows
from data.prediction_files import is_prediction_file, read_predictions
from data.spectrum_id import run_and_native_id, run_name

_Reader = Callable[[Path], Iterator[Identification]]

_KNOWN = (
    "MaxQuant's msms.txt or evidence.txt, Proteome Discoverer's _PSMs.txt or .msf, FragPipe's psm.tsv, pepXML, "
    "Sage's results.sage.tsv, Percolator's .pin or .pout, mzIdentML, idXML, a table of psm_utils, or "
    "PepTRM's own mzTab or table"
)
_DECOY = re.compile(r"(?:rev|reverse|decoy|xxx)_|REV__|##", re.IGNORECASE)
_SCAN_ALONE = ("fragpipe", "proteome_discoverer")
"""psm_utils' names of tools whose spectra are called by their scan number."""

_PERCOLATOR_ID = re.compile(r"(?P<run>.+?)(?:_SII_\d+_\d+)?_(?P<scan>\d+)_(?P<charge>\d+)_(?P<rank>\d+)")
"""Comet's and MS-GF+'s; Crux has the number of the file where others have its name."""

_NO_RUN = re.compile(r"(target|decoy)(_\d+)?$")
_HEAD_BYTES = 4096


class IdentificationFile:
    """An iterable over the identifications of one file.

    Attributes
    ----------
    path, kind : of the file; the tool or format, for people.
    """

    def __init__(self, path: Path, kind: str, read: _Reader) -> None:
        self.path, self.kind, self._read = path, kind, read

    def __iter__(self) -> Iterator[Identification]:
        """The matches in order.

        Raises
        ------
        InputError : the file is truncated or malformed; the message says how many matches came before.
        """
        done = 0
        try:
            for identification in self._read(self.path):
                yield identification
                done += 1
        except InputError as error:
            raise InputError(error.problem, path=self.path, record=error.record, remedy=error.remedy) from error
        except Exception as error:  # psm_utils and what it uses raise of everything on malformed files
            first_line = (str(error).strip().splitlines() or [""])[0]
            raise InputError(
                f"cannot be read as {self.kind} behind {done} matches ({type(error).__name__}: {first_line})",
                path=self.path,
                remedy="Export or copy the file again",
            ) from error


def read_identifications(path: Path) -> IdentificationFile:
    """A reader for a file of identifications.

    Raises
    ------
    InputError : there is no such file, it is empty or of no known format, or needs a package that is not installed.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="Check the name") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path, remedy=f"Give {_KNOWN}") from error
    if not head.strip():
        raise InputError("is empty", path=path, remedy="Export or copy the file again")
    if is_prediction_file(path):
        return IdentificationFile(path, "PepTRM's peptides", _own)
    kind, read = _kind(path, head)
    return IdentificationFile(path, kind, read)


def _kind(path: Path, head: bytes) -> tuple[str, _Reader]:
    name = path.name.lower()
    if b"<IdXML" in head or name.endswith(".idxml"):
        if importlib.util.find_spec("pyopenms") is None:
            raise InputError(
                "idXML is read with pyOpenMS, which is not installed",
                path=path,
                remedy="Run `pip install 'peptrm[openms]'`, or convert it to mzIdentML with OpenMS' IDFileConverter",
            )
        return "idXML", _through_psm_utils("idxml")
    if name.endswith(".pdresult"):
        raise InputError(
            "Proteome Discoverer's result file is not read",
            path=path,
            remedy="Export the PSMs as text in Proteome Discoverer (File, Export, To Text) and give the _PSMs.txt",
        )
    for mark, kind, filetype in ((b"<MzIdentML", "mzIdentML", "mzid"), (b"<msms_pipeline", "pepXML", "pepxml")):
        if mark in head:
            return kind, _through_psm_utils(filetype)
    if name.endswith(".msf") and head.startswith(b"SQLite format 3"):
        return "Proteome Discoverer's MSF", _through_psm_utils("proteome_discoverer")
    if b"\0" not in head and (found := _table_kind(next(chain(read_rows(path), [{}])))):
        return found
    raise InputError("is no known file of identifications", path=path, remedy=f"Give {_KNOWN}")


def _table_kind(row: Iterable[str]) -> tuple[str, _Reader] | None:
    """By the columns of the first row."""
    columns = set(row)
    tables: tuple[tuple[set[str], str, _Reader], ...] = (
        ({"raw file", "modified sequence", "scan number"}, "MaxQuant's msms.txt", read_maxquant),
        ({"raw file", "modified sequence", "ms/ms scan number"}, "MaxQuant's evidence.txt", read_maxquant),
        (
            {"annotated sequence", "first scan", "spectrum file"},
            "Proteome Discoverer's PSMs",
            read_proteome_discoverer,
        ),
        ({"spectrum", "spectrum file", "assigned modifications"}, "FragPipe's psm.tsv", _through_psm_utils("fragpipe")),
        ({"scannr", "spectrum_q", "peptide"}, "Sage's table", _through_psm_utils("sage_tsv")),
        ({"specid", "label", "peptide"}, "Percolator's input", _percolator),
        ({"psmid", "q-value", "peptide"}, "Percolator's output", _percolator),
        ({"peptidoform", "spectrum_id"}, "a table of psm_utils", _through_psm_utils("tsv")),
    )
    return next(((kind, read) for wanted, kind, read in tables if wanted <= columns), None)


def _through_psm_utils(filetype: str) -> _Reader:
    def read(path: Path) -> Iterator[Identification]:
        for psm in _psms(path, filetype):
            text = str(psm.spectrum_id)
            by_scan = filetype in _SCAN_ALONE and text.isdecimal()
            yield _identification(
                psm,
                filetype,
                run=run_name(psm.run) if psm.run else None,
                title=None if by_scan else text,
                scan=int(text) if by_scan else None,
                rank=psm.rank,
            )

    return read


def _own(path: Path) -> Iterator[Identification]:
    """What this program wrote; all of it, for `--fdr` has filtered already."""
    for prediction in read_predictions(path):
        yield Identification(
            peptidoform=prediction.peptidoform,
            run=run_and_native_id(prediction.spectrum_id)[0],
            title=prediction.spectrum_id,
            charge=prediction.precursor_charge,
            pep=1 - prediction.peptide_score,
        )


def _percolator(path: Path) -> Iterator[Identification]:
    """Input or output of Percolator, which psm_utils reads without the scan number."""
    rows = (row for row in read_rows(path) if next(iter(row.values())) != "DefaultDirection")
    for psm, row in zip(_psms(path, "percolator"), rows, strict=True):
        match = _PERCOLATOR_ID.fullmatch(psm.spectrum_id)
        run = run_name(match["run"]) if match and not _NO_RUN.match(run_name(match["run"])) else None
        scan = row.get("scannr") or (match["scan"] if match else "")
        identification = _identification(
            psm,
            "percolator",
            run=run,
            title=psm.spectrum_id,
            scan=int(scan) if scan.isdecimal() else None,
            rank=int(match["rank"]) if match else None,
        )
        if identification.charge is None and match:
            identification.charge = int(match["charge"])
        yield identification


def _psms(path: Path, filetype: str) -> Iterator[Any]:
    from psm_utils.io import READERS

    with READERS[filetype](path) as reader:
        yield from reader


def _identification(
    psm: Any, filetype: str, *, run: str | None, title: str | None, scan: int | None, rank: int | None
) -> Identification:
    text = str(psm.peptidoform)
    if filetype == "pepxml":
        # mod_nterm_mass has the hydrogen of the terminus in it, which a mass without a sign may have, too
        text = re.sub(r"^\[\+", "[", text)
    proteins = psm.protein_list or []
    is_decoy = psm.is_decoy if psm.is_decoy is not None else bool(proteins) and all(map(_DECOY.match, proteins))
    return Identification(
        peptidoform=text,
        run=run,
        title=title,
        scan=scan,
        charge=psm.get_precursor_charge(),
        q_value=psm.qvalue,
        pep=psm.pep,
        is_decoy=bool(is_decoy),
        rank=rank,
    )
