"""Stage `peptides`: proteomes into the peptide table."""

from prefect import flow

from flows.running import run_stage
from tasks.params import load_params
from tasks.synthetic_data import make_peptides
from tasks.workspace import Workspace


@flow(name="peptides")
def peptides() -> None:
    """Proteomes into the peptide table."""
    make_peptides(load_params(), Workspace())


if __name__ == "__main__":
    run_stage(peptides)
