"""`peptrm evaluate`: the field's metrics of the network on annotated spectra."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.annotated import annotated_spectra
from app.progress import Progress
from data.errors import InputError
from data.predictions import Prediction
from data.schema import Spectrum
from model.breakdown import GROUPINGS, Grouping, break_downs, missing_fragment_share
from model.calibration import expected_calibration_error
from model.inference import Sequencer
from model.metrics import count, evaluate, token_accuracy_by_step

_COLUMNS = ("n_spectra", "aa_precision", "aa_recall", "peptide_recall", "auc")


def groupings(text: str | None) -> tuple[Grouping, ...]:
    """What ``--by`` names, separated by commas.

    Raises
    ------
    InputError : one of them is no grouping.
    """
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in GROUPINGS:
            raise InputError(f"no grouping '{name}'", record="--by", remedy=f"There are {', '.join(GROUPINGS)}")
    return tuple(grouping for grouping in GROUPINGS if grouping in names)


def evaluate_files(
    files: list[Path],
    sequencer: Sequencer,
    *,
    steps: int | None,
    progress: Progress,
    by: Sequence[Grouping] = (),
) -> dict[str, Any]:
    """Sequence annotated spectra and compare.

    Returns
    -------
    The metrics with ``calibration_error`` of the peptide scores, ``token_accuracy_by_step``, ``seconds``, ``skipped``
    (reason → spectra) and, where asked for, ``by`` (grouping → group → metrics).

    Raises
    ------
    InputError : a file cannot be read, or holds no annotated spectrum.
    """
    began = time.perf_counter()
    skipped: Counter[str] = Counter()
    predictions: list[Prediction] = []
    lacking: list[float] = []

    def noted() -> Iterator[Spectrum]:
        for spectrum in annotated_spectra(files, skipped, progress):
            lacking.append(missing_fragment_share(spectrum))
            yield spectrum

    for prediction in sequencer.sequence(noted(), steps, keep_steps=True):
        predictions.append(replace(prediction, missing_fragments=lacking[len(predictions)]))
        if len(predictions) == len(lacking):  # the end of a batch
            progress.advance(len(predictions))
    if not predictions:
        raise InputError(
            "holds no spectrum with a readable annotation",
            path=files[0],
            remedy="Give spectra with their peptide: SEQ= in MGF, Name: in MSP",
        )
    groups = {
        name: {group: asdict(metrics) for group, metrics in found.items()}
        for name, found in break_downs(predictions, by).items()
    }
    score = np.array([prediction.peptide_score for prediction in predictions])
    return (
        asdict(evaluate(predictions))
        | {
            "calibration_error": expected_calibration_error(score, count(predictions).peptide.astype(bool)),
            "token_accuracy_by_step": token_accuracy_by_step(predictions),
            "seconds": time.perf_counter() - began,
            "skipped": dict(skipped),
        }
        | ({"by": groups} if groups else {})
    )


def as_text(result: dict[str, Any]) -> Iterator[str]:
    """The result for people."""
    yield f"spectra                {result['n_spectra']}"
    for name, label in (
        ("aa_precision", "amino-acid precision"),
        ("aa_recall", "amino-acid recall"),
        ("peptide_precision", "peptide precision"),
        ("peptide_recall", "peptide recall"),
        ("auc", "area under the curve"),
        ("calibration_error", "calibration error"),
    ):
        yield f"{label:<22} {result[name]:.3f}"
    steps = result["token_accuracy_by_step"]
    yield "token accuracy by step " + " ".join(f"{value:.2f}" for value in steps)
    yield f"seconds                {result['seconds']:.1f}"
    for reason, number in result["skipped"].items():
        yield f"skipped                {number}: {reason}"
    for grouping, groups in result.get("by", {}).items():
        yield f"\n{'by ' + grouping:<22} spectra   AA precision   AA recall   peptide recall   AUC"
        for name, figures in groups.items():
            values = [figures[column] for column in _COLUMNS]
            yield "{:<22} {:7d}   {:12.3f}   {:9.3f}   {:14.3f}   {:.3f}".format(name, *values)
