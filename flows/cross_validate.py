"""Stage `cross_validate`: a fold a species as parallel tasks; finished folds are kept, failed ones reported."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.task_runners import TaskRunner

from data.errors import PepTRMError
from flows.runners import make_runner
from flows.running import run_stage
from tasks.cross_validate import cross_validate_fold, forget_other_folds, is_finished, write_failure
from tasks.cross_validation_run import open_parent_run
from tasks.params import PARAMS_FILE, CrossValidationSettings, load_params
from tasks.provenance import fold_inputs_hash
from tasks.tracking import Tracker
from tasks.workspace import Workspace


@flow(name="cross-validate")
def cross_validate(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Train and test every fold.

    Raises
    ------
    PepTRMError : folds failed; all others have finished and are kept.
    """
    params, workspace = load_params(params_file, changes), Workspace()
    folds = params.cross_validation
    tracker = Tracker(workspace)
    inputs = {species.slug: fold_inputs_hash(params, workspace, species.slug) for species in params.species}
    parent = open_parent_run(tracker, params, workspace, inputs)
    forget_other_folds(workspace, set(inputs))
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


def run(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Run the flow on the task runner that the parameters choose."""
    runner = task_runner(load_params(params_file, changes).cross_validation)
    cross_validate.with_options(task_runner=runner)(params_file, changes)


def task_runner(settings: CrossValidationSettings) -> TaskRunner[Any]:
    """The task runner of the parameters.

    Raises
    ------
    InputError : its package is not installed.
    """
    workers, address = settings.parallel_folds, settings.runner_address
    return make_runner(settings.runner, workers, address, "cross_validation.runner")


if __name__ == "__main__":
    run_stage(run)
