"""Prefect task of the batch flow: one file, in a process of its own, which a retry goes on with."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from data.errors import InputError
from tasks.folder_sequencing import sequence_one
from tasks.isolation import run_isolated


def _may_be_better_next_time(task: Any, task_run: Any, state: State[Any]) -> bool:
    """A file that cannot be read stays so."""
    return not isinstance(state.result(raise_on_failure=False), InputError)


@task(
    name="sequence-file",
    task_run_name="sequence {file}",
    cache_policy=NO_CACHE,
    retry_condition_fn=_may_be_better_next_time,
)
def sequence_file(file: str, output: str, model: str, device: str, steps: int | None) -> dict[str, Any]:
    """Sequence a file; arguments are plain values, for they travel to processes and clusters.

    Returns
    -------
    The file's row of the report.
    """
    log = get_run_logger()
    arguments = {"file": file, "output": output, "model": model, "device": device, "steps": steps}
    found: dict[str, Any] = run_isolated(sequence_one, arguments, lambda line: log.info("%s: %s", file, line))
    return found
