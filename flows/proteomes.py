"""Stage `proteomes`: proteomes of the nine species and of the pre-training peptides."""

from prefect import flow

from flows.running import run_stage
from tasks.params import load_params
from tasks.synthetic_data import make_proteomes
from tasks.workspace import Workspace


@flow(name="proteomes")
def proteomes() -> None:
    """Proteomes of the nine species and of the pre-training peptides."""
    make_proteomes(load_params(), Workspace())


if __name__ == "__main__":
    run_stage(proteomes)
