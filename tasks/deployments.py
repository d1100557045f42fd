"""Starts a deployment on a Prefect server that runs already, and leaves it to a worker."""

from dataclasses import dataclass

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.utilities.urls import url_for

from data.errors import PepTRMError

_SERVE = "Run `make serve`, then `export PREFECT_API_URL=http://127.0.0.1:4200/api`"


@dataclass(frozen=True)
class StartedRun:
    """A run that a server has taken.

    Attributes
    ----------
    id : that ``prefect flow-run watch`` and ``logs`` take.
    name : as the server's page shows it.
    page : address of the page.
    pool : of the workers that may run it; None where the deployment has none.
    workers : of the pool, at work now.
    """

    id: str
    name: str
    page: str
    pool: str | None
    workers: int


def start_deployment(name: str) -> StartedRun:
    """Have a deployment run.

    Parameters
    ----------
    name : ``flow/deployment``.

    Raises
    ------
    PepTRMError : no server is named, it does not answer, or it has no such deployment.
    """
    url = PREFECT_API_URL.value()
    if not url:  # else Prefect would start a server of its own, which knows of no deployment and ends with this process
        raise PepTRMError("PREFECT_API_URL names no Prefect server", remedy=_SERVE)
    with get_client(sync_client=True) as client:
        if error := client.api_healthcheck():
            raise PepTRMError(f"the Prefect server at {url} does not answer ({error})", remedy=_SERVE)
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            raise PepTRMError(
                f"the Prefect server at {url} has no deployment {name}",
                remedy="In the project's folder run `make serve`, or `prefect deploy --all` for a server of your own",
            ) from None
        run = client.create_flow_run_from_deployment(deployment.id)
        pool = deployment.work_pool_name
        workers = client.read_workers_for_work_pool(pool) if pool else []
    online = sum(worker.status == "ONLINE" for worker in workers)
    return StartedRun(str(run.id), run.name, url_for(run) or url, pool, online)
