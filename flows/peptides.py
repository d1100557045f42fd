"""Stage `peptides`: proteomes into the peptide table."""

from pathlib import Path

from prefect import flow

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.synthetic_data import make_peptides
from tasks.workspace import Workspace


@flow(name="peptides")
def peptides(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Proteomes into the peptide table."""
    make_peptides(load_params(params_file, changes), Workspace())


if __name__ == "__main__":
    run_stage(peptides)
