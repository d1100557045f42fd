"""`peptrm evaluate`: the field's metrics of the network on annotated spectra."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.annotated import annotated_spectra
from app.progress import Progress
from data.errors import InputError
from data.predictions import Prediction
from model.calibration import expected_calibration_error
from model.inference import Sequencer
from model.metrics import count, evaluate, token_accuracy_by_step


def evaluate_files(files: list[Path], sequencer: Sequencer, *, steps: int | None, progress: Progress) -> dict[str, Any]:
    """Sequence annotated spectra and compare.

    Returns
    -------
    The metrics with ``calibration_error`` of the peptide scores, ``token_accuracy_by_step``, ``seconds`` and
    ``skipped`` (reason → spectra).

    Raises
    ------
    InputError : a file cannot be read, or holds no annotated spectrum.
    """
    began = time.perf_counter()
    skipped: Counter[str] = Counter()
    predictions: list[Prediction] = []
    for prediction in sequencer.sequence(annotated_spectra(files, skipped, progress), steps, keep_steps=True):
        predictions.append(prediction)
        progress.advance(len(predictions))
    if not predictions:
        raise InputError(
            "holds no spectrum with a readable annotation",
            path=files[0],
            remedy="Give spectra with their peptide: SEQ= in MGF, Name: in MSP",
        )
    score = np.array([prediction.peptide_score for prediction in predictions])
    return asdict(evaluate(predictions)) | {
        "calibration_error": expected_calibration_error(score, count(predictions).peptide.astype(bool)),
        "token_accuracy_by_step": token_accuracy_by_step(predictions),
        "seconds": time.perf_counter() - began,
        "skipped": dict(skipped),
    }


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
