"""Spectra files in, one file of peptides out: batch by batch through a journal, so that an interrupted run goes on."""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import accumulate, islice
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from data.errors import InputError, OutputError
from data.predictions import Prediction
from data.readers import read_spectra
from data.schema import Spectrum
from data.writers import check_output, write_predictions
from model.calibration import CALIBRATION_FILE
from model.checkpoint import CONFIG_FILE, WEIGHTS_FILE
from model.fdr import Estimate, accepted, sequence_with_decoys
from model.inference import Sequencer
from tasks.journal import Answer, Journal, journal_path, partial_path
from tasks.provenance import file_hash
from tasks.wording import counted, rate

log = logging.getLogger(__name__)

_IDENTIFIED_BY_BYTES = 1 << 20


class Watcher(Protocol):
    """Is told how far the work has come."""

    def file(self, path: Path) -> None:
        """A new file begins."""

    def advance(self, done: int, share: float | None = None) -> None:
        """So many spectra are done, and about this share of all the work."""


class Unwatched:
    """A watcher for work that nobody watches."""

    def file(self, path: Path) -> None:
        """Nothing."""

    def advance(self, done: int, share: float | None = None) -> None:
        """Nothing."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """How spectra are to be sequenced and written.

    Attributes
    ----------
    steps : refinement steps; None: as many as each spectrum needs.
    fdr : write only peptides of which at most this share is estimated to be wrong; None: all.
    fdr_by : how it is estimated.
    database : name of the searched proteins, for mzTab.
    min_probability : of the peptides that are written, as `data.writers.write_predictions`.
    settings : all that the answers depend on, as JSON; an interrupted run goes on only with the same.
    """

    steps: int | None = None
    fdr: float | None = None
    fdr_by: Estimate = "probability"
    database: str = "null"
    min_probability: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Summary:
    """What a run did."""

    sequenced: int = 0
    unanswered: int = 0
    fitting: int = 0
    resumed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    ppm_errors: list[float] = field(default_factory=list)
    seconds: float = 0.0
    fdr: float | None = None
    accepted: int = 0

    @property
    def identified(self) -> int:
        """Peptides that are written."""
        return self.sequenced - self.unanswered if self.fdr is None else self.accepted

    @property
    def median_ppm(self) -> float | None:
        """Median mass error of the peptides that weigh what the precursor weighs, ppm."""
        return median(self.ppm_errors) if self.ppm_errors else None

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        speed = rate(self.sequenced - self.resumed, self.seconds)
        yield f"{counted(self.sequenced, 'spectrum')} sequenced in {self.seconds:.1f} s{speed and f' ({speed})'}"
        if self.resumed:
            yield f"{self.resumed} of these by the interrupted run before"
        yield f"{self.identified} of them identified"
        if self.fdr is not None:
            share = f"{self.fdr:.1%} at most are estimated to be wrong"
            yield f"{counted(self.accepted, 'peptide')} written, of which {share}"
        if self.unanswered:
            yield f"{counted(self.unanswered, 'spectrum')} without an answer, not written"
        if self.sequenced:
            weigh = "weighs" if self.fitting == 1 else "weigh"
            yield f"{counted(self.fitting, 'peptide')} {weigh} what the precursor weighs"
        if self.median_ppm is not None:
            yield f"median mass error of those: {self.median_ppm:.2f} ppm"
        for reason, number in self.skipped.most_common():
            yield f"{counted(number, 'spectrum')} skipped: {reason}"


class Interrupted(KeyboardInterrupt):
    """The run was interrupted; what it had done is kept.

    Attributes
    ----------
    done : spectra answered.
    partial : file of their peptides; None where there were none.
    """

    def __init__(self, done: int, partial: Path | None) -> None:
        super().__init__()
        self.done, self.partial = done, partial


def sequence_files(
    files: list[Path],
    output: Path,
    sequencer: Sequencer,
    job: Job,
    watcher: Watcher,
    *,
    force: bool = False,
    resume: bool = False,
) -> Summary:
    """Sequence the spectra of files and write the peptides.

    Parameters
    ----------
    force : overwrite the output and forget an interrupted run.
    resume : go on with what an interrupted run left.

    Raises
    ------
    InputError : a file cannot be read, no file holds a spectrum that can be sequenced, or the interrupted run differs.
    OutputError : the output is there already and ``force`` is not given, or cannot be written.
    Interrupted : by Ctrl-C; a journal and a partial output are left.
    """
    _check_free(output, force=force, resume=resume)
    if job.fdr is not None and job.fdr_by == "probability" and sequencer.answerer.calibration is None:
        raise InputError(
            "a false discovery rate by probability needs a calibrated model",
            remedy="Run `peptrm calibrate` on annotated spectra, or give --fdr-by decoys",
        )
    began = time.perf_counter()
    run = _Run(files, output, sequencer, job, watcher)
    journal = Journal(output, run.identity(), resume=resume, force=force)
    run.summary.resumed = journal.done
    try:
        run.write(run.answers(journal), output)
    except KeyboardInterrupt:
        partial = run.write_partial(journal)
        journal.close(remove=partial is None)
        raise Interrupted(journal.done, partial) from None
    except BaseException as error:
        lost = isinstance(error, InputError) or journal.done == 0
        if not lost:
            log.warning("what was done is kept in %s: go on with --resume", journal.path)
        journal.close(remove=lost)
        raise
    if run.summary.resumed:
        partial_path(output).unlink(missing_ok=True)
    journal.close(remove=True)
    run.summary.seconds = time.perf_counter() - began
    return run.summary


def is_complete(output: Path) -> bool:
    """Whether a run has written the output to its end."""
    return output.exists() and not journal_path(output).exists()


def model_identity(folder: Path) -> dict[str, str]:
    """The hash of each file that a model's answers depend on."""
    names = (WEIGHTS_FILE, CONFIG_FILE, CALIBRATION_FILE)
    return {name: file_hash(folder / name) for name in names if (folder / name).is_file()}


