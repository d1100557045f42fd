"""Stage `proteomes`: proteomes of the nine species and of the pre-training peptides."""

from pathlib import Path

from prefect import flow

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.synthetic_data import make_proteomes
from tasks.workspace import Workspace


@flow(name="proteomes")
def proteomes(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Proteomes of the nine species and of the pre-training peptides."""
    make_proteomes(load_params(params_file, changes), Workspace())


if __name__ == "__main__":
    run_stage(proteomes)
