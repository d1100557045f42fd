"""What a name's ending means for a file to be written, and whether it can be written at all."""

from pathlib import Path

from data.errors import InputError, OutputError

PREDICTION_ENDINGS = (
    ".psm.tsv",
    "msms.txt",
    ".mztab",
    ".tsv",
    ".csv",
    ".parquet",
    ".pin",
    ".mgf",
    ".msp",
    ".fasta",
)
"""Of files of peptides; an earlier one is meant where two fit."""

SPECTRUM_ENDINGS = (".mgf", ".parquet", ".msp")
"""Of files of spectra."""


def ending_of(path: Path, endings: tuple[str, ...]) -> str:
    """The ending that the name has.

    Raises
    ------
    InputError : it has none of them.
    """
    for ending in endings:
        if path.name.lower().endswith(ending):
            return ending
    raise InputError(
        f"the ending '{path.suffix}' cannot be written here", path=path, remedy=f"Use one of {', '.join(endings)}"
    )


def check_output(path: Path, endings: tuple[str, ...] = PREDICTION_ENDINGS) -> None:
    """Find out before the work whether it could be written.

    Raises
    ------
    InputError : the ending is of no known format.
    OutputError : the folder is missing, or the name is a folder's.
    """
    ending_of(path, endings)
    if path.is_dir():
        raise OutputError("is a folder", path=path, remedy="Name a file")
    if not path.parent.is_dir():
        raise OutputError("the folder does not exist", path=path, remedy=f"mkdir -p {path.parent}")


def check_free(path: Path, force: bool) -> None:
    """Find out whether a file may be put there.

    Raises
    ------
    OutputError : one is there already, and it was not said that it may be overwritten.
    """
    if path.exists() and not force:
        raise OutputError("is there already", path=path, remedy="Choose another name or give --force")
