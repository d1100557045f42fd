"""The journal of a sequencing run: what it has answered so far, on disk, so that an interrupted run can go on.

A line of JSON says what is sequenced and how; every further line holds the answers of one batch. A line that a kill cut
off is dropped.
"""

import fcntl
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from data.atomic import output_error
from data.errors import InputError, OutputError
from data.predictions import Prediction, ProteinMatch

_SUFFIX = ".resume"
PARTIAL_MARK = "partial-"


class Answer(NamedTuple):
    """Of one spectrum: the prediction, and the score of its decoy where decoys are asked for."""

    prediction: Prediction
    decoy_score: float | None = None


def journal_path(output: Path) -> Path:
    """``run.mztab.resume`` for ``run.mztab``."""
    return output.with_name(output.name + _SUFFIX)


def partial_path(output: Path) -> Path:
    """What an interrupted run leaves to look at: ``partial-run.mztab`` for ``run.mztab``; the ending is the format."""
    return output.with_name(PARTIAL_MARK + output.name)


class Journal:
    """A journal that this process alone writes.

    Parameters
    ----------
    output : the result's file; the journal lies beside it.
    job : what is sequenced and how, as JSON; another run may go on only if it is the same.
    resume : go on where the journal ends, if there is one.
    force : begin anew even if there is one.

    Attributes
    ----------
    done : number of spectra answered.

    Raises
    ------
    OutputError : another process writes it, it is there and neither ``resume`` nor ``force`` is given, or the system
        refuses.
    InputError : it is of another job, or no journal.
    """

    def __init__(self, output: Path, job: dict[str, Any], *, resume: bool, force: bool) -> None:
        self.path = journal_path(output)
        self.done = 0
        if self.path.exists() and not (resume or force):
            raise OutputError(
                "an interrupted run left this",
                path=self.path,
                remedy="Go on with --resume, or begin anew with --force",
            )
        try:
            self._stream: TextIO = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise output_error(error, output) from error
        try:
            self._lock()
            self._begin(job, resume)
        except BaseException:
            self._stream.close()
            raise

    def append(self, answers: Sequence[Answer]) -> None:
        """Write the answers of a batch; they are on their way to the disk when this returns.

        Raises
        ------
        OutputError : the system refuses to write.
        """
        self._write([asdict(answer.prediction) | {"decoy_score": answer.decoy_score} for answer in answers])
        self.done += len(answers)

    def answers(self) -> Iterator[Answer]:
        """All answers so far, in order."""
        with self.path.open(encoding="utf-8") as stream:
            next(stream, None)
            for line in stream:
                if not line.endswith("\n"):
                    return
                for values in json.loads(line):
                    yield _answer(values)

    def close(self, *, remove: bool) -> None:
        """End writing; a finished run's journal is removed."""
        if remove:
            self.path.unlink(missing_ok=True)
        self._stream.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError("another run writes this now", path=self.path, remedy="Wait for its end") from None

    def _begin(self, job: dict[str, Any], resume: bool) -> None:
        """Read what is there, or write the first line."""
        end = 0
        if resume:
            self._stream.seek(0)
            for number, line in enumerate(iter(self._stream.readline, "")):
                if not line.endswith("\n"):
                    break
                self._check(number, line, job)
                end = self._stream.tell()
        self._stream.seek(end)
        self._stream.truncate()
        if end == 0:
            self._write(job)

    def _check(self, number: int, line: str, job: dict[str, Any]) -> None:
        try:
            content = json.loads(line)
        except ValueError:
            raise InputError("is no journal", path=self.path, remedy="Begin anew with --force") from None
        if number > 0:
            self.done += len(content)
        elif content != json.loads(json.dumps(job)):
            names = [name for name in job if content.get(name) != json.loads(json.dumps(job[name]))]
            raise InputError(
                f"the interrupted run differs in: {', '.join(names) or 'its version'}",
                path=self.path,
                remedy="Give the same files, model and options, or begin anew with --force",
            )

    def _write(self, content: Any) -> None:
        try:
            self._stream.write(json.dumps(content) + "\n")
            self._stream.flush()
        except OSError as error:
            raise output_error(error, self.path) from error


def _answer(values: dict[str, Any]) -> Answer:
    decoy_score = values.pop("decoy_score")
    values["proteins"] = [ProteinMatch(**match) for match in values["proteins"]]
    as_made: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return Answer(Prediction(**as_made), decoy_score)
