"""Unpacks archives that may be hostile: no path leaves the folder, no links, bounded growth, complete or not at all."""

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from data.atomic import TEMPORARY_MARK, make_folder, output_error
from data.errors import CorruptedDataError, OutputError

_BLOCK_BYTES = 1 << 20
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, ValueError)
_REMEDY = "Do not use this archive: fetch it again from its publisher, or unpack it by hand after a look inside"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far an archive may grow.

    Attributes
    ----------
    ratio : unpacked to packed bytes; peak lists in text reach 5, deflate's best is 1,032.
    free_bytes : that any archive may reach, whatever its ratio.
    members : files and folders.
    """

    ratio: float = 100.0
    free_bytes: int = 16 << 20
    members: int = 100_000


@dataclass(frozen=True)
class _Member:
    """A file inside an archive; ``stream`` is read before the next member is asked for."""

    name: str
    stream: IO[bytes]


_LIMITS = Limits()


def extract(archive: Path, folder: Path, limits: Limits = _LIMITS) -> list[Path]:
    """Unpack a zip, a tar (plain, gz, bz2, xz), or a single gz file.

    Parameters
    ----------
    folder : of the files; replaced if it is there.

    Returns
    -------
    The files, sorted.

    Raises
    ------
    CorruptedDataError : damaged, of no known kind, encrypted, or hostile: a member that lies outside of the folder, is
        a link or a device, occurs twice, or more bytes than the limits allow. Nothing is left of it.
    OutputError : no space, or not writable.
    """
    make_folder(folder.parent)
    temporary = folder.with_name(f".{folder.name}{TEMPORARY_MARK}unpacked")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        free = shutil.disk_usage(temporary).free
        allowed = limits.free_bytes + limits.ratio * archive.stat().st_size
        names: set[str] = set()
        for member in _members(archive, limits):
            name = _safe_name(member.name, archive)
            if name.casefold() in names:
                raise _refused(archive, member.name, "occurs twice")
            names.add(name.casefold())
            if len(names) > limits.members:
                raise _refused(archive, member.name, f"is the member after {limits.members}")
            written = _write(member, temporary / name, archive, allowed, free)
            allowed, free = allowed - written, free - written
        if not names:
            raise CorruptedDataError("holds no file", path=archive, remedy=_REMEDY)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    except _BROKEN as error:
        raise CorruptedDataError(f"is damaged ({error})", path=archive, remedy="Fetch it again") from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise CorruptedDataError(f"is damaged ({error})", path=archive, remedy="Fetch it again") from error
        raise output_error(error, folder) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write(member: _Member, path: Path, archive: Path, allowed: float, free: int) -> int:
    """Bytes written; no more than allowed, whatever the archive's directory states."""
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("xb")
    except (FileExistsError, NotADirectoryError):
        raise _refused(archive, member.name, "is a file and a folder at once") from None
    with out:
        while block := member.stream.read(_BLOCK_BYTES):
            written += len(block)
            if written > allowed:
                raise _refused(archive, member.name, "grows beyond what the archive's size allows")
            if written > free:
                raise OutputError(
                    "has no space for the unpacked archive", path=archive.parent, remedy="Free space there"
                )
            out.write(block)
    return written


def _members(archive: Path, limits: Limits) -> Iterator[_Member]:
    """The files of any kind of archive, one after the other."""
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive, limits)
    elif tarfile.is_tarfile(archive):
        yield from _tar_members(archive)
    else:
        with archive.open("rb") as stream:
            if stream.read(2) != b"\x1f\x8b":
                raise CorruptedDataError("is neither zip, tar nor gz", path=archive, remedy="Fetch it again")
        with gzip.open(archive) as unpacked:
            yield _Member(archive.name.removesuffix(".gz"), unpacked)  # type: ignore[arg-type]


def _zip_members(archive: Path, limits: Limits) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        if len(opened.infolist()) > limits.members:
            raise _refused(archive, opened.infolist()[limits.members].filename, f"is the member after {limits.members}")
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, info.filename, "is a link or a device")
            if info.flag_bits & 1:
                raise _refused(archive, info.filename, "is encrypted")
            _safe_name(info.filename, archive)
            if not info.is_dir():
                with opened.open(info) as stream:
                    yield _Member(info.filename, stream)


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive, "r:*") as opened:
        for info in opened:
            _safe_name(info.name, archive)
            if info.isdir():
                continue
            stream: BinaryIO | IO[bytes] | None = opened.extractfile(info) if info.isreg() else None
            if stream is None:
                raise _refused(archive, info.name, "is a link or a device")
            with stream:
                yield _Member(info.name, stream)


def _safe_name(name: str, archive: Path) -> str:
    """The name relative to the folder; refused where it could lead elsewhere on any system."""
    path = PurePosixPath(name.replace("\\", "/"))
    drive = len(name) > 1 and name[1] == ":"
    if path.is_absolute() or ".." in path.parts or drive or "\0" in name:
        raise _refused(archive, name, "lies outside of the folder")
    return str(path)


def _refused(archive: Path, name: str, problem: str) -> CorruptedDataError:
    return CorruptedDataError(f"the member {name!r} {problem}", path=archive, remedy=_REMEDY)
