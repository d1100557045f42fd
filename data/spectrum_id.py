"""The run and the scan of a spectrum, by its id; tables of other tools have them in columns of their own."""

import re
from pathlib import Path

_SUFFIXES = (".gz", ".mzml", ".mzxml", ".mgf", ".ms2", ".msp", ".sptxt", ".parquet", ".raw", ".d", ".wiff")
_NUMBER = re.compile(r"(\d+)(?:/\d+)?$")


def run_name(file: str) -> str:
    """A file's name without its folders and the endings of spectra files."""
    name = Path(file.replace("\\", "/")).name
    while name.lower().endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    return name


def run_and_native_id(spectrum_id: str) -> tuple[str, str]:
    """``run`` and ``scan=17`` or ``3`` of ``run.mzML:scan=17`` or ``run.mgf:3``; no charge behind a slash."""
    file, _, native = spectrum_id.rpartition(":")
    return run_name(file), native.partition("/")[0]


def scan_number(spectrum_id: str) -> int:
    """The scan, or where the file has none the place of the spectrum in it, from 0; -1 where neither is known."""
    match = _NUMBER.search(spectrum_id)
    return int(match[1]) if match else -1
