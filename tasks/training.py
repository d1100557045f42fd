"""From shards and parameters to trained networks: the plain functions behind the train and cross-validation tasks.

They take and return JSON values, because they run in processes of their own (`tasks.isolation`).
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.atomic import atomic_path, make_folder, write_atomically
from data.augmentation import source_name
from data.batches import SpectrumSet, pretraining_sets, spectra_of_shards
from data.errors import InputError
from data.predictions import Prediction
from data.readers import read_spectra
from data.schema import Spectrum
from data.seeding import derive
from data.vocabulary import VOCABULARY
from model.breakdown import break_downs, with_missing_fragments
from model.inference import Sequencer
from model.metrics import bootstrap_intervals, evaluate, residue_confusion, token_accuracy_by_step
from model.recipe import Recipe
from model.settings import NetworkSettings, TrainingSettings
from model.trainer import train
from tasks.calibration import calibrate_model
from tasks.folds import column_equals, fold_data
from tasks.params import Params
from tasks.workspace import Workspace

_RECURSION_SPECTRA = 512


def train_model(params: dict[str, Any], root: str, name: str, evidence: bool) -> dict[str, Any]:
    """Train on the pre-training peptides; ``evidence=False`` gives the plain recursion to compare with."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    training_set, validation_set = pretraining_sets(workspace.clean_shards, settings.peptides.validation_share)
    network = replace(settings.network, evidence=evidence and settings.network.evidence)
    summary = train(
        recipe=replace(pretraining_recipe(settings), network=network),
        training_set=training_set,
        validation_set=validation_set,
        real_set=real_spectra(settings),
        folder=workspace.model(name),
    )
    if network.evidence:
        calibrate_model(settings, workspace.model(name), validation_set, settings.calibration.spectra)
    return asdict(summary)


def run_fold(params: dict[str, Any], root: str, species: str) -> dict[str, Any]:
    """Train one fold without its species, predict its test spectra, write its figures, and return them."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    folds, seed = settings.cross_validation, derive(settings.seed, "fold", species)
    data = fold_data(settings, workspace, species)
    summary = train(
        recipe=_recipe(settings, settings.network, folds.training, seed),
        training_set=data.training,
        validation_set=data.validation,
        real_set=data.measured,
        folder=workspace.fold_model(species),
        start=workspace.model("pretrained") if folds.start == "pretrained" else None,
    )
    _, unseen = pretraining_sets(workspace.clean_shards, settings.peptides.validation_share)
    calibrate_model(settings, workspace.fold_model(species), unseen, settings.calibration.fold_spectra)
    sequencer = Sequencer(workspace.fold_model(species), threads=1, batch_size=settings.evaluation.batch_size)
    answers = sequencer.sequence(data.test, settings.evaluation.steps, keep_steps=True)
    predictions = with_missing_fragments(answers, data.test)
    _write_predictions(predictions, workspace.fold_predictions(species))
    _write_confusion(predictions, workspace.fold_confusion(species))
    report = {
        "species": species,
        "status": "completed",
        "error": None,
        "metrics": asdict(evaluate(predictions)),
        "intervals": bootstrap_intervals(
            predictions, settings.evaluation.bootstrap_samples, derive(settings.seed, "bootstrap", species)
        ),
        "by": {
            grouping: {group: asdict(metrics) for group, metrics in groups.items()}
            for grouping, groups in break_downs(predictions).items()
        },
        "training_spectra": {
            "predicted": len(data.training),
            "measured": len(data.measured) if data.measured is not None else 0,
        },
        "left_out": data.left_out,
        "token_accuracy_by_step": token_accuracy_by_step(predictions),
        "updates": summary.updates,
        "seconds": summary.seconds,
    }
    write_atomically(workspace.fold_report(species), json.dumps(report, indent=1).encode())
    return report


def pretraining_recipe(settings: Params) -> Recipe:
    """The recipe of the network that is trained on the pre-training peptides."""
    return _recipe(settings, settings.network, settings.training, derive(settings.seed, "train"))


def _recipe(settings: Params, network: NetworkSettings, training: TrainingSettings, seed: int) -> Recipe:
    return Recipe(
        network=network, training=training, noise=settings.noise, preprocessing=settings.preprocessing, seed=seed
    )


def real_spectra(settings: Params) -> SpectrumSet | None:
    """The user's annotated spectra for stages that mix them in; None where none are named.

    Spectra without a peptide, and those whose peptide the vocabulary or the slots cannot hold, are left out.

    Raises
    ------
    InputError : the file cannot be read, or none of its spectra can be trained on.
    """
    if settings.real_spectra is None:
        return None
    usable = []
    for spectrum in read_spectra(Path(settings.real_spectra)):
        try:
            length = len(VOCABULARY.encode(spectrum.peptidoform)) if spectrum.peptidoform else 0
        except InputError:
            continue
        if 0 < length < settings.network.slots:
            usable.append(spectrum)
    if not usable:
        raise InputError("holds no spectrum to train on", path=settings.real_spectra)
    return SpectrumSet.from_spectra(usable)


def measure_recursion(params: dict[str, Any], root: str) -> dict[str, Any]:
    """Token accuracy after each step of both models, on the validation spectra of every noise level."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    result: dict[str, dict[str, list[float]]] = {}
    for name in ("pretrained", "plain"):
        sequencer = Sequencer(workspace.model(name), threads=1, batch_size=settings.evaluation.batch_size)
        result[name] = {}
        for level in settings.augment.levels:
            spectra = _validation_spectra(workspace, source_name(level))[:_RECURSION_SPECTRA]
            predictions = list(sequencer.sequence(spectra, settings.evaluation.steps, keep_steps=True))
            result[name]["clean" if level == 0 else source_name(level)] = token_accuracy_by_step(predictions)
    write_atomically(workspace.recursion_report, json.dumps(result, indent=1).encode())
    return result


def _validation_spectra(workspace: Workspace, source: str) -> list[Spectrum]:
    """Spectra of a noise level that belong to no fold: the validation share of the pre-training peptides."""

    def keep(table: pa.Table) -> NDArray[np.bool_]:
        return np.asarray(table.column("fold").is_null(), bool) & column_equals(table, "source", source)

    return list(spectra_of_shards(workspace.augmented_shards, keep))


def _write_predictions(predictions: list[Prediction], path: Path) -> None:
    """Every field of the predictions, for the report."""
    make_folder(path.parent)
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist([asdict(prediction) for prediction in predictions]), temporary)


def _write_confusion(predictions: list[Prediction], path: Path) -> None:
    """Counts of each true residue (rows) read as another (columns)."""
    labels, counts = residue_confusion(predictions)
    lines = [",".join(["true", *labels])]
    lines += [",".join([label, *map(str, row)]) for label, row in zip(labels, counts.tolist(), strict=True)]
    write_atomically(path, ("\n".join(lines) + "\n").encode())
