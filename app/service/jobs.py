"""Jobs: uploaded files that are read, sequenced batch by batch beside all other requests, and kept for a while."""

import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal

from app.service.batching import Batcher, BusyError, ClosedError
from app.service.limits import Limits
from app.service.results import PredictionFile, SpectrumFiles
from app.service.uploads import unpack
from data.errors import InputError, PepTRMError
from data.readers import read_spectra
from data.schema import Spectrum

log = logging.getLogger(__name__)

State = Literal["queued", "reading", "sequencing", "completed", "failed", "cancelled"]
FINISHED: tuple[State, ...] = ("completed", "failed", "cancelled")

_AT_ONCE = 4
"""Jobs that take turns, a batch each, so that a small file does not wait for a large one."""

_PROCESSOR_BATCH = 32
"""Spectra of a job at a time on a processor, which gains little by more: some seconds to the next progress, and for a
request that comes between."""


class _Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The job was cancelled."""


@dataclass(eq=False)
class Job:
    """One uploaded file.

    Attributes
    ----------
    name : of the file, to be shown.
    folder : private; holds ``upload``, the spectra and the predictions.
    total : spectra in the file; None until it is read.
    skipped : reason → spectra that were left out.
    problem : why it failed.
    """

    folder: Path
    steps: int | None
    chunk: int
    name: str = ""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "queued"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    total: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    problem: str | None = None
    began: float | None = None
    ended: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.spectra = SpectrumFiles(self.folder, self.chunk)
        self.predictions = PredictionFile(self.folder)

    @property
    def upload(self) -> Path:
        """Where the body of the request is written."""
        return self.folder / "upload"

    @property
    def seconds(self) -> float:
        """Of work so far."""
        return 0.0 if self.began is None else (self.ended or time.monotonic()) - self.began


class Jobs:
    """All jobs of this process, in a private temporary folder that goes with it."""

    def __init__(self, batcher: Batcher, limits: Limits) -> None:
        self._batcher, self._limits = batcher, limits
        self._root = Path(tempfile.mkdtemp(prefix="peptrm-serve-"))  # of mode 0700
        self._jobs: dict[str, Job] = {}
        self._arriving: set[Job] = set()
        self._changing = threading.Lock()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="job")
        self._closed = False

    def __iter__(self) -> Iterator[Job]:
        with self._changing:
            return iter(list(self._jobs.values()))

    def get(self, job_id: str) -> Job | None:
        """The job, if it is still there."""
        with self._changing:
            return self._jobs.get(job_id)

    def ahead_of(self, job: Job) -> int:
        """Files that wait before a waiting one."""
        if job.state != "queued":
            return 0
        return sum(other.state == "queued" and other.created < job.created for other in self)

    def prepare(self, steps: int | None) -> Job:
        """A job whose file can now be stored; it is known to nobody until `start`.

        Raises
        ------
        BusyError : too many files wait or are being sent.
        ClosedError : the service is shutting down.
        """
        self._check_room()
        sequencer = self._batcher.sequencer
        chunk = min(sequencer.batch_size, _PROCESSOR_BATCH) if sequencer.device == "cpu" else sequencer.batch_size
        job = Job(Path(tempfile.mkdtemp(dir=self._root)), steps, chunk)
        self._arriving.add(job)
        return job

    def start(self, job: Job) -> None:
        """Queue a job.

        Raises
        ------
        ClosedError : as `prepare`.
        """
        if self._closed:
            raise ClosedError("the service is shutting down")
        with self._changing:
            self._arriving.discard(job)
            self._jobs[job.id] = job
        self._threads.submit(self._run, job)

    def discard(self, job: Job) -> None:
        """Remove the files of a job that nobody works on, and then give up its place."""
        shutil.rmtree(job.folder, ignore_errors=True)
        self._arriving.discard(job)

    def cancel(self, job: Job) -> None:
        """Stop a job after the batch it is at; what it has found stays."""
        with self._changing:
            job.stop.set()
            if job.state == "queued":
                self._end(job, "cancelled")

    def remove(self, job: Job) -> None:
        """Stop a job and forget it with all its files."""
        self.cancel(job)
        with self._changing:
            self._jobs.pop(job.id, None)
            if job.state in FINISHED:  # else the thread that works on it removes them
                self.discard(job)

    def clean(self) -> None:
        """Remove finished jobs that are too old or too many."""
        finished = sorted((job for job in self if job.state in FINISHED), key=lambda job: job.ended or 0.0)
        oldest = time.monotonic() - self._limits.keep_seconds
        excess = len(finished) - self._limits.kept_jobs
        for place, job in enumerate(finished):
            if place < excess or (job.ended or 0.0) < oldest:
                self.remove(job)

    def close(self) -> None:
        """Stop everything and remove the folder."""
        self._closed = True
        for job in self:
            self.cancel(job)
        self._threads.shutdown(wait=True)
        shutil.rmtree(self._root, ignore_errors=True)

    def _check_room(self) -> None:
        if self._closed:
            raise ClosedError("the service is shutting down")
        waiting = len(self._arriving) + sum(job.state == "queued" for job in self)
        if waiting >= self._limits.waiting_jobs:
            raise BusyError(f"{waiting} files wait already", remedy="Try again later")

    def _run(self, job: Job) -> None:
        state: State = "completed"
        try:
            self._begin(job)
            self._read(job)
            self._sequence(job)
        except _Stopped:
            state = "cancelled"
        except PepTRMError as error:
            # the path is ours and means nothing to whoever sent the file
            state, job.problem = "failed", f"{error.problem}. {error.remedy or ''}".rstrip(" .") + "."
        except Exception:
            log.exception("job %s failed", job.id)
            state, job.problem = "failed", "An error inside the service; its log tells more."
        with self._changing:
            job.upload.unlink(missing_ok=True)
            if job.state not in FINISHED:
                self._end(job, state)
            if self._jobs.get(job.id) is not job:
                self.discard(job)

    def _begin(self, job: Job) -> None:
        with self._changing:
            if job.stop.is_set():
                raise _Stopped
            job.state, job.began = "reading", time.monotonic()

    @staticmethod
    def _end(job: Job, state: State) -> None:
        job.state, job.ended = state, time.monotonic()

    def _read(self, job: Job) -> None:
        """Check the whole file and store its spectra, so that it is known how many there are."""
        plain = unpack(job.upload, self._limits.upload_bytes)
        reader = read_spectra(plain)
        spectra = self._fitting(job, iter(reader), plain.name)
        try:
            while chunk := list(islice(spectra, job.chunk)):
                job.spectra.append(chunk)
        finally:
            job.skipped.update(reader.skipped)
            plain.unlink(missing_ok=True)
        job.total = len(job.spectra)
        if not job.total:
            raise InputError("holds no spectrum that can be sequenced", remedy="See what was skipped, and why")

    def _fitting(self, job: Job, spectra: Iterator[Spectrum], stored_name: str) -> Iterator[Spectrum]:
        """Spectra of at most so many peaks, named after the file that was sent."""
        most = self._limits.peaks_per_spectrum
        for spectrum in spectra:
            self._check(job)
            if len(spectrum.mz) > most:
                job.skipped[f"more than {most} peaks"] += 1
                continue
            spectrum.spectrum_id = job.name + spectrum.spectrum_id.removeprefix(stored_name)
            yield spectrum

    def _sequence(self, job: Job) -> None:
        job.state = "sequencing"
        for chunk in job.spectra.chunks():
            self._check(job)
            job.predictions.append(self._batcher.submit(chunk, job.steps, limited=False).result())

    def _check(self, job: Job) -> None:
        if job.stop.is_set():
            raise _Stopped
        if job.seconds > self._limits.seconds_per_job:
            raise PepTRMError(f"took longer than {self._limits.seconds_per_job:.0f} s", remedy="Send it in parts")
