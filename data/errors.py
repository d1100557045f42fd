"""The project's few error classes: each message names the file, the record and the remedy."""

from pathlib import Path


class PepTRMError(Exception):
    """A failure that the user can understand without a traceback.

    Parameters
    ----------
    problem : what went wrong, one sentence without a full stop.
    path : the file concerned.
    record : the spectrum, line or key concerned.
    remedy : what the user can do.
    """

    exit_status = 1

    def __init__(
        self,
        problem: str,
        *,
        path: str | Path | None = None,
        record: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem, self.path, self.record, self.remedy = problem, path, record, remedy
        where = ", ".join(str(part) for part in (path, record) if part is not None)
        message = f"{where}: {problem}" if where else problem
        super().__init__(f"{message}. {remedy}." if remedy else message)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way between processes, which keyword arguments otherwise do not."""
        return _rebuild, (type(self), self.problem, self.path, self.record, self.remedy)


def _rebuild(
    kind: type[PepTRMError],
    problem: str,
    path: str | Path | None,
    record: str | None,
    remedy: str | None,
) -> PepTRMError:
    return kind(problem, path=path, record=record, remedy=remedy)


class InputError(PepTRMError):
    """What the user gave is wrong: a file, a peptide, a parameter."""

    exit_status = 2


class UnknownModificationError(InputError):
    """A modification that is not in the vocabulary."""


class OutputError(PepTRMError):
    """A result could not be written; nothing is left under its final name."""


class CorruptedDataError(PepTRMError):
    """A file of ours does not match its checksum or manifest and must be rebuilt."""


class DownloadError(PepTRMError):
    """A file could not be fetched; nothing is under its final name, and what has arrived is continued next time."""
