"""Fetches one file by HTTP or from a folder: continued where it broke off, compared with its checksum, then renamed."""

import fcntl
import hashlib
import json
import logging
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx

from data.atomic import make_folder, move_into_place, output_error
from data.errors import CorruptedDataError, DownloadError, OutputError

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that the same request may not meet again."""

_BLOCK_BYTES = 1 << 20

_LATER = "Run the same command again later: it goes on from what has arrived"
_MOVED = "See the set's page (peptrm download --list), or take the file from a mirror (--mirror)"

OnBytes = Callable[[int, int | None], None]
"""Told how many bytes are there, and of how many."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """Patience.

    Attributes
    ----------
    attempts : in a row that bring nothing new, before it is given up.
    backoff_s : before the second attempt; doubled at each further one up to ``longest_backoff_s``, and scattered.
    """

    connect_timeout_s: float = 20.0
    read_timeout_s: float = 30.0
    attempts: int = 6
    backoff_s: float = 1.0
    longest_backoff_s: float = 60.0

    def client(self) -> httpx.Client:
        """A client that follows redirects and asks for bytes as they are stored."""
        return httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(self.read_timeout_s, connect=self.connect_timeout_s),
            headers={"Accept-Encoding": "identity", "User-Agent": "peptrm"},
        )

    def wait_s(self, failures: int, retry_after: str | None = None) -> float:
        """Seconds before the next attempt."""
        if retry_after is not None and retry_after.isdigit():
            return min(float(retry_after), self.longest_backoff_s)
        longest: float = min(self.backoff_s * 2 ** (failures - 1), self.longest_backoff_s)
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Expected:
    """What a file must be; None where it is not known."""

    bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def is_proof(self) -> bool:
        """Whether a checksum is known."""
        return bool(self.sha256 or self.md5)


@dataclass(frozen=True)
class Checksums:
    """Of a file on the disk."""

    bytes: int
    sha256: str
    md5: str

    @classmethod
    def of(cls, path: Path) -> "Checksums":
        """Read the file once."""
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                sha256.update(block)
                md5.update(block)
                size += len(block)
        return cls(size, sha256.hexdigest(), md5.hexdigest())

    def mismatch(self, expected: Expected) -> str | None:
        """What differs, or None."""
        for name in ("bytes", "sha256", "md5"):
            wanted, found = getattr(expected, name), getattr(self, name)
            if wanted is not None and wanted != found:
                return f"has {name} {found}, not {wanted}"
        return None


class _PassingError(Exception):
    """What may go better at the next attempt; ``retry_after`` as the server says."""

    def __init__(self, problem: str, retry_after: str | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class _Partial:
    """The bytes that have arrived, beside the final name, and which version of the file they are of."""

    def __init__(self, target: Path, url: str) -> None:
        self.target, self.url = target, url
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def validator(self) -> str | None:
        """Entity tag or date of the version; None where it is of another address or unknown."""
        try:
            note = json.loads(self._note.read_text())
            return str(note["validator"]) if note["url"] == self.url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, response: httpx.Response) -> None:
        """Remember which version these bytes are of. Weak entity tags do not vouch for bytes (RFC 9110, 13.1.5)."""
        tag = response.headers.get("etag", "")
        validator = response.headers.get("last-modified") if not tag or tag.startswith("W/") else tag
        self._note.write_text(json.dumps({"url": self.url, "validator": validator} if validator else {}))

    def discard(self) -> None:
        """Forget what is there."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give it its final name."""
        move_into_place(self.path, self.target)
        self._note.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing the same file."""
        lock = self.target.with_name(f".{self.target.name}.lock")
        with lock.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DownloadError("is being fetched by another process", path=self.target, remedy=_LATER) from None
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)


def fetch(
    source: str | Path,
    target: Path,
    expected: Expected,
    client: httpx.Client,
    settings: HttpSettings,
    on_bytes: OnBytes = lambda done, total: None,
    stop: Event | None = None,
) -> Checksums:
    """Bring a file under its final name.

    Parameters
    ----------
    source : an address, or a file of a mirror folder.
    target : its folder is made.
    stop : when set, the fetch ends at the next chunk.

    Raises
    ------
    DownloadError : the server refuses, or goes on failing; what arrived is kept for the next time.
    CorruptedDataError : twice the bytes were not those of the checksum.
    OutputError : the disk is full or not writable.
    """
    make_folder(target.parent)
    partial = _Partial(target, str(source))
    stop = stop or Event()
    try:
        with partial.locked():
            for _ in range(2):
                if isinstance(source, Path):
                    _copy(source, partial, on_bytes)
                else:
                    _receive(partial, expected, client, settings, on_bytes, stop)
                found = Checksums.of(partial.path)
                problem = found.mismatch(expected)
                if problem is None:
                    partial.finish()
                    return found
                partial.discard()
                logger.warning("%s %s: fetched once more from the start", source, problem)
    except OSError as error:
        partial.discard()
        raise output_error(error, target) from error
    raise CorruptedDataError(
        f"{problem}, twice", path=target, record=str(source), remedy="Nothing was kept. Take it from another mirror"
    )


def _copy(source: Path, partial: _Partial, on_bytes: OnBytes) -> None:
    """The file of a mirror folder, always from its start."""
    try:
        stream = source.open("rb")
    except OSError as error:
        raise DownloadError(
            f"the mirror has no such file ({error.strerror})", path=source, remedy="Name another with --mirror"
        ) from None
    with stream, partial.path.open("wb") as out:
        total = source.stat().st_size
        _check_space(partial, total)
        while block := stream.read(_BLOCK_BYTES):
            out.write(block)
            on_bytes(out.tell(), total)


def _receive(
    partial: _Partial, expected: Expected, client: httpx.Client, settings: HttpSettings, on_bytes: OnBytes, stop: Event
) -> None:
    """Ask again and again until all bytes are there."""
    failures, furthest = 0, partial.size
    while True:
        try:
            _request(partial, expected, client, settings, on_bytes, stop)
            return
        except (_PassingError, httpx.TransportError, httpx.StreamError) as error:
            failures = 1 if partial.size > furthest else failures + 1
            furthest = max(furthest, partial.size)
            reason = str(error) or type(error).__name__
            if failures >= settings.attempts:
                raise DownloadError(
                    f"cannot be fetched: {reason}; {partial.size} bytes have arrived",
                    record=partial.url,
                    remedy=_LATER,
                ) from error
            retry_after = error.retry_after if isinstance(error, _PassingError) else None
            logger.info("%s: %s; attempt %d of %d", partial.url, reason, failures + 1, settings.attempts)
            if stop.wait(settings.wait_s(failures, retry_after)):
                raise DownloadError("interrupted", record=partial.url, remedy=_LATER) from error
        except httpx.HTTPError as error:  # a redirect without end, an address that is none
            raise DownloadError(f"cannot be fetched: {error}", record=partial.url, remedy=_MOVED) from error


def _request(
    partial: _Partial, expected: Expected, client: httpx.Client, settings: HttpSettings, on_bytes: OnBytes, stop: Event
) -> None:
    """One request for the bytes that are missing, appended as they come."""
    begin, validator = partial.size, partial.validator
    headers = {}
    if begin and (validator or expected.is_proof):
        headers["Range"] = f"bytes={begin}-"
        if validator:
            headers["If-Range"] = validator
    with client.stream("GET", partial.url, headers=headers) as response:
        if response.status_code == 416:  # nothing is missing, or these bytes are of another version
            if response.headers.get("content-range") != f"bytes */{begin}":
                partial.discard()
                raise _PassingError("the server has no such range")
            return
        _check_status(response, partial)
        if response.status_code != 206 or not headers:
            begin = 0
            partial.note(response)
        elif not response.headers.get("content-range", "").startswith(f"bytes {begin}-"):
            partial.discard()
            raise _PassingError("the server sent another range than asked for")
        total = _total(response, begin)
        if expected.bytes is not None and total is not None and total != expected.bytes:
            raise DownloadError(
                f"the server offers {total} bytes, not {expected.bytes}", record=partial.url, remedy=_MOVED
            )
        _check_space(partial, (total or 0) - begin)
        with partial.path.open("ab" if begin else "wb") as out:
            done = begin
            for block in response.iter_raw():
                out.write(block)
                done += len(block)
                on_bytes(done, total or expected.bytes)
                if expected.bytes is not None and done > expected.bytes:
                    raise DownloadError(
                        f"the server sends more than {expected.bytes} bytes", record=partial.url, remedy=_MOVED
                    )
                if stop.is_set():
                    raise DownloadError("interrupted", record=partial.url, remedy=_LATER)
        if total is not None and done < total:
            raise _PassingError(f"the connection ended after {done} of {total} bytes")


def _check_status(response: httpx.Response, partial: _Partial) -> None:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    if response.status_code in _PASSING:
        raise _PassingError(f"the server answers {status}", response.headers.get("retry-after"))
    if response.status_code not in (200, 206):
        raise DownloadError(f"the server answers {status}", record=partial.url, remedy=_MOVED)
    if partial.url.startswith("https:") and response.url.scheme != "https":
        raise DownloadError(f"is redirected to {response.url}, which is not encrypted", record=partial.url)


def _total(response: httpx.Response, begin: int) -> int | None:
    """Bytes of the whole file as the server states them."""
    length = response.headers.get("content-length", "")
    return begin + int(length) if length.isdigit() else None


def _check_space(partial: _Partial, missing: int) -> None:
    free = shutil.disk_usage(partial.target.parent).free
    if missing > free:
        raise OutputError(
            f"needs {missing} bytes more, and {free} are free", path=partial.target, remedy="Free space there"
        )
