"""Prefect task of the cross-validation: one fold, cached by the content of its inputs, recorded in MLflow."""

import json
import shutil
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from prefect import task
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from data.atomic import make_folder, write_atomically
from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.provenance import file_hash
from tasks.tracking import Tracker, training_points
from tasks.train import provenance_tags
from tasks.training import run_fold
from tasks.workspace import Workspace

RECEIPT = "fold.json"
"""Beside a fold's weights: the hash of the inputs they were made from, and of the files that were made."""


def _cache_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return f"fold-{parameters['inputs_hash']}"


@task(name="fold", task_run_name="fold-{species}", cache_key_fn=_cache_key, persist_result=True)
def cross_validate_fold(
    params: dict[str, Any], root: str, species: str, inputs_hash: str, parent_run: str
) -> dict[str, float]:
    """Train and test one fold; arguments are plain values, for they travel to processes and clusters.

    Returns
    -------
    The fold's metrics.
    """
    workspace, log = Workspace(Path(root)), get_run_logger()
    # A run killed between the receipt and the storing of the task's result has left a fold that needs no training.
    if is_finished(workspace, species, inputs_hash):
        finished: dict[str, float] = json.loads(workspace.fold_report(species).read_text())["metrics"]
        return finished
    tracker = Tracker(workspace)
    settings = Params.model_validate(params)
    with tracker.run(
        f"fold {species}", provenance_tags(settings, workspace) | {"inputs_hash": inputs_hash}, parent_run
    ) as run:
        tracker.parameters(run, settings.of_training() | {"species": species})
        arguments = {"params": params, "root": root, "species": species}
        report = run_isolated(run_fold, arguments, lambda line: log.info("%s: %s", species, line))
        summary = json.loads((workspace.fold_model(species) / "training.json").read_text())
        tracker.metrics(run, training_points(summary))
        tracker.metrics(run, [(name, value, 0) for name, value in report["metrics"].items()])
        tracker.metrics(
            run,
            [("test_token_accuracy", value, step) for step, value in enumerate(report["token_accuracy_by_step"], 1)],
        )
        tracker.artifact(run, workspace.fold_model(species), "model")
        for path in (workspace.fold_report(species), workspace.fold_confusion(species)):
            tracker.artifact(run, path)
    write_receipt(workspace, species, inputs_hash)
    metrics: dict[str, float] = report["metrics"]
    return metrics


def write_receipt(workspace: Workspace, species: str, inputs_hash: str) -> None:
    """Vouch for the files of a finished fold."""
    files = {str(path): file_hash(workspace.root / path) for path in _outputs(workspace, species)}
    receipt = {"inputs_hash": inputs_hash, "files": files}
    write_atomically(workspace.fold_model(species) / RECEIPT, json.dumps(receipt, indent=1).encode())


def is_finished(workspace: Workspace, species: str, inputs_hash: str) -> bool:
    """Whether the fold's files are there, as a run with the same inputs left them."""
    try:
        receipt = json.loads((workspace.fold_model(species) / RECEIPT).read_text())
        return bool(
            receipt["inputs_hash"] == inputs_hash
            and all(file_hash(workspace.root / name) == expected for name, expected in receipt["files"].items())
        )
    except (OSError, ValueError, KeyError):
        return False


def write_failure(workspace: Workspace, species: str, error: str) -> None:
    """Report a fold that failed in the place of its figures."""
    make_folder(workspace.fold_reports)
    report = {"species": species, "status": "failed", "error": error}
    write_atomically(workspace.fold_report(species), json.dumps(report, indent=1).encode())


def forget_other_folds(workspace: Workspace, species: AbstractSet[str]) -> None:
    """Remove what former parameters left of folds that there are no more, lest they be taken for results."""
    for path in workspace.fold_model("_").parent.glob("*/"):
        if path.name not in species:
            shutil.rmtree(path)
    for path in workspace.fold_reports.glob("*.*"):
        if path.is_file() and path.name.partition(".")[0] not in species:
            path.unlink()


def _outputs(workspace: Workspace, species: str) -> list[Path]:
    model = workspace.fold_model(species)
    files = [model / "model.safetensors", model / "config.json", model / "training.json"]
    files += [workspace.fold_report(species), workspace.fold_predictions(species), workspace.fold_confusion(species)]
    return [path.relative_to(workspace.root) for path in files]
