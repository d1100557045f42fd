"""Prefect tasks of the study: a size, and a trial of the search, in processes of their own, recorded in MLflow."""

from collections.abc import Callable
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks import study
from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.tracking import Tracker
from tasks.train import provenance_tags
from tasks.workspace import Workspace


@task(name="size", task_run_name="size-{name}", cache_policy=NO_CACHE)
def size(params: Params, workspace: Workspace, name: str) -> dict[str, Any]:
    """Train one of the sizes."""
    return _recorded(study.run_size, f"size {name}", params, workspace, {"name": name})


@task(name="trial", cache_policy=NO_CACHE)
def trial(params: Params, workspace: Workspace) -> dict[str, Any]:
    """One more trial of the search."""
    return _recorded(study.run_trial, "trial", params, workspace, {})


def _recorded(
    function: Callable[..., dict[str, Any]],
    name: str,
    params: Params,
    workspace: Workspace,
    more: dict[str, str],
) -> dict[str, Any]:
    log, tracker = get_run_logger(), Tracker(workspace)
    with tracker.run(name, provenance_tags(params, workspace) | {"peptrm.study": name.split()[0]}) as run:
        arguments = {"params": params.model_dump(mode="json"), "root": str(workspace.root)} | more
        result: dict[str, Any] = run_isolated(function, arguments, lambda line: log.info("%s: %s", name, line))
        tracker.parameters(run, result.get("drawn", {}) | {"updates": result["updates"]})
        tracker.metrics(run, _points(result))
    return result


def _points(result: dict[str, Any]) -> list[tuple[str, float, int]]:
    """The score of every rung, and of a size both accuracies."""
    scores = [("score", score, rung) for rung, score in enumerate(result.get("scores", []), start=1)]
    rungs = enumerate(result.get("rungs", []), start=1)
    return scores + [(name, figures[name], rung) for rung, figures in rungs for name in ("easy", "hard", "score")]
