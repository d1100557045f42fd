"""Prefect tasks of the pre-training: corpus, its spectra, and both trainings, recorded in MLflow."""

from collections.abc import Callable
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks import pretraining
from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.tracking import Tracker, training_points
from tasks.train import provenance_tags
from tasks.workspace import Workspace


@task(name="corpus", cache_policy=NO_CACHE)
def make_corpus(params: Params, workspace: Workspace) -> None:
    """Draw the peptides of the corpus."""
    get_run_logger().info("%d peptides in %s", pretraining.make_corpus(params, workspace), workspace.corpus)


@task(name="corpus-spectra", cache_policy=NO_CACHE, retries=1)
def make_corpus_spectra(params: Params, workspace: Workspace) -> None:
    """Predict the spectra of the corpus."""
    log = get_run_logger()
    pretraining.make_corpus_spectra(
        params, workspace, lambda done, total: log.info("%d of %d spectra predicted", done, total)
    )


@task(name="pretrain", cache_policy=NO_CACHE)
def pretrain_network(params: Params, workspace: Workspace) -> None:
    """Train on the corpus alone."""
    _recorded(pretraining.pretrain, "pretrain base", params, workspace)


@task(name="fine-tune", cache_policy=NO_CACHE)
def fine_tune_network(params: Params, workspace: Workspace) -> None:
    """Train further with measured spectra mixed in, and calibrate."""
    _recorded(pretraining.fine_tune, "fine-tune base", params, workspace)


@task(name="distill", cache_policy=NO_CACHE)
def distill_network(params: Params, workspace: Workspace) -> None:
    """Train the smaller network, and calibrate."""
    _recorded(pretraining.distill, "distill small", params, workspace)


def _recorded(
    function: Callable[[dict[str, Any], str], dict[str, Any]], name: str, params: Params, workspace: Workspace
) -> None:
    log, tracker = get_run_logger(), Tracker(workspace)
    with tracker.run(name, provenance_tags(params, workspace)) as run:
        tracker.parameters(run, params.of_training())
        arguments = {"params": params.model_dump(mode="json"), "root": str(workspace.root)}
        summary = run_isolated(function, arguments, lambda line: log.info("%s", line))
        if summary:
            tracker.metrics(run, training_points(summary))
