"""Shards: the spectrum table on disk as bounded Parquet files, with a manifest that vouches for each of them.

- A shard or a manifest appears under its final name complete or not at all.
- A run that was killed goes on where it stopped, as long as its parameters are the same.
- A shard whose checksum does not fit is never read.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.atomic import TEMPORARY_MARK, make_folder, output_error, write_atomically
from data.errors import CorruptedDataError, InputError
from data.schema import SPECTRA

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED_MANIFEST = ".manifest.unfinished.json"

_REBUILD = "Delete the folder and run the step that makes it again (dvc repro --force --single-item <stage>)"
_CATEGORIES = [field.name for field in SPECTRA if pa.types.is_dictionary(field.type)]
# Neither m/z nor intensity repeats within a shard: split into byte streams they pack 11% smaller than as plain values.
_STREAMS = {"mz.list.element": "BYTE_STREAM_SPLIT", "intensity.list.element": "BYTE_STREAM_SPLIT"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """One file of the manifest."""

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a folder of shards holds and what made it.

    Attributes
    ----------
    shards : in the order of their rows.
    parameters : everything that determines the content, as JSON values.
    """

    shards: tuple[Shard, ...]
    parameters: dict[str, Any]

    @property
    def rows(self) -> int:
        """Spectra in all shards."""
        return sum(shard.rows for shard in self.shards)

    def to_json(self) -> bytes:
        """The same bytes for the same content."""
        document = {
            "format_version": FORMAT_VERSION,
            "parameters": self.parameters,
            "shards": [asdict(shard) for shard in self.shards],
        }
        return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Read a manifest file.

        Raises
        ------
        InputError : there is none.
        CorruptedDataError : it is no manifest of this format version.
        """
        try:
            document = json.loads(path.read_bytes())
            if document["format_version"] != FORMAT_VERSION:
                raise CorruptedDataError(
                    f"has format version {document['format_version']}, not {FORMAT_VERSION}", path=path, remedy=_REBUILD
                )
            return cls(tuple(Shard(**shard) for shard in document["shards"]), document["parameters"])
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                "no manifest here: the shards are missing or unfinished",
                path=path,
                remedy="Run the step that makes them",
            ) from None
        except (ValueError, KeyError, TypeError):
            raise CorruptedDataError("is not a shard manifest", path=path, remedy=_REBUILD) from None


class ShardWriter:
    """Write a folder of shards, one numbered shard at a time and in any order.

    Parameters
    ----------
    folder : made if missing. Shards that an unfinished or finished run with the same parameters left there are kept;
        any others are removed.
    parameters : everything that determines the content, as JSON values.

    Raises
    ------
    OutputError : the folder cannot be written.
    """

    def __init__(self, folder: Path, parameters: dict[str, Any]) -> None:
        self.folder = folder
        self.parameters: dict[str, Any] = json.loads(json.dumps(parameters))
        make_folder(folder)
        self._shards = self._finished_before()
        self._remove_strangers()
        if self._shards:
            logger.info("%s: %d finished shards kept", folder, len(self._shards))

    def is_finished(self, number: int) -> bool:
        """Whether this shard need not be made again."""
        return number in self._shards

    def write(self, number: int, table: pa.Table) -> None:
        """Write one shard; its columns are put into the order and types of `data.schema.SPECTRA`.

        Raises
        ------
        OutputError : the disk is full or the folder not writable; nothing is left under the shard's name.
        """
        content = _to_parquet(table)
        shard = Shard(_file_name(number), table.num_rows, len(content), hashlib.sha256(content).hexdigest())
        write_atomically(self.folder / shard.file, content)
        self._shards[number] = shard
        write_atomically(self.folder / UNFINISHED_MANIFEST, self._manifest().to_json())

    def finish(self, shards: int) -> Manifest:
        """Write the manifest: from now on the folder can be read.

        Parameters
        ----------
        shards : how many there must be.

        Raises
        ------
        ValueError : a shard was not written.
        OutputError : as `write`.
        """
        if sorted(self._shards) != list(range(shards)):
            raise ValueError(f"shards {sorted(self._shards)} written, 0…{shards - 1} wanted")
        manifest = self._manifest()
        write_atomically(self.folder / MANIFEST, manifest.to_json())
        (self.folder / UNFINISHED_MANIFEST).unlink(missing_ok=True)
        return manifest

    def _manifest(self) -> Manifest:
        return Manifest(tuple(self._shards[number] for number in sorted(self._shards)), self.parameters)

    def _finished_before(self) -> dict[int, Shard]:
        """The shards of an earlier run with these parameters whose checksums fit."""
        for name in (UNFINISHED_MANIFEST, MANIFEST):
            try:
                manifest = Manifest.load(self.folder / name)
            except (InputError, CorruptedDataError):
                continue
            if manifest.parameters == self.parameters:
                return {
                    _number(shard.file): shard for shard in manifest.shards if _fits(self.folder / shard.file, shard)
                }
        return {}

    def _remove_strangers(self) -> None:
        """Remove the manifest first, so that no reader meets a folder between two states."""
        try:
            if self._shards:
                write_atomically(self.folder / UNFINISHED_MANIFEST, self._manifest().to_json())
            else:
                (self.folder / UNFINISHED_MANIFEST).unlink(missing_ok=True)
            (self.folder / MANIFEST).unlink(missing_ok=True)
            known = {shard.file for shard in self._shards.values()}
            for path in self.folder.iterdir():
                is_old_shard = path.match("shard-*.parquet") and path.name not in known
                if is_old_shard or TEMPORARY_MARK in path.name:
                    path.unlink()
        except OSError as error:
            raise output_error(error, self.folder) from error


def write_shards(tables: Iterable[pa.Table], folder: Path, *, shard_rows: int, parameters: dict[str, Any]) -> Manifest:
    """Write tables of any size as shards of ``shard_rows`` spectra.

    Parameters
    ----------
    tables : with the columns of `data.schema.SPECTRA`, in order; consumed once, a shard's worth at a time in memory.
    shard_rows : spectra a shard; the last may hold fewer.
    parameters : everything that determines the content.

    Raises
    ------
    OutputError : as `ShardWriter.write`.
    """
    writer = ShardWriter(folder, {**parameters, "shard_rows": shard_rows})
    number = 0
    for number, table in enumerate(_rechunk(tables, shard_rows), start=1):
        if not writer.is_finished(number - 1):
            writer.write(number - 1, table)
    return writer.finish(number)


def read_shards(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The shards of a folder in order, each verified against its checksum before a row of it is seen.

    Parameters
    ----------
    columns : all of `data.schema.SPECTRA` unless given.

    Raises
    ------
    InputError : the folder holds no finished shards.
    CorruptedDataError : a shard is missing or not what the manifest vouches for.
    """
    for shard in Manifest.load(folder / MANIFEST).shards:
        path = folder / shard.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CorruptedDataError(
                f"a shard of the manifest cannot be read: {error.strerror}", path=path, remedy=_REBUILD
            ) from None
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise CorruptedDataError("does not fit its SHA-256 in the manifest", path=path, remedy=_REBUILD)
        wanted = None if columns is None else list(columns)
        # in memory already; a pool of threads that is still starting when a short command ends would abort it
        yield pq.read_table(pa.BufferReader(content), columns=wanted, use_threads=False, pre_buffer=False)


