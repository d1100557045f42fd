"""From a corpus and measured spectra to the network that is shipped: the plain functions behind the pre-training tasks.

Each leaves what it made in the workspace and does nothing when that was made by the same recipe. They take and return
JSON values, because they run in processes of their own (`tasks.isolation`).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.atomic import write_atomically
from data.batches import SpectrumSet, pretraining_sets
from data.corpus import build_corpus, excluded_sequences
from data.noise_fit import pair
from data.real_psms import analysers, annotated_spectra, capped, without_sequences
from data.schema import Spectrum
from data.seeding import derive, generator
from data.shards import manifest_hash
from data.splits import is_validation
from data.synthesis import synthesize
from model.checkpoint import WEIGHTS_FILE
from model.recipe import Recipe, settings_from
from model.settings import NetworkSettings
from model.trainer import train
from tasks.calibration import calibrate_model
from tasks.params import Params
from tasks.workspace import Workspace

RECIPE_FILE = "recipe.json"
"""Beside the weights: all that they depend on."""

BEFORE_FINE_TUNING = "base-pretrained"
BASE = "base"
SMALL = "small"


def make_corpus(settings: Params, workspace: Workspace) -> int:
    """Draw the peptides; how many they are."""
    return build_corpus(settings.corpus, settings.seed, workspace.corpus).num_rows


def make_corpus_spectra(
    settings: Params, workspace: Workspace, on_progress: Callable[[int, int], None] | None = None
) -> int:
    """Predict their spectra; how many they are."""
    shards = workspace.corpus_shards
    return synthesize(workspace.corpus, settings.synthesis, settings.seed, shards, on_progress).rows


def pretrain(params: dict[str, Any], root: str) -> dict[str, Any]:
    """Train on the corpus alone, unless the fine-tuning starts from another network."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    if settings.fine_tuning.start is not None:
        return {}
    recipe = _recipe(settings, "pretrain")
    return _train(recipe, settings, workspace, workspace.model(BEFORE_FINE_TUNING), {})


def fine_tune(params: dict[str, Any], root: str) -> dict[str, Any]:
    """Train further with measured spectra mixed in, and calibrate on peptides that no training saw."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    folder = workspace.model(BASE)
    measured, held_out = measured_spectra(settings)
    tuning = settings.fine_tuning
    recipe = replace(_recipe(settings, "fine-tune"), training=tuning.training, noise=tuning.noise or settings.noise)
    start = workspace.model(BEFORE_FINE_TUNING) if tuning.start is None else Path(tuning.start)
    more = {"real_set": SpectrumSet.from_spectra(measured) if measured else None, "start": start}
    summary = _train(recipe, settings, workspace, folder, more, start)
    _calibrate(settings, workspace, folder, held_out)
    return summary


def distill(params: dict[str, Any], root: str) -> dict[str, Any]:
    """Train a smaller network on the truth and on the answers of the fine-tuned one, and calibrate it likewise."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    wanted = settings.distillation
    if not wanted.network:
        return {}
    teacher, folder = workspace.model(BASE), workspace.model(SMALL)
    measured, held_out = measured_spectra(settings)
    recipe = replace(
        _recipe(settings, "distill"),
        network=settings_from(NetworkSettings, asdict(settings.network) | wanted.network),
        training=replace(wanted.training, teacher=str(teacher)),
        noise=settings.fine_tuning.noise or settings.noise,
    )
    real_set = SpectrumSet.from_spectra(measured) if measured else None
    summary = _train(recipe, settings, workspace, folder, {"real_set": real_set}, teacher)
    _calibrate(settings, workspace, folder, held_out)
    return summary


def _calibrate(settings: Params, workspace: Workspace, folder: Path, measured: list[Spectrum]) -> None:
    """On peptides that no training saw, of predicted and of measured spectra."""
    _, unseen = pretraining_sets(workspace.corpus_shards, settings.corpus.held_out_share)
    calibrate_model(settings, folder, unseen, settings.calibration.spectra, measured)


def measured_spectra(settings: Params) -> tuple[list[Spectrum], list[Spectrum]]:
    """Annotated spectra to train on and to calibrate on, of different peptides, none of which the corpus excludes."""
    tuning = settings.fine_tuning
    forbidden = excluded_sequences(settings.corpus.exclude)
    spectra = without_sequences(annotated_spectra(tuning.files, settings.network.slots), forbidden)
    if tuning.analysers and spectra:
        families = analysers(spectra, pair(spectra, settings.synthesis))
        spectra = [s for s, family in zip(spectra, families, strict=True) if family in tuning.analysers]
    spectra = capped(spectra, tuning.spectra_per_peptide, generator(settings.seed, "measured"))
    sides: tuple[list[Spectrum], list[Spectrum]] = [], []
    for spectrum in spectra:
        sides[is_validation(spectrum.peptidoform or "", tuning.held_out_share)].append(spectrum)
    return sides


def _recipe(settings: Params, step: str) -> Recipe:
    return Recipe(
        network=settings.network,
        training=settings.training,
        noise=settings.noise,
        preprocessing=settings.preprocessing,
        seed=derive(settings.seed, step),
    )


def _train(
    recipe: Recipe,
    settings: Params,
    workspace: Workspace,
    folder: Path,
    more: dict[str, Any],
    origin: Path | None = None,
) -> dict[str, Any]:
    """Train, unless the folder holds what this recipe made of these spectra and of the network ``origin``."""
    made_from = {
        "recipe": recipe.as_json(),
        "corpus": manifest_hash(workspace.corpus_shards),
        "measured": _fingerprint(more.get("real_set")),
        "start": _made_from(origin) if origin else None,
    }
    note = folder / RECIPE_FILE
    if note.is_file() and json.loads(note.read_text()) == made_from:
        return {}
    training_set, held_out = pretraining_sets(workspace.corpus_shards, settings.corpus.held_out_share)
    summary = train(recipe=recipe, training_set=training_set, validation_set=held_out, folder=folder, **more)
    write_atomically(note, json.dumps(made_from, indent=1).encode())
    return asdict(summary)


def _made_from(model: Path) -> Any:
    """What a network was made from, or which weights it has where that is not told."""
    note = model / RECIPE_FILE
    if note.is_file():
        return json.loads(note.read_text())
    return {"weights_sha256": hashlib.sha256((model / WEIGHTS_FILE).read_bytes()).hexdigest()}


def _fingerprint(spectra: SpectrumSet | None) -> list[float]:
    """Enough of measured spectra to notice that they are others."""
    if spectra is None:
        return []
    peaks = spectra.peaks
    return [float(len(spectra)), float(spectra.tokens.sum()), float(np.round(peaks.precursor_mz.sum(), 3))]
