"""Stage `synthesize`: peptides into predicted spectra."""

from pathlib import Path

from prefect import flow

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.synthetic_data import make_spectra
from tasks.workspace import Workspace


@flow(name="synthesize")
def synthesize(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Peptides into predicted spectra."""
    make_spectra(load_params(params_file, changes), Workspace())


if __name__ == "__main__":
    run_stage(synthesize)
