"""Noise profiles fitted to measured spectra, one an analyser, as a section for params.yaml."""

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows.running import run_stage
from tasks.bridging import fit
from tasks.params import PARAMS_FILE, load_params
from tasks.workspace import Workspace


@flow(name="fit-noise")
def fit_noise(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Read the measured spectra, and fit."""
    params, workspace = load_params(params_file, changes), Workspace()
    fit(params, workspace)
    get_run_logger().info("the profiles are in %s, and their figures beside it", workspace.noise_profiles)


if __name__ == "__main__":
    run_stage(fit_noise)
