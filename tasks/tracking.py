"""The one door to MLflow: a tracker that opens runs and writes them in batches."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from data.atomic import make_folder
from tasks.workspace import Workspace

EXPERIMENT = "peptrm"
_BATCH = 1000
_MAX_PARAMETERS = 100
_MAX_VALUE = 6000
_REFUSED = re.compile(r"[^\w\-. :/]")


class Tracker:
    """Runs of one MLflow store; made before anything runs in parallel, so that the store is created once.

    Runs are named by id, never by MLflow's notion of an active run, which threads and processes do not share.
    """

    def __init__(self, workspace: Workspace) -> None:
        make_folder(workspace.artifacts)
        self._client = MlflowClient(tracking_uri=workspace.tracking_uri)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        self._experiment: str = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(EXPERIMENT, artifact_location=workspace.artifacts.resolve().as_uri())
        )

    def open_run(self, name: str, tags: Mapping[str, str], parent: str | None = None) -> str:
        """Start a run and return its id."""
        all_tags = dict(tags) | ({"mlflow.parentRunId": parent} if parent else {})
        run = self._client.create_run(self._experiment, run_name=name, tags=all_tags)
        return str(run.info.run_id)

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str], parent: str | None = None) -> Iterator[str]:
        """The id of a run that lasts as long as the block; failed where the block raises."""
        run = self.open_run(name, tags, parent)
        try:
            yield run
        except BaseException:
            self.close_run(run, failed=True)
            raise
        self.close_run(run)

    def reopen_run(self, run: str) -> bool:
        """Continue a run; false where there is none of this id."""
        try:
            self._client.update_run(run, status="RUNNING")
        except MlflowException:
            return False
        return True

    def parameters(self, run: str, values: Mapping[str, Any]) -> None:
        """Log nested parameters under dotted names; characters that MLflow refuses in names become underscores."""
        flat = [Param(_REFUSED.sub("_", name), str(value)[:_MAX_VALUE]) for name, value in _flatten(values)]
        for first in range(0, len(flat), _MAX_PARAMETERS):
            self._client.log_batch(run, params=flat[first : first + _MAX_PARAMETERS])

    def tags(self, run: str, values: Mapping[str, str]) -> None:
        """Add tags to a run."""
        self._client.log_batch(run, tags=[RunTag(name, value) for name, value in values.items()])

    def metrics(self, run: str, points: Iterable[tuple[str, float, int]]) -> None:
        """Log (name, value, step) in batches: one call a value would take 20 ms each."""
        now = int(time.time() * 1000)
        entries = [Metric(name, float(value), now, step) for name, value, step in points]
        for first in range(0, len(entries), _BATCH):
            self._client.log_batch(run, metrics=entries[first : first + _BATCH])

    def artifact(self, run: str, path: Path, folder: str | None = None) -> None:
        """Copy a file, or the files of a folder, to a run."""
        if path.is_dir():
            self._client.log_artifacts(run, str(path), folder)
        else:
            self._client.log_artifact(run, str(path), folder)

    def close_run(self, run: str, *, failed: bool = False) -> None:
        """End a run."""
        self._client.set_terminated(run, "FAILED" if failed else "FINISHED")


_BY_STEP = ("token_accuracy", "cross_entropy", "edit_rate", "edit_quality")


def training_points(summary: Mapping[str, Any]) -> Iterable[tuple[str, float, int]]:
    """The curves of a training summary as metric points: by update, and of the last validation by refinement step."""
    for entry in summary["curve"]:
        yield from ((k, v, entry["update"]) for k, v in entry.items() if k not in ("update", "stage"))
    for entry in summary["validation"]:
        for level in ("easy", "hard"):
            figures = entry[level]
            for step, accuracy in enumerate(figures["token_accuracy_by_step"], start=1):
                yield f"{level}_token_accuracy_step_{step}", accuracy, entry["update"]
            yield f"{level}_peptide_recall", figures["peptide_recall_by_step"][-1], entry["update"]
            yield f"{level}_convergence_step", figures["convergence_step"], entry["update"]
            for bin_name, accuracy in figures["token_accuracy_by_length"].items():
                yield f"{level}_token_accuracy_length_{bin_name}", accuracy, entry["update"]
    for level in ("easy", "hard") if summary["validation"] else ():
        for name in _BY_STEP:
            for step, value in enumerate(summary["validation"][-1][level][f"{name}_by_step"], start=1):
                yield f"{level}_{name}_by_step", value, step


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for position, entry in enumerate(value):
                yield from _flatten(entry, f"{prefix}{name}.{position}.")
        else:
            yield f"{prefix}{name}", value
