"""Task runners by name: threads, processes, or a Dask or Ray cluster."""

from typing import Any, Literal

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from data.errors import InputError

Runner = Literal["threads", "processes", "dask", "ray"]


def make_runner(name: Runner, workers: int, address: str | None, parameter: str) -> TaskRunner[Any]:
    """The task runner.

    Parameters
    ----------
    workers : tasks at once.
    address : scheduler of an existing Dask or Ray cluster; None: one is started on this machine.
    parameter : by which it was chosen, for the error.

    Raises
    ------
    InputError : its package is not installed.
    """
    runner: TaskRunner[Any]
    try:
        if name == "dask":
            from prefect_dask.task_runners import DaskTaskRunner

            local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
            runner = DaskTaskRunner(address=address) if address else DaskTaskRunner(cluster_kwargs=local)
        elif name == "ray":
            from prefect_ray.task_runners import RayTaskRunner

            runner = RayTaskRunner(address=address) if address else RayTaskRunner(init_kwargs={"num_cpus": workers})
        elif name == "processes":
            runner = ProcessPoolTaskRunner(max_workers=workers)
        else:
            runner = ThreadPoolTaskRunner(max_workers=workers)
    except ImportError as error:
        raise InputError(
            f"the package of the task runner {name} is not installed",
            record=parameter,
            remedy=f"pip install 'peptrm[{name}]'",
        ) from error
    return runner
