"""The MLflow run above the nine folds: opened once for the same inputs, so that an interrupted run goes on under it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from data.atomic import make_folder, write_atomically
from tasks.params import Params
from tasks.tracking import Tracker
from tasks.train import provenance_tags
from tasks.workspace import Workspace

_RECORD = "parent_run.json"


def open_parent_run(tracker: Tracker, params: Params, workspace: Workspace, inputs: Mapping[str, str]) -> str:
    """The run that the folds belong to; the one recorded before where its inputs were the same.

    Parameters
    ----------
    inputs : hash of each fold's inputs, by species.
    """
    key = hashlib.sha256(json.dumps(dict(inputs), sort_keys=True).encode()).hexdigest()
    recorded = recorded_run(workspace)
    if recorded.get("inputs") == key and tracker.reopen_run(recorded["run"]):
        return str(recorded["run"])
    run = tracker.open_run("nine-species cross-validation", provenance_tags(params, workspace))
    tracker.parameters(run, params.of_training())
    record = workspace.fold_model(_RECORD)
    make_folder(record.parent)
    write_atomically(record, json.dumps({"inputs": key, "run": run}).encode())
    return run


def recorded_run(workspace: Workspace) -> dict[str, Any]:
    """What was recorded of the parent run; empty where there is none."""
    try:
        record: dict[str, Any] = json.loads(workspace.fold_model(_RECORD).read_text())
        return record
    except (OSError, ValueError):
        return {}
