"""Stage `cross_validate`: nine folds as parallel tasks; finished folds are kept, failed ones reported."""

from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from data.errors import InputError, PepTRMError
from data.proteomes import SPECIES
from flows.running import run_stage
from tasks.cross_validate import cross_validate_fold, is_finished, write_failure
from tasks.cross_validation_run import open_parent_run
from tasks.params import CrossValidationSettings, load_params
from tasks.provenance import fold_inputs_hash
from tasks.tracking import Tracker
from tasks.workspace import Workspace


@flow(name="cross-validate")
def cross_validate() -> None:
    """Train and test every fold.

    Raises
    ------
    PepTRMError : folds failed; all others have finished and are kept.
    """
    params, workspace = load_params(), Workspace()
    folds = params.cross_validation
    tracker = Tracker(workspace)
    inputs = {species.slug: fold_inputs_hash(params, workspace, species.slug) for species in SPECIES}
    parent = open_parent_run(tracker, params, workspace, inputs)
    values = params.model_dump(mode="json")
    futures = {}
    for species, inputs_hash in inputs.items():
        # A cached result whose files are gone or changed is worth nothing.
        fresh = is_finished(workspace, species, inputs_hash)
        fold = cross_validate_fold.with_options(
            retries=folds.retries, retry_delay_seconds=folds.retry_delay_s, refresh_cache=not fresh
        )
        futures[species] = fold.submit(values, str(workspace.root), species, inputs_hash, parent)
    failed = _collect(futures, workspace)
    tracker.close_run(parent, failed=bool(failed))
    if failed:
        raise PepTRMError(
            f"{len(failed)} of {len(futures)} folds failed: {', '.join(failed)}",
            remedy="The others are kept; correct the cause above and run again",
        )


def _collect(futures: dict[str, PrefectFuture[dict[str, float]]], workspace: Workspace) -> list[str]:
    """Wait for all folds, show their figures, and report those that failed."""
    log = get_run_logger()
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for species, future in futures.items():
        future.wait()
        state = future.state
        if state.is_completed():
            metrics = future.result()
            rows.append({"species": species, "state": str(state.name)} | metrics)
            log.info("%s: %s, peptide recall %.3f", species, state.type.value.lower(), metrics["peptide_recall"])
        else:
            error = str(future.result(raise_on_failure=False))
            failed.append(species)
            rows.append({"species": species, "state": state.name, "error": error})
            write_failure(workspace, species, error)
            log.error("%s failed: %s", species, error)
    create_table_artifact(table=rows, key="nine-species-folds", description="Folds of the cross-validation")
    return failed


def run() -> None:
    """Run the flow on the task runner that the parameters choose."""
    cross_validate.with_options(task_runner=task_runner(load_params().cross_validation))()


def task_runner(settings: CrossValidationSettings) -> TaskRunner[Any]:
    """The task runner of the parameters.

    Raises
    ------
    InputError : its package is not installed.
    """
    workers, address = settings.parallel_folds, settings.runner_address
    runner: TaskRunner[Any]
    try:
        if settings.runner == "dask":
            from prefect_dask.task_runners import DaskTaskRunner

            local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
            runner = DaskTaskRunner(address=address) if address else DaskTaskRunner(cluster_kwargs=local)
        elif settings.runner == "ray":
            from prefect_ray.task_runners import RayTaskRunner

            runner = RayTaskRunner(address=address) if address else RayTaskRunner(init_kwargs={"num_cpus": workers})
        elif settings.runner == "processes":
            runner = ProcessPoolTaskRunner(max_workers=workers)
        else:
            runner = ThreadPoolTaskRunner(max_workers=workers)
    except ImportError as error:
        raise InputError(
            f"the package of the task runner {settings.runner} is not installed",
            record="cross_validation.runner",
            remedy=f"pip install 'peptrm[{settings.runner}]'",
        ) from error
    return runner


if __name__ == "__main__":
    run_stage(run)
