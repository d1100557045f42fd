"""The network that is shipped: corpus, predicted spectra, training, fine-tuning, a smaller one.

``python -m flows.pretrain``, with the parameters of ``profiles/base.yaml``. An interrupted run goes on where it was.
"""

from pathlib import Path

from prefect import flow

from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.pretrain import distill_network, fine_tune_network, make_corpus, make_corpus_spectra, pretrain_network
from tasks.workspace import Workspace


@flow(name="pretrain")
def pretrain(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Walk the steps in order."""
    params, workspace = load_params(params_file, changes), Workspace()
    make_corpus(params, workspace)
    make_corpus_spectra(params, workspace)
    pretrain_network(params, workspace)
    fine_tune_network(params, workspace)
    distill_network(params, workspace)


if __name__ == "__main__":
    run_stage(pretrain)
