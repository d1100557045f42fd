"""Spectra from the standard input stream, kept in a file while they are read: formats are told by what is in them."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from data.atomic import output_error
from data.errors import PepTRMError

Format = Literal["mgf", "mzml", "mzxml", "msp", "parquet"]

STANDARD_INPUT = Path("-")


@contextmanager
def named_files(names: list[Path], stdin_format: Format) -> Iterator[list[Path]]:
    """The files, with one of the standard input's content in the place of ``-``, which is gone behind the block.

    Parameters
    ----------
    stdin_format : gives that file its ending.

    Raises
    ------
    OutputError : there is no room for it.
    PepTRMError : of the block, about the standard input, whose file nobody can look at.
    """
    if STANDARD_INPUT not in names:
        yield names
        return
    with tempfile.TemporaryDirectory(prefix="peptrm-") as folder:
        path = Path(folder) / f"stdin.{stdin_format}"
        try:
            with path.open("wb") as stream:
                shutil.copyfileobj(sys.stdin.buffer, stream)
        except OSError as error:
            raise output_error(error, path) from error
        try:
            yield [path if name == STANDARD_INPUT else name for name in names]
        except PepTRMError as error:
            if error.path != path:
                raise
            raise type(error)(
                error.problem, path="standard input", record=error.record, remedy=f"Is it {stdin_format}? See --format"
            ) from error
