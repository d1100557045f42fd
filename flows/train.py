"""Stage `train`: the mass-anchored network and the plain recursion of the same budget, side by side."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.tracking import Tracker
from tasks.train import train_network
from tasks.workspace import Workspace

_BOTH_AT_ONCE: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)


@flow(name="train", task_runner=_BOTH_AT_ONCE)
def train(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Train both networks, each in a process of its own."""
    params, workspace = load_params(params_file, changes), Workspace()
    Tracker(workspace)
    futures = [
        train_network.submit(params, workspace, name, evidence)
        for name, evidence in (("pretrained", True), ("plain", False))
    ]
    for future in futures:
        future.result()


if __name__ == "__main__":
    run_stage(train)