def manifest_hash(folder: Path) -> str:
    """SHA-256 of the manifest: stands for the content of all shards and the parameters that made them.

    Raises
    ------
    InputError : the folder holds no finished shards.
    """
    return hashlib.sha256(Manifest.load(folder / MANIFEST).to_json()).hexdigest()


def _rechunk(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of exactly ``rows`` rows, the last excepted."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        while table.num_rows:
            part = table.slice(0, rows - count)
            table = table.slice(part.num_rows)
            waiting.append(part)
            count += part.num_rows
            if count == rows:
                yield pa.concat_tables(waiting)
                waiting, count = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _to_parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file: the same bytes for the same rows, however they came in chunks."""
    # Casting through plain strings makes the dictionaries those of the shard's own rows, in order of appearance.
    plain = pa.schema(
        [field.with_type(pa.string()) if field.name in _CATEGORIES else field for field in SPECTRA],
    )
    table = table.select(SPECTRA.names).cast(plain).combine_chunks().cast(SPECTRA)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=_CATEGORIES,  # type: ignore[arg-type]  # the stubs know the bool alone
        column_encoding=_STREAMS,
        write_statistics=False,
    )
    return bytes(sink.getvalue())


def _fits(path: Path, shard: Shard) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == shard.sha256
    except OSError:
        return False


def _file_name(number: int) -> str:
    return f"shard-{number:05d}.parquet"


def _number(file: str) -> int:
    return int(file.removeprefix("shard-").removesuffix(".parquet"))
