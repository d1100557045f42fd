"""Opens a spectra file by what it holds, not by what it is called, and streams its spectra."""

import gzip
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from lxml.etree import XMLSyntaxError
from pyteomics.auxiliary import PyteomicsError

from data.errors import InputError, PepTRMError
from data.readers.mgf import read_mgf
from data.readers.ms2 import read_ms2
from data.readers.msp import read_msp
from data.readers.mzml import read_mzml, read_mzxml
from data.readers.parquet import read_parquet
from data.readers.record import Record, Skip, to_spectra
from data.readers.vendors import raw_data_error
from data.schema import Spectrum

_Format = Callable[[BinaryIO, str], Iterator[Record]]

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_XML_FORMATS: tuple[tuple[bytes, _Format], ...] = (
    (b"<mzML", read_mzml),
    (b"<indexedmzML", read_mzml),
    (b"<mzXML", read_mzxml),
)
_SNIFF_BYTES = 4096
_BROKEN = (EOFError, OSError, zlib.error, XMLSyntaxError, PyteomicsError, ValueError, KeyError, IndexError)
"""What the parsers raise on truncated or malformed files."""

_COPY = "Copy or convert the file again"
_CONVERT = "Convert it to mzML, for example with ProteoWizard's msconvert or ThermoRawFileParser"


class SpectrumReader:
    """An iterable over the spectra of one file.

    Attributes
    ----------
    path : of the file.
    skipped : reason → spectra that were left out; complete when the iteration has ended.
    unannotated : reason → spectra given without a peptide because their annotation could not be read.
    """

    def __init__(self, path: Path, read: _Format, *, zipped: bool) -> None:
        self.path, self._read, self._zipped = path, read, zipped
        self.skipped: Counter[str] = Counter()
        self.unannotated: Counter[str] = Counter()
        self._file: BinaryIO | None = None

    @property
    def bytes_read(self) -> int:
        """How far the reading of the file has come; 0 before it began and after it ended."""
        return 0 if self._file is None or self._file.closed else self._file.tell()

    def __iter__(self) -> Iterator[Spectrum]:
        """Stream the spectra from the start.

        Raises
        ------
        InputError : the file is truncated or malformed; the message says how many spectra came before.
        """
        return (spectrum for spectrum, _ in self.with_names())

    def with_names(self) -> Iterator[tuple[Spectrum, tuple[str, ...]]]:
        """Stream the spectra, each with what others may call it: ``index=`` of its place, title, scan, native id.

        Raises
        ------
        InputError : as ``__iter__``.
        """
        self.skipped.clear()
        self.unannotated.clear()
        done = 0
        try:
            with self.path.open("rb") as self._file, _unzipped(self._file, self._zipped) as stream:
                for index, record in enumerate(self._read(stream, self.path.name)):
                    try:
                        for spectrum in to_spectra(record, self.unannotated):
                            yield spectrum, (f"index={index}", *record.names)
                            done += 1
                    except Skip as skip:
                        self.skipped[str(skip)] += 1
        except PepTRMError as error:
            raise InputError(error.problem, path=self.path, record=error.record, remedy=error.remedy) from error
        except _BROKEN as error:
            raise InputError(
                f"is truncated or malformed behind {done} spectra ({_first_line(error)})",
                path=self.path,
                remedy=_COPY,
            ) from error


def read_spectra(path: Path) -> SpectrumReader:
    """A reader for a file of MGF, mzML, mzXML, MS2, MSP (each plain or gz) or of our own Parquet table.

    Raises
    ------
    InputError : there is no such file, it is a folder, empty, an instrument's raw data, or of no known format.
    """
    if path.is_dir():
        if error := raw_data_error(path):
            raise error
        raise InputError("is a folder", path=path, remedy="Name the spectra files in it")
    try:
        with path.open("rb") as stream:
            zipped = stream.read(2) == _GZIP
        with gzip.open(path) if zipped else path.open("rb") as stream:
            head = stream.read(_SNIFF_BYTES)
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="Check the name") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read ({_first_line(error)})", path=path, remedy=_COPY) from error
    if not head.strip():
        raise InputError("is empty", path=path, remedy=_COPY)
    return SpectrumReader(path, _format_of(head, path), zipped=zipped)


def _format_of(head: bytes, path: Path) -> _Format:
    if head.startswith(_PARQUET):
        return read_parquet
    if error := raw_data_error(path, head):
        raise error
    if b"\0" in head:
        raise InputError("is a binary file of no known format", path=path, remedy=_CONVERT)
    for mark, read in _XML_FORMATS:
        if mark in head:
            return read
    lines = [line.strip() for line in head.removeprefix(BOM_UTF8).splitlines()]
    if b"BEGIN IONS" in lines:
        return read_mgf
    if lines[0][:2] in (b"H\t", b"S\t"):
        return read_ms2
    if any(line.upper().startswith(b"NAME:") for line in lines):
        return read_msp
    name = path.name.lower().removesuffix(".gz")
    whole = lines if len(head) < _SNIFF_BYTES else lines[:-1]
    if name.endswith(".mgf") and all(not line or line[:1] in b"#;!/" or b"=" in line for line in whole):
        return read_mgf
    raise InputError("is of no known format", path=path, remedy="Give MGF, mzML, mzXML, MS2, MSP or our Parquet table")


def _unzipped(file: BinaryIO, zipped: bool) -> BinaryIO:
    return gzip.GzipFile(fileobj=file, mode="rb") if zipped else file  # type: ignore[return-value]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
