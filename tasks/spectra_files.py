"""Spectra files by what people name: files, globs and folders."""

from collections import Counter
from collections.abc import Iterable
from glob import has_magic
from pathlib import Path

from data.errors import InputError
from data.readers.vendors import raw_data_error
from tasks.journal import PARTIAL_MARK

_ENDINGS = (".mgf", ".mzml", ".mzxml", ".ms2", ".msp")
"""Of the files that are taken from a folder. Parquet is not, for peptides are written as Parquet, too."""


def spectra_files(names: Iterable[Path]) -> list[Path]:
    """Files as named, those that a glob matches, and the spectra files of a folder, sorted; none of them twice.

    Raises
    ------
    InputError : a glob or a folder gives no file, or two files bear the same name, by which results tell them apart.
    """
    found: dict[Path, Path] = {}
    for name in names:
        for file in _expanded(name):
            found.setdefault(file.resolve(), file)
    files = list(found.values())
    names_count = Counter(file.name for file in files)
    twice = [name for name, number in names_count.items() if number > 1]
    if twice:
        raise InputError("two files have this name", record=twice[0], remedy="Give them in two runs")
    return files


def files_of_folder(folder: Path) -> list[Path]:
    """The spectra files that lie in a folder, by their endings, sorted; not those of its folders."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_spectra_file(path))


def is_spectra_file(path: Path) -> bool:
    """Whether the name's ending is of a spectra format, plain or gz."""
    name = path.name.lower()
    is_ours = name.startswith((".", PARTIAL_MARK))
    return name.removesuffix(".gz").endswith(_ENDINGS) and not is_ours


def _expanded(name: Path) -> list[Path]:
    if name.is_dir():
        found = files_of_folder(name)
        if not found:
            raise raw_data_error(name) or InputError(
                "the folder holds no spectra file",
                path=name,
                remedy=f"Looked for {', '.join(_ENDINGS)}, plain or gz; name other files one by one",
            )
        return found
    if name.exists() or not has_magic(str(name)):
        return [name]
    found = sorted(path for path in Path(name.anchor).glob(str(name.relative_to(name.anchor))) if path.is_file())
    if not found:
        raise InputError("no file matches", path=name, remedy="Check the pattern")
    return found