def _check_free(output: Path, *, force: bool, resume: bool) -> None:
    """The output may be written, and so may the partial one."""
    check_output(output)
    if output.exists() and not force:
        raise OutputError("is there already", path=output, remedy="Choose another name or give --force")
    partial = partial_path(output)
    if partial.exists() and not (force or resume):
        raise OutputError(
            "an interrupted run left this", path=partial, remedy="Go on with --resume, or begin anew with --force"
        )


class _Run:
    """One run from files to output."""

    def __init__(self, files: list[Path], output: Path, sequencer: Sequencer, job: Job, watcher: Watcher) -> None:
        self.files, self.output, self.sequencer, self.job = files, output, sequencer, job
        self.watcher: Watcher = watcher
        self.readers = [read_spectra(file) for file in files]
        self.sizes = [file.stat().st_size for file in files]
        self.before = [0, *accumulate(self.sizes)]
        self.summary = Summary(fdr=job.fdr)
        self._place = 0

    def identity(self) -> dict[str, Any]:
        """What makes two runs the same."""
        files = [[file.name, size, _beginning_hash(file)] for file, size in zip(self.files, self.sizes, strict=True)]
        asked = {"steps": self.job.steps, "fdr by": self.job.fdr_by, **self.job.settings}
        return {"version": version("peptrm"), "files": files, **asked}

    def answers(self, journal: Journal) -> Iterator[Answer]:
        """Those of the journal, then those of the spectra behind, which are written into it batch by batch."""
        spectra = self._spectra()
        already = journal.done
        yield from islice(journal.answers(), already)
        if already:
            self.watcher.advance(already)
        for _ in islice(spectra, already):
            pass
        while batch := list(islice(spectra, self.sequencer.batch_size)):
            fresh = self._sequence(batch)
            journal.append(fresh)
            self.watcher.advance(journal.done, self._share())
            yield from fresh
        if not journal.done:
            raise self._nothing_to_read()

    def write(self, answers: Iterable[Answer], path: Path) -> None:
        """Write the answers, or those below the false discovery rate, for which all must be known before."""
        found: Iterable[Prediction]
        if self.job.fdr is None:
            found = (answer.prediction for answer in self._counted(answers))
        else:
            every = list(self._counted(answers))
            decoys = [answer.decoy_score for answer in every if answer.decoy_score is not None]
            found = accepted([answer.prediction for answer in every], self.job.fdr, decoys or None)
            self.summary.accepted = len(found)
        write_predictions(
            found,
            path,
            source_files=self.files,
            software_version=version("peptrm"),
            readable=self.sequencer.readable_tokens,
            database=self.job.database,
            min_probability=self.job.min_probability,
        )

    def write_partial(self, journal: Journal) -> Path | None:
        """What is answered so far, as a file of the output's format; None where nothing is."""
        if not journal.done:
            return None
        self.summary, self.watcher = Summary(fdr=self.job.fdr), Unwatched()
        path = partial_path(self.output)
        with suppress(OutputError):  # the journal is there all the same
            self.write(journal.answers(), path)
        return path

    def _spectra(self) -> Iterator[Spectrum]:
        for reader in self.readers:
            self.watcher.file(reader.path)
            log.info("reading %s", reader.path)
            yield from reader
            self.summary.skipped.update(reader.skipped)
            self._place += 1

    def _nothing_to_read(self) -> InputError:
        reasons = "; ".join(f"{number} {reason}" for reason, number in self.summary.skipped.most_common())
        return InputError(
            f"there is no spectrum that can be sequenced ({reasons or 'none was found'})",
            path=self.files[0] if len(self.files) == 1 else None,
            remedy="Give MS2 spectra with precursor m/z, charge and peaks",
        )

    def _sequence(self, batch: list[Spectrum]) -> list[Answer]:
        if self.job.fdr is not None and self.job.fdr_by == "decoys":
            pairs = sequence_with_decoys(self.sequencer, batch, self.job.steps)
            return [Answer(prediction, decoy_score) for prediction, decoy_score in pairs]
        return [Answer(prediction) for prediction in self.sequencer.sequence(batch, self.job.steps)]

    def _counted(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        summary, tolerance_ppm = self.summary, self.sequencer.network.settings.closure_tolerance_ppm
        for answer in answers:
            prediction = answer.prediction
            summary.sequenced += 1
            if not prediction.peptidoform:
                summary.unanswered += 1
            elif prediction.ppm_error is not None and abs(prediction.ppm_error) <= tolerance_ppm:
                summary.fitting += 1
                summary.ppm_errors.append(prediction.ppm_error)
            yield answer

    def _share(self) -> float:
        """Of the files' bytes that are read."""
        reading = self.readers[self._place].bytes_read if self._place < len(self.readers) else 0
        return (self.before[self._place] + reading) / max(self.before[-1], 1)


def _beginning_hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.sha256(stream.read(_IDENTIFIED_BY_BYTES)).hexdigest()
