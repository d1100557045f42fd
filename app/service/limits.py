"""How much the service takes on: each limit has a status code of its own, told in docs/service.md."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused.

    Attributes
    ----------
    request_bytes : of a JSON body (413).
    upload_bytes : of an uploaded file, and of what it unpacks to (413; a job that fails).
    spectra_per_request : of a JSON body (422).
    peaks_per_spectrum : of a JSON body (422); in a file such a spectrum is skipped and counted.
    waiting_spectra : of all requests together, when another arrives (429).
    waiting_jobs : files that are being sent or wait for their turn (429).
    seconds_between_parts : of a body that is being sent (408).
    seconds_per_request : until a JSON request is answered (503).
    seconds_per_job : of work on one file, which then fails and keeps what it has.
    keep_seconds : finished jobs and their files stay so long.
    kept_jobs : finished jobs at most; the oldest goes first.
    """

    request_bytes: int = 16 * 2**20
    upload_bytes: int = 2 * 2**30
    spectra_per_request: int = 1_000
    peaks_per_spectrum: int = 10_000
    waiting_spectra: int = 10_000
    waiting_jobs: int = 20
    seconds_between_parts: float = 60.0
    seconds_per_request: float = 60.0
    seconds_per_job: float = 6 * 3600.0
    keep_seconds: float = 3600.0
    kept_jobs: int = 100
