"""Prefect task of the training stage: one network in a process of its own, recorded in MLflow."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.provenance import provenance
from tasks.tracking import Tracker, training_points
from tasks.training import train_model
from tasks.workspace import Workspace


@task(name="train", task_run_name="train-{name}", cache_policy=NO_CACHE, retries=1)
def train_network(params: Params, workspace: Workspace, name: str, evidence: bool) -> None:
    """Train ``pretrained`` (anchored in masses) or ``plain`` (without evidence)."""
    log = get_run_logger()
    tracker = Tracker(workspace)
    with tracker.run(f"train {name}", provenance_tags(params, workspace)) as run:
        tracker.parameters(run, params.of_training() | {"evidence": evidence})
        arguments = {"params": params.model_dump(mode="json"), "root": str(workspace.root), "name": name}
        summary = run_isolated(
            train_model, arguments | {"evidence": evidence}, lambda line: log.info("%s: %s", name, line)
        )
        tracker.metrics(run, training_points(summary))
        tracker.artifact(run, workspace.model(name), "model")


def provenance_tags(params: Params, workspace: Workspace) -> dict[str, str]:
    """Tags by which a run is traced to its inputs; MLflow refuses some characters in names."""
    origin = {
        name.replace(" (", ".").replace(")", "").replace(" ", "_"): value
        for name, value in provenance(params, workspace).items()
    }
    return origin | {"mlflow.source.git.commit": origin["git_commit"].rstrip("+")}
