"""The ablation table: one network a row, all trained from the same seed on the same number of samples.

Plain functions; they take and return JSON values, because they run in processes of their own (`tasks.isolation`).
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from data.atomic import make_folder, write_atomically
from data.batches import SpectrumSet, pretraining_sets
from data.seeding import derive, generator
from data.settings import PreprocessingSettings
from model.checkpoint import autocast, load_network
from model.recipe import Recipe
from model.recursion import Network
from model.refinement import Refinement
from model.settings import LossSettings, NetworkSettings, StageSettings, TrainingSettings
from model.trainer import train
from model.validation import refinement, with_noise
from tasks.markdown import table
from tasks.params import AblationRow, Params
from tasks.workspace import Workspace

_SPEED_STEPS = 8
_SHOWN_STEPS = (1, 2, 4, 8, 16, 32)


def row_recipe(params: Params, row: AblationRow) -> Recipe:
    """The network and training of a row: the plain network's, and what the row changes.

    Raises
    ------
    TypeError : the row names an unknown key.
    """
    shape = params.network
    plain = NetworkSettings(
        width=shape.width,
        heads=shape.heads,
        encoder_layers=shape.encoder_layers,
        core_layers=shape.core_layers,
        slots=shape.slots,
        evidence=False,
    )
    stage = StageSettings(
        name="ablation",
        updates=params.ablations.updates,
        noise_level=(0.0, 1.0),
        clean_share=0.5,
        uniform_noise=params.training.validation_noise,
        **row.stage,
    )
    training = TrainingSettings(
        stages=(stage,),
        batch_size=params.training.batch_size,
        guided_share=params.training.guided_share,
        warmup_updates=params.training.warmup_updates,
        validate_every=params.ablations.updates,
        validation_spectra=32,
    )
    return Recipe(
        network=replace(plain, **row.network),
        training=replace(training, loss=replace(LossSettings(), **row.loss), **row.training),
        noise=params.noise,
        preprocessing=params.preprocessing,
        seed=derive(params.seed, "ablation"),
    )


def ablate(params: dict[str, Any], root: str, name: str) -> dict[str, Any]:
    """Train and measure one row; a row that was measured before with the same recipe is read back."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    recipe = row_recipe(settings, settings.ablations.rows[name])
    path = workspace.ablation(name)
    key = {"recipe": recipe.as_json(), "ablations": {"test_spectra": settings.ablations.test_spectra}}
    if path.exists() and (found := json.loads(path.read_text()))["key"] == key:
        return dict(found)
    seen, unseen = pretraining_sets(workspace.clean_shards, settings.peptides.validation_share)
    folder = workspace.ablation(name).with_suffix("")
    summary = train(
        recipe=recipe,
        training_set=seen,
        validation_set=unseen,
        folder=folder,
    )
    network, _ = load_network(folder)
    rows = generator(settings.seed, "ablation test").permutation(len(unseen))[: settings.ablations.test_spectra]
    clean = unseen.select(rows)
    noise = settings.training.validation_noise.settings()
    hard = with_noise(clean, noise, generator(settings.seed, "ablation noise"))
    result = {
        "key": key,
        "name": name,
        "parameters": summary.parameters,
        "samples": summary.samples,
        "training_spectra_per_second": summary.samples / summary.seconds,
        "inference_spectra_per_second": _speed(network, clean, recipe.preprocessing),
        "clean": asdict(_measured(network, clean, recipe.preprocessing, settings.ablations.steps)),
        "hard": asdict(_measured(network, hard, recipe.preprocessing, settings.ablations.steps)),
    }
    make_folder(path.parent)
    write_atomically(path, json.dumps(result, indent=1).encode())
    shutil.rmtree(folder)
    return result


def _measured(network: Network, spectra: SpectrumSet, preprocessing: PreprocessingSettings, steps: int) -> Refinement:
    with autocast("cpu", "auto"):
        return refinement(network, spectra, preprocessing, steps, "cpu")


def _speed(network: Network, spectra: SpectrumSet, preprocessing: PreprocessingSettings) -> float:
    began = time.perf_counter()
    _measured(network, spectra, preprocessing, _SPEED_STEPS)
    return len(spectra) / (time.perf_counter() - began)


def markdown(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The results as tables: accuracy by step, by length, and what each row costs."""
    for level in ("clean", "hard"):
        yield f"**{level.capitalize()}**: token accuracy after so many steps, and peptide recall after the last, in %."
        yield ""
        yield from table(("row", *(f"step {s}" for s in _SHOWN_STEPS), "peptide recall"), _by_step(results, level))
    yield "**By length**: token accuracy of clean spectra after the last step, residues of the peptide."
    yield ""
    bins = list(results[0]["clean"]["token_accuracy_by_length"])
    rows = ([r["name"], *(_percent(r["clean"]["token_accuracy_by_length"][b]) for b in bins)] for r in results)
    yield from table(("row", *(b.replace("-", "–") for b in bins)), rows)
    yield f"**Cost**: spectra a second on one thread, in training and in inference with {_SPEED_STEPS} steps."
    yield ""
    yield from table(("row", "parameters", "training", "inference"), _costs(results))


def _by_step(results: Sequence[Mapping[str, Any]], level: str) -> Iterator[list[str]]:
    for result in results:
        accuracy = result[level]["token_accuracy_by_step"]
        shown = [_percent(accuracy[step - 1]) if step <= len(accuracy) else "–" for step in _SHOWN_STEPS]
        yield [result["name"], *shown, _percent(result[level]["peptide_recall_by_step"][-1])]


def _costs(results: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for result in results:
        training, inference = result["training_spectra_per_second"], result["inference_spectra_per_second"]
        yield [result["name"], f"{result['parameters']:,}", f"{training:.0f}", f"{inference:.0f}"]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
