"""What a spectrum is called, in one notation: by the spectra file, and by the tool that identified it.

Search engines name a spectrum by its title, by its scan number and run, or by its place in the file. Each name becomes
one or more keys; an identification belongs to the spectrum that has one of its keys.
"""

import re
from collections.abc import Iterator, Sequence

from data.identifications.identification import Identification
from data.spectrum_id import run_name

Key = tuple[str, str, int]
"""``(kind, run or title, number)``; the run in lower case, empty where it is not known."""

_SCAN = re.compile(r"\bscan[=:](\d+)")
_INDEX = re.compile(r"\bindex=(\d+)$")
_DTA_TITLE = re.compile(r"([^\s\"]+?)\.0*(\d+)\.0*\2(?:\.|\s|$)")
"""``run.17.17.2``, as msconvert, MSFragger and the Trans-Proteomic Pipeline write."""

_USI = re.compile(r"mzspec:[^:]*:([^:]+):scan:(\d+)")
_OWN = re.compile(r"(.+\.\w+):(?:scan=)?(\d+)(?:/\d+)?$")
"""Our ids: a place in a peak list, or a scan."""


def spectrum_keys(spectrum_id: str, names: Sequence[str], run: str, *, alone: bool) -> Iterator[Key]:
    """Keys of a spectrum, the surest first.

    Parameters
    ----------
    names : what its file calls it.
    run : the name of its file without the endings.
    alone : no other file is joined with, so that the run needs not be told.
    """
    for text in (spectrum_id, *names):
        if _is_title(text):
            yield "title", text, 0
    for text in (spectrum_id, spectrum_id.rpartition(":")[2], *names):
        for kind, named_run, number in _references(text):
            yield kind, named_run or run.lower(), number
            if alone:
                yield kind, "", number


def identification_keys(identification: Identification) -> Iterator[Key]:
    """Keys of an identification, the surest first."""
    run = (identification.run or "").lower()
    if identification.title and not (identification.title.isdecimal() and identification.scan is not None):
        if _is_title(identification.title):
            yield "title", identification.title, 0
        for kind, named_run, number in _references(identification.title):
            yield kind, run or named_run, number
        if identification.title.isdecimal():
            yield "scan", run, int(identification.title)
    if identification.scan is not None:
        yield "scan", run, identification.scan


def _is_title(text: str) -> bool:
    """Whether a name tells a spectrum from those of other files; a scan or a place without its run does not."""
    return all(run for _, run, _ in _references(text))


def _references(text: str) -> Iterator[Key]:
    """Scans and places that a name tells, with the run where it tells that."""
    if match := _USI.match(text) or _DTA_TITLE.match(text):
        yield "scan", run_name(match[1]).lower(), int(match[2])
    elif match := _OWN.match(text):
        yield "scan" if "scan=" in text else "index", run_name(match[1]).lower(), int(match[2])
    elif match := _SCAN.search(text):
        yield "scan", "", int(match[1])
    elif match := _INDEX.search(text):
        yield "index", "", int(match[1])
