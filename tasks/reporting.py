"""Prefect task of the report stage: measure both networks by step, write the page, attach it to the runs."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.cross_validation_run import recorded_run
from tasks.isolation import run_isolated
from tasks.params import Params
from tasks.provenance import provenance
from tasks.report import write_report
from tasks.tracking import Tracker
from tasks.training import measure_recursion
from tasks.workspace import Workspace


@task(name="report", cache_policy=NO_CACHE)
def make_report(params: Params, workspace: Workspace) -> None:
    """Write the report page and its figures."""
    log = get_run_logger()
    arguments = {"params": params.model_dump(mode="json"), "root": str(workspace.root)}
    run_isolated(measure_recursion, arguments, log.info)
    page = write_report(workspace.root, params, provenance(params, workspace))
    run = recorded_run(workspace).get("run")
    if run:
        Tracker(workspace).artifact(run, page)
    log.info("report: %s", page)
