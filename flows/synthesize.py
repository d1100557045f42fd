"""Stage `synthesize`: peptides into predicted spectra."""

from prefect import flow

from flows.running import run_stage
from tasks.params import load_params
from tasks.synthetic_data import make_spectra
from tasks.workspace import Workspace


@flow(name="synthesize")
def synthesize() -> None:
    """Peptides into predicted spectra."""
    make_spectra(load_params(), Workspace())


if __name__ == "__main__":
    run_stage(synthesize)
