"""Files appear under their final name complete or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import OutputError

TEMPORARY_MARK = ".partial-"
"""Every temporary name of ours holds this, so that what a killed run left can be told from results."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``, renamed to it when the block ends well and removed when it does not.

    Raises
    ------
    OutputError : the system refuses to write: full disk, no permission, a missing or read-only folder.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY_MARK}{os.getpid()}")
    try:
        yield temporary
        move_into_place(temporary, path)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def move_into_place(temporary: Path, path: Path) -> None:
    """Give a finished file its final name, so that it survives a power cut.

    Raises
    ------
    OSError : the system refuses.
    """
    _flush_to_disk(temporary)
    temporary.replace(path)
    _flush_to_disk(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file.

    Raises
    ------
    OutputError : as `atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents.

    Raises
    ------
    OutputError : the system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error


def output_error(error: OSError, path: Path) -> OutputError:
    """The system's reason as one of our errors."""
    return OutputError(
        f"cannot be written: {error.strerror or error}",
        path=path,
        remedy="Free space there or choose another folder, then run again",
    )


def _flush_to_disk(path: Path) -> None:
    """Put a file's content, or a folder's entries, on the disk: a rename alone survives no power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
