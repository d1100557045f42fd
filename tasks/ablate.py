"""Prefect task of an ablation: one row in a process of its own, recorded in MLflow."""

from dataclasses import asdict
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.ablations import ablate, row_recipe
from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.tracking import Tracker
from tasks.train import provenance_tags
from tasks.workspace import Workspace


@task(name="ablate", task_run_name="ablate-{name}", cache_policy=NO_CACHE)
def ablate_row(params: Params, workspace: Workspace, name: str) -> dict[str, Any]:
    """Train and measure one row of the table."""
    log = get_run_logger()
    tracker = Tracker(workspace)
    with tracker.run(f"ablate {name}", provenance_tags(params, workspace)) as run:
        tracker.parameters(run, asdict(row_recipe(params, params.ablations.rows[name])))
        arguments = {"params": params.model_dump(mode="json"), "root": str(workspace.root), "name": name}
        result: dict[str, Any] = run_isolated(ablate, arguments, lambda line: log.info("%s: %s", name, line))
        points = [
            (f"{level}_token_accuracy", accuracy, step)
            for level in ("clean", "hard")
            for step, accuracy in enumerate(result[level]["token_accuracy_by_step"], start=1)
        ]
        tracker.metrics(run, points)
    return result
