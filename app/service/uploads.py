"""Uploaded files: streamed into a private folder under a name of ours, unpacked no further than the limit allows."""

import asyncio
import gzip
import re
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

from data.errors import InputError

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_CHUNK_BYTES = 2**20
_LONGEST_NAME = 120


class TooLargeError(InputError):
    """A body of more bytes than the limit."""


class StalledError(InputError):
    """A body of which nothing more comes."""


def shown_name(name: str) -> str:
    """What the file is called in answers: the last part of the given name, and of that what is harmless in a table.

    No file is ever opened under it.
    """
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^\w.+-]+", "_", last).strip("_.")[-_LONGEST_NAME:] or "spectra"


def too_large(most_bytes: int) -> TooLargeError:
    """The error of a body with more bytes than that."""
    return TooLargeError(f"the body is larger than {most_bytes} bytes", remedy="Send it in parts")


async def store(stream: AsyncIterator[bytes], path: Path, most_bytes: int) -> None:
    """Write bytes to a new file as they come.

    Raises
    ------
    TooLargeError : there are more.
    OSError : the disk is full.
    """
    with path.open("xb") as file:
        async for part in limited(stream, most_bytes):
            file.write(part)


async def limited(stream: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    """A body as it comes.

    Raises
    ------
    TooLargeError : it is longer.
    """
    received = 0
    async for part in stream:
        received += len(part)
        if received > most_bytes:
            raise too_large(most_bytes)
        yield part


async def unstalled(stream: AsyncIterator[bytes], most_seconds: float) -> AsyncIterator[bytes]:
    """A body as it comes, of which something must come every so often.

    Raises
    ------
    StalledError : nothing came for longer.
    """
    parts = aiter(stream)
    while True:
        try:
            part = await asyncio.wait_for(anext(parts), most_seconds)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise StalledError(f"nothing of the body came for {most_seconds:g} s", remedy="Send it again") from None
        yield part


def unpack(path: Path, most_bytes: int) -> Path:
    """The plain file of one that may be gzipped; Parquet, whose rows can unpack to anything, is refused.

    Raises
    ------
    InputError : Parquet, a damaged archive, or one that unpacks to more than ``most_bytes``.
    """
    with path.open("rb") as file:
        head = file.read(len(_PARQUET))
    if head == _PARQUET:
        raise InputError("the service does not read Parquet", remedy="Send MGF, mzML, mzXML or MSP")
    if not head.startswith(_GZIP):
        return path
    plain, written = path.with_name(f"{path.name}-plain"), 0
    try:
        with gzip.open(path) as packed, plain.open("xb") as file:
            while part := packed.read(_CHUNK_BYTES):
                written += len(part)
                if written > most_bytes:
                    raise InputError(f"unpacks to more than {most_bytes} bytes", remedy="Send it in parts")
                file.write(part)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"is a damaged archive ({error})", remedy="Copy the file again") from error
    path.unlink()
    return plain
