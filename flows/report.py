"""Stage `report`: the page, the headline figures and the curves."""

from prefect import flow

from flows.running import run_stage
from tasks.params import load_params
from tasks.reporting import make_report
from tasks.workspace import Workspace


@flow(name="report")
def report() -> None:
    """Write the report of the last training and cross-validation."""
    make_report(load_params(), Workspace())


if __name__ == "__main__":
    run_stage(report)
