"""Runs to list, show and compare: from the metrics that trainings leave as JSON lines, and from MLflow."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import InputError
from model.records import METRICS_FILE, read_metrics
from tasks.workspace import Workspace


@dataclass
class Run:
    """One training, wherever it is recorded.

    Attributes
    ----------
    name : folder under the workspace's models, or MLflow's run id.
    source : ``files`` or ``mlflow``.
    metrics : name → (update, value), ascending.
    """

    name: str
    source: str
    title: str
    status: str
    began: datetime | None
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def last(self, name: str) -> float | None:
        """The last value of a metric; None where it was never recorded."""
        points = self.metrics.get(name)
        return points[-1][1] if points else None


def find_runs(workspace: Workspace) -> list[Run]:
    """All runs, the newest first; those of MLflow only where its database is."""
    runs = [_from_file(path, workspace) for path in sorted((workspace.root / "models").rglob(METRICS_FILE))]
    if (workspace.root / "mlflow.db").exists():
        runs += _from_mlflow(workspace)
    return sorted(runs, key=lambda run: run.began.timestamp() if run.began else 0.0, reverse=True)


def find_run(workspace: Workspace, name: str) -> Run:
    """The run of this name; the beginning of a name will do.

    Raises
    ------
    InputError : there is none, or there are several.
    """
    runs = find_runs(workspace)
    found = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    if len(found) != 1:
        problem = "no such run" if not found else f"{len(found)} runs begin so"
        raise InputError(problem, record=name, remedy="`peptrm runs list` names them")
    return found[0]


def _from_file(path: Path, workspace: Workspace) -> Run:
    folder = path.parent
    state = folder / "state"
    finished = (folder / "training.json").exists() and not state.exists()
    began = datetime.fromtimestamp(path.stat().st_ctime)
    name = str(folder.relative_to(workspace.root / "models"))
    run = Run(name, "files", name, "FINISHED" if finished else "UNFINISHED", began)
    for entry in read_metrics(path):
        for metric, value in _numbers(entry):
            run.metrics.setdefault(metric, []).append((entry["update"], value))
    return run


def _numbers(entry: dict[str, Any]) -> Iterable[tuple[str, float]]:
    """The figures of a line that one looks at first; of the curves by step the last value."""
    if entry["kind"] == "train":
        yield from ((k, float(v)) for k, v in entry.items() if k not in ("kind", "update", "stage"))
        return
    for level in ("easy", "hard"):
        figures = entry[level]
        yield f"{level}_token_accuracy", figures["token_accuracy_by_step"][-1]
        yield f"{level}_peptide_recall", figures["peptide_recall_by_step"][-1]
        yield f"{level}_cross_entropy", figures["cross_entropy_by_step"][-1]


def _from_mlflow(workspace: Workspace) -> list[Run]:
    from mlflow.tracking import MlflowClient  # here, for it takes seconds

    from tasks.tracking import EXPERIMENT

    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    runs = []
    for entry in client.search_runs([experiment.experiment_id], max_results=1000):
        began = datetime.fromtimestamp(entry.info.start_time / 1000)
        run = Run(entry.info.run_id, "mlflow", entry.info.run_name or "", entry.info.status, began)
        run.metrics = {name: [(0, float(value))] for name, value in entry.data.metrics.items()}
        runs.append(run)
    return runs
