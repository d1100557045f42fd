"""`peptrm sequence`: spectra files in, one table of peptides out."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

from app.progress import Progress
from data.errors import InputError, OutputError
from data.predictions import Prediction
from data.readers import read_spectra
from data.schema import Spectrum
from data.vocabulary import VOCABULARY
from data.writers import check_output, write_predictions
from model.fdr import Estimate, accepted, sequence_with_decoys
from model.inference import Sequencer

log = logging.getLogger(__name__)


@dataclass
class Summary:
    """What a run did."""

    sequenced: int = 0
    unanswered: int = 0
    fitting: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    ppm_errors: list[float] = field(default_factory=list)
    seconds: float = 0.0
    fdr: float | None = None
    accepted: int = 0

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        rate = self.sequenced / self.seconds if self.seconds > 0 else 0.0
        yield f"{self.sequenced} spectra sequenced in {self.seconds:.1f} s ({rate:.0f} spectra/s)"
        if self.sequenced:
            yield f"{self.fitting} peptides weigh what the precursor weighs"
        if self.fdr is not None:
            yield f"{self.accepted} peptides written, of which {self.fdr:.1%} at most are estimated to be wrong"
        if self.unanswered:
            yield f"{self.unanswered} spectra without an answer, not written"
        if self.ppm_errors:
            yield f"median mass error of those: {median(self.ppm_errors):.2f} ppm"
        for reason, number in self.skipped.most_common():
            yield f"{number} spectra skipped: {reason}"


def sequence_files(
    files: list[Path],
    output: Path,
    sequencer: Sequencer,
    *,
    steps: int | None,
    fdr: float | None,
    fdr_by: Estimate,
    database: str,
    force: bool,
    progress: Progress,
) -> Summary:
    """Sequence the spectra of files and write the peptides.

    Parameters
    ----------
    fdr : write only peptides of which at most this share is estimated to be wrong; None: all.
    fdr_by : how it is estimated.
    database : name of the searched proteins, for mzTab.

    Raises
    ------
    InputError : a file cannot be read, or no file holds a spectrum that can be sequenced.
    OutputError : the output is there already and ``force`` is not given, or cannot be written.
    """
    check_output(output)
    if output.exists() and not force:
        raise OutputError("is there already", path=output, remedy="Choose another name or give --force")
    names = Counter(file.name for file in files)
    twice = [name for name, number in names.items() if number > 1]
    if twice:
        raise InputError("two files have this name", record=twice[0], remedy="Sequence them in two runs")
    summary = Summary()
    began = time.perf_counter()
    spectra = _read(files, summary, progress)
    if fdr is None:
        found: Iterable[Prediction] = _count(sequencer.sequence(spectra, steps), summary, sequencer, progress)
    else:
        found = _accepted(spectra, sequencer, steps, fdr, fdr_by, summary, progress)
    requested = [token.text for token in sequencer.vocabulary.tokens[len(VOCABULARY) :]]
    write_predictions(
        found,
        output,
        source_files=files,
        software_version=version("peptrm"),
        requested=requested,
        database=database,
    )
    summary.seconds = time.perf_counter() - began
    return summary


def _read(files: Iterable[Path], summary: Summary, progress: Progress) -> Iterator[Spectrum]:
    for file in files:
        reader = read_spectra(file)
        progress.file(file)
        yield from reader
        summary.skipped.update(reader.skipped)


def _accepted(
    spectra: Iterable[Spectrum],
    sequencer: Sequencer,
    steps: int | None,
    fdr: float,
    fdr_by: Estimate,
    summary: Summary,
    progress: Progress,
) -> list[Prediction]:
    """The predictions below the false discovery rate; all must be known before the first is written.

    Raises
    ------
    InputError : the model has no calibrated probabilities to estimate with.
    """
    if fdr_by == "probability" and sequencer.answerer.calibration is None:
        raise InputError(
            "a false discovery rate by probability needs a calibrated model",
            remedy="Run `peptrm calibrate` on annotated spectra, or give --fdr-by decoys",
        )
    decoy_scores: list[float] = []

    def targets() -> Iterator[Prediction]:
        for prediction, decoy_score in sequence_with_decoys(sequencer, spectra, steps):
            decoy_scores.append(decoy_score)
            yield prediction

    by_decoys = fdr_by == "decoys"
    predictions = list(
        _count(targets() if by_decoys else sequencer.sequence(spectra, steps), summary, sequencer, progress)
    )
    kept = accepted(predictions, fdr, decoy_scores if by_decoys else None)
    summary.accepted, summary.fdr = len(kept), fdr
    return kept


def _count(
    predictions: Iterable[Prediction], summary: Summary, sequencer: Sequencer, progress: Progress
) -> Iterator[Prediction]:
    tolerance_ppm = sequencer.network.settings.closure_tolerance_ppm
    for prediction in predictions:
        summary.sequenced += 1
        if not prediction.peptidoform:
            summary.unanswered += 1
        elif prediction.ppm_error is not None and abs(prediction.ppm_error) <= tolerance_ppm:
            summary.fitting += 1
            summary.ppm_errors.append(prediction.ppm_error)
        progress.advance(summary.sequenced)
        yield prediction
