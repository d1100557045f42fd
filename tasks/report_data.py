"""Gathers what the report shows from the files that the pipeline left."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.augmentation import source_name
from data.batches import spectra_of_shards
from data.errors import InputError
from data.predictions import Prediction
from data.schema import Spectrum
from data.shards import read_shards
from model.metrics import Metrics, macro_average
from tasks.data_cards import overview
from tasks.folds import measured_spectra
from tasks.params import Params
from tasks.workspace import Workspace

METRICS = ("aa_precision", "aa_recall", "peptide_recall", "auc")


@dataclass
class Fold:
    """One species: its figures, or why there are none, and its predictions."""

    slug: str
    name: str
    report: dict[str, Any]
    predictions: list[Prediction]

    @property
    def completed(self) -> bool:
        """Whether the fold has figures."""
        return bool(self.report["status"] == "completed")


@dataclass
class Sample:
    """A spectrum to draw: as observed with noise, as predicted without, and the answer."""

    observed: Spectrum
    clean: Spectrum
    prediction: Prediction


@dataclass
class ReportData:
    """Everything on the page."""

    folds: list[Fold]
    recursion: dict[str, dict[str, list[float]]]
    trainings: dict[str, dict[str, Any]]
    trust: dict[str, Any]
    data_cards: list[dict[str, Any]]
    samples: list[Sample]
    provenance: dict[str, str]
    params: Params

    @property
    def completed(self) -> list[Fold]:
        """Folds that have figures."""
        return [fold for fold in self.folds if fold.completed]

    @property
    def predictions(self) -> list[Prediction]:
        """Predictions of all folds."""
        return [prediction for fold in self.completed for prediction in fold.predictions]

    @property
    def macro(self) -> Metrics:
        """Mean of the completed folds."""
        return macro_average([Metrics(**fold.report["metrics"]) for fold in self.completed])

    @property
    def is_measured(self) -> bool:
        """Whether the folds were tested on annotated spectra, not on predicted ones."""
        return bool(self.params.cross_validation.measured.files)


def gather(workspace: Workspace, params: Params, provenance: dict[str, str]) -> ReportData:
    """Read the results.

    Raises
    ------
    InputError : the cross-validation or the training has not been run, or the folds were tested on other spectra.
    """
    folds = [_fold(workspace, species.slug, species.name) for species in params.species]
    _check_spectra(workspace, params, folds)
    return ReportData(
        folds=folds,
        recursion=_json(workspace.recursion_report),
        trainings={name: _json(workspace.model(name) / "training.json") for name in ("pretrained", "plain")},
        trust=_json(workspace.trust_report) if workspace.trust_report.exists() else {},
        data_cards=overview(workspace.data_cards),
        samples=_samples(workspace, params, [fold for fold in folds if fold.completed]),
        provenance=provenance,
        params=params,
    )


def _fold(workspace: Workspace, slug: str, name: str) -> Fold:
    report = _json(workspace.fold_report(slug))
    predictions: list[Prediction] = []
    if report["status"] == "completed":
        rows = pq.read_table(workspace.fold_predictions(slug)).to_pylist()
        predictions = [
            Prediction(
                **{
                    **row,
                    "residue_scores": tuple(row["residue_scores"]),
                    "peptidoform_by_step": tuple(row["peptidoform_by_step"]),
                }
            )
            for row in rows
        ]
    return Fold(slug, name, report, predictions)


def _check_spectra(workspace: Workspace, params: Params, folds: list[Fold]) -> None:
    """Refuse folds of other spectra than those that the page names.

    The id alone does not tell: those of shards are numbers, which any shards have, and a library calls a peptide by
    one name with and without its modifications.
    """
    known: set[tuple[str, str | None]] = set()
    if params.cross_validation.measured.files:
        known.update((s.spectrum_id, s.peptidoform) for s in measured_spectra(params, Counter()))
    else:
        for table in read_shards(workspace.augmented_shards, ["spectrum_id", "peptidoform"]):
            known.update(zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True))
    for fold in folds:
        for prediction in fold.predictions:
            if (prediction.spectrum_id, prediction.reference) not in known:
                raise InputError(
                    f"{prediction.spectrum_id} is not the spectrum that this fold was tested on",
                    path=workspace.fold_predictions(fold.slug),
                    remedy="Run dvc repro: the spectra were made anew since",
                )


def _samples(workspace: Workspace, params: Params, folds: list[Fold]) -> list[Sample]:
    """Spectra spread evenly over the scores of the first completed fold, best first."""
    if not folds or params.evaluation.sample_spectra == 0:
        return []
    fold = folds[0]
    answered = sorted((p for p in fold.predictions if p.peptidoform), key=lambda p: -p.peptide_score)
    places = np.unique(np.linspace(0, len(answered) - 1, params.evaluation.sample_spectra).astype(int))
    chosen = {answered[place].spectrum_id: answered[place] for place in places} if answered else {}
    if params.cross_validation.measured.files:
        measured = {(s.spectrum_id, s.peptidoform): s for s in measured_spectra(params, Counter())}
        found = [(measured[name, answer.reference], answer) for name, answer in chosen.items()]
        return [Sample(spectrum, spectrum, answer) for spectrum, answer in found]
    noisy = _spectra(workspace, chosen, source_name(params.cross_validation.test_noise_level))
    clean = _spectra(workspace, chosen, source_name(0.0))
    return [Sample(noisy[name], clean.get(name, noisy[name]), chosen[name]) for name in chosen if name in noisy]


def _spectra(workspace: Workspace, chosen: dict[str, Prediction], source: str) -> dict[str, Spectrum]:
    def keep(table: pa.Table) -> NDArray[np.bool_]:
        rows = zip(table.column("spectrum_id").to_pylist(), table.column("source").to_pylist(), strict=True)
        return np.array([name in chosen and origin == source for name, origin in rows], np.bool_)

    return {spectrum.spectrum_id: spectrum for spectrum in spectra_of_shards(workspace.augmented_shards, keep)}


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return content
    except FileNotFoundError:
        raise InputError("the report lacks this result", path=path, remedy="Run dvc repro") from None
