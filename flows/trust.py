"""Stage `trust`: how far the pre-trained network's answers can be trusted, measured on unseen peptides."""

from pathlib import Path

from prefect import flow

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.trusting import measure
from tasks.workspace import Workspace


@flow(name="trust")
def trust(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Measure decoding, calibration, false discoveries and outliers."""
    measure(load_params(params_file, changes), Workspace())


if __name__ == "__main__":
    run_stage(trust)
