"""Stage `report`: the page, the headline figures and the curves."""

from pathlib import Path

from prefect import flow

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.reporting import make_report
from tasks.workspace import Workspace


@flow(name="report")
def report(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Write the report of the last training and cross-validation."""
    make_report(load_params(params_file, changes), Workspace())


if __name__ == "__main__":
    run_stage(report)
