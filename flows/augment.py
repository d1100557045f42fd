"""Stage `augment`: validation and test spectra at each noise level."""

from pathlib import Path

from prefect import flow

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.synthetic_data import make_noisy_spectra
from tasks.workspace import Workspace


@flow(name="augment")
def augment(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Validation and test spectra at each noise level."""
    make_noisy_spectra(load_params(params_file, changes), Workspace())


if __name__ == "__main__":
    run_stage(augment)
