"""Prefect tasks of the bridge: each part in a process of its own, the strategies recorded in MLflow."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.bridge import adapt, prepare_bridge, train_row
from tasks.bridge_noise import fit_profiles, learn
from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.tracking import Tracker
from tasks.train import provenance_tags
from tasks.workspace import Workspace


@task(name="bridge-spectra", cache_policy=NO_CACHE)
def prepare(params: Params, workspace: Workspace) -> dict[str, int]:
    """Write the spectra that all strategies share."""
    counts: dict[str, int] = run_isolated(prepare_bridge, _arguments(params, workspace), get_run_logger().info)
    return counts


@task(name="fit-noise", cache_policy=NO_CACHE)
def fit(params: Params, workspace: Workspace) -> dict[str, Any]:
    """Fit the noise profiles."""
    section: dict[str, Any] = run_isolated(fit_profiles, _arguments(params, workspace), get_run_logger().info)
    return section


@task(name="learn-noise", cache_policy=NO_CACHE)
def learn_noise(params: Params, workspace: Workspace) -> dict[str, Any]:
    """Learn noise, and test how well it is told from measured spectra."""
    result: dict[str, Any] = run_isolated(learn, _arguments(params, workspace), get_run_logger().info)
    return result


@task(name="bridge-row", task_run_name="bridge-{name}", cache_policy=NO_CACHE)
def strategy(params: Params, workspace: Workspace, name: str) -> dict[str, Any]:
    """Train and measure one strategy."""
    log, tracker = get_run_logger(), Tracker(workspace)
    with tracker.run(f"bridge {name}", provenance_tags(params, workspace)) as run:
        tracker.parameters(run, params.bridge.rows[name].model_dump(mode="json"))
        arguments = _arguments(params, workspace) | {"name": name}
        result: dict[str, Any] = run_isolated(train_row, arguments, lambda line: log.info("%s: %s", name, line))
        points = [
            (f"{test.replace(' ', '_')}_{figure}", figures[figure], 0)
            for test, figures in result["tests"].items()
            for figure in ("aa_precision", "peptide_recall")
        ]
        tracker.metrics(run, points)
    return result


@task(name="adapt", task_run_name="adapt-{analyser}-{name}", cache_policy=NO_CACHE)
def adaptation(params: Params, workspace: Workspace, analyser: str, name: str) -> dict[str, Any]:
    """Adapt to one analyser in one way, and measure."""
    log = get_run_logger()
    arguments = _arguments(params, workspace) | {"analyser": analyser, "name": name}
    result: dict[str, Any] = run_isolated(adapt, arguments, lambda line: log.info("%s, %s: %s", analyser, name, line))
    return result


def _arguments(params: Params, workspace: Workspace) -> dict[str, Any]:
    return {"params": params.model_dump(mode="json"), "root": str(workspace.root)}
