"""Prefect task of the trust stage: the measurement in a process of its own."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.trust import measure_trust
from tasks.workspace import Workspace


@task(name="trust", cache_policy=NO_CACHE, retries=1)
def measure(params: Params, workspace: Workspace) -> None:
    """Measure how far answers can be trusted, and write the figures."""
    log = get_run_logger()
    run_isolated(measure_trust, {"params": params.model_dump(mode="json"), "root": str(workspace.root)}, log.info)
    log.info("the tables are in %s", workspace.trust_table)
