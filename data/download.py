"""Downloads data sets of the registry: several files at once, from the publisher or a mirror, compared and unpacked.

The folder of downloads has the layout of a mirror: copied to a machine without internet it serves as one.
"""

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from data.atomic import make_folder, write_atomically
from data.errors import CorruptedDataError, DownloadError, InputError, OutputError, PepTRMError
from data.extraction import extract
from data.fetch import Checksums, Expected, HttpSettings, fetch
from data.sources import DataSet, SourceFile

MIRROR_VARIABLE = "PEPTRM_MIRROR"
ZENODO = "https://zenodo.org"

OnProgress = Callable[[str, int, int | None], None]
"""Path of a file, bytes that are there, and of how many."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Provenance:
    """Where a file on the disk comes from; kept beside it as ``<file>.source.json``.

    Attributes
    ----------
    source : name of the set.
    origin : the address at the publisher; None for a file that only mirrors hold.
    fetched_from : the address or folder that it was taken from.
    checked : what the bytes were compared with: ``sha256 of the registry``, ``md5 of Zenodo``, … or ``nothing``.
    """

    source: str
    path: str
    origin: str | None
    fetched_from: str
    fetched: str
    bytes: int
    sha256: str
    checked: str

    @classmethod
    def of(cls, path: Path) -> "Provenance | None":
        """What was noted beside a file; None where nothing was."""
        try:
            return cls(**json.loads(_note_path(path).read_text()))
        except (OSError, ValueError, TypeError):
            return None


def download(
    sets: Sequence[DataSet],
    folder: Path,
    *,
    subset: bool = False,
    mirror: str | None = None,
    jobs: int = 4,
    settings: HttpSettings | None = None,
    on_progress: OnProgress = lambda path, done, total: None,
    zenodo: str = ZENODO,
) -> list[Provenance]:
    """Fetch the files of sets that are not there yet, and unpack archives.

    Parameters
    ----------
    folder : of the downloads.
    subset : only the files that the registry marks as a set's subset.
    mirror : a folder or address that holds the files under their registry paths; nothing else is asked then.
    jobs : files at once.
    on_progress : called from several threads.
    zenodo : address of Zenodo.

    Raises
    ------
    InputError : a set has no file or no subset, or a file has no address and there is no mirror.
    OutputError : the free space is less than what is missing; nothing has been fetched.
    DownloadError, CorruptedDataError : some files could not be had; the others are complete.
    """
    settings = settings or HttpSettings()
    wanted = [(each, file) for each in sets for file in each.chosen(subset=subset)]
    sources = [_source(each, file, mirror) for each, file in wanted]
    make_folder(folder)
    _check_space([file for _, file in wanted], folder)
    stop = Event()
    with settings.client() as client, ThreadPoolExecutor(max(1, jobs)) as pool:
        stated = {} if mirror else _stated_by_zenodo(sets, client, zenodo)
        futures = [
            pool.submit(_bring, each, file, source, folder, stated, client, settings, on_progress, stop)
            for (each, file), source in zip(wanted, sources, strict=True)
        ]
        try:
            return _results(futures)
        except BaseException:
            stop.set()
            raise


def local_path(file: SourceFile, folder: Path) -> Path:
    """Where a file of the registry lies, or the folder of an unpacked archive."""
    path = folder / file.path
    return (
        path.with_name(path.name.removesuffix(".zip").removesuffix(".gz").removesuffix(".tar"))
        if file.archive
        else path
    )


def _bring(
    each: DataSet,
    file: SourceFile,
    source: str | Path,
    folder: Path,
    stated: dict[str, Expected],
    client: httpx.Client,
    settings: HttpSettings,
    on_progress: OnProgress,
    stop: Event,
) -> Provenance:
    """One file: nothing to do, or fetched, compared, noted and unpacked."""
    target = folder / file.path
    expected, checked = _expected(file, target, stated)
    known = Provenance.of(target)
    if target.exists() and (expected.is_proof or known):
        found = Checksums.of(target)
        if found.mismatch(expected) is None:
            on_progress(file.path, found.bytes, found.bytes)
            if known is None:
                known = _note(each, file, str(target), found, checked, target)
            if file.archive and not local_path(file, folder).exists():
                extract(target, local_path(file, folder))
            return known
        logger.warning("%s is not what it should be: fetched again", target)
    found = fetch(
        source,
        target,
        expected,
        client,
        settings,
        lambda done, total: on_progress(file.path, done, total),
        stop,
    )
    if checked == "nothing":
        logger.warning("%s: no checksum is known to compare it with; its SHA-256 is noted", file.path)
    if file.archive:
        extract(target, local_path(file, folder))
    return _note(each, file, str(source), found, checked, target)


def _expected(file: SourceFile, target: Path, stated: dict[str, Expected]) -> tuple[Expected, str]:
    """What the file must be and who says so: the registry, else Zenodo, else the note of an earlier download."""
    if file.sha256 or file.md5:
        return Expected(file.bytes, file.sha256, file.md5), f"{'sha256' if file.sha256 else 'md5'} of the registry"
    if file.path in stated:
        return stated[file.path], "md5 of Zenodo"
    known = Provenance.of(target)
    if known:
        return Expected(known.bytes, known.sha256), "sha256 of an earlier download"
    return Expected(file.bytes), "nothing"


def _note(
    each: DataSet, file: SourceFile, fetched_from: str, found: Checksums, checked: str, target: Path
) -> Provenance:
    note = Provenance(
        source=each.name,
        path=file.path,
        origin=file.url,
        fetched_from=fetched_from,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        bytes=found.bytes,
        sha256=found.sha256,
        checked=checked,
    )
    write_atomically(_note_path(target), (json.dumps(asdict(note), indent=1) + "\n").encode())
    return note


def _note_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.source.json")


def _source(each: DataSet, file: SourceFile, mirror: str | None) -> str | Path:
    """Where to take a file from."""
    if mirror is None:
        if file.url is None:
            raise InputError(
                "has no address: it is a file of mirrors alone",
                record=f"{each.name}: {file.path}",
                remedy=f"Name one with --mirror or {MIRROR_VARIABLE}; its origin: {each.page}",
            )
        return file.url
    if urlsplit(mirror).scheme in ("http", "https"):
        return f"{mirror.rstrip('/')}/{quote(file.path)}"
    if not Path(mirror).is_dir():
        raise InputError("the mirror is neither a folder nor an http(s) address", path=mirror, remedy="Check --mirror")
    return Path(mirror) / file.path


def _check_space(files: Sequence[SourceFile], folder: Path) -> None:
    """Compare what is missing with what is free, before anything is fetched."""
    missing = sum(max(0, file.size - _present(folder / file.path)) for file in files)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise OutputError(
            f"about {missing / 1e9:.1f} GB are to be fetched and {free / 1e9:.1f} GB are free",
            path=folder,
            remedy="Free space there, choose another --folder, or take fewer sets or a --subset",
        )


def _present(target: Path) -> int:
    """Bytes of a file, or of what has arrived of it."""
    for path in (target, target.with_name(f".{target.name}.part")):
        if path.exists():
            return path.stat().st_size
    return 0


def _stated_by_zenodo(sets: Sequence[DataSet], client: httpx.Client, zenodo: str) -> dict[str, Expected]:
    """Registry path → size and MD5 that Zenodo's record states, of files whose checksum the registry lacks."""
    found: dict[str, Expected] = {}
    for each in sets:
        unknown = {
            _name_at_publisher(file): file.path for file in each.files if file.url and not (file.sha256 or file.md5)
        }
        if each.zenodo_record is None or not unknown:
            continue
        try:
            record: Any = client.get(f"{zenodo}/api/records/{each.zenodo_record}").raise_for_status().json()
            for entry in record["files"]:
                kind, _, digest = entry["checksum"].partition(":")
                if entry["key"] in unknown and kind == "md5":
                    found[unknown[entry["key"]]] = Expected(int(entry["size"]), md5=digest)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            logger.warning("Zenodo does not tell the checksums of record %d (%s)", each.zenodo_record, error)
    return found


def _name_at_publisher(file: SourceFile) -> str:
    return Path(urlsplit(file.url or "").path).name


def _results(futures: Sequence[Future[Provenance]]) -> list[Provenance]:
    """Of all files, in their order; one error for those that failed, when the others are done."""
    errors: list[PepTRMError] = []
    for future in as_completed(futures):
        error = future.exception()
        if isinstance(error, PepTRMError):
            errors.append(error)
            logger.warning("%s", error)
        elif error is not None:
            raise error
    if len(errors) == 1:
        raise errors[0]
    if errors:
        kind = CorruptedDataError if all(isinstance(e, CorruptedDataError) for e in errors) else DownloadError
        raise kind(f"{len(errors)} of {len(futures)} files failed; the first: {errors[0]}")
    return [future.result() for future in futures]
