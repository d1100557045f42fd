"""The pipeline's steps as verbs: `synthesize`, `augment`, `train`, `cv`, `report`, and `params`, which they all read.

Each runs the flows that DVC's stages run, in processes of their own. DVC alone knows what is stale: `dvc repro` runs
only that.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from data.errors import InputError

pipeline = typer.Typer()

DEPLOYMENT = "nine-species-cv/nine-species-cv"

Params = Annotated[Path, typer.Option("--params", help="The parameter file, the pipeline's own.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="In the place of what the file says. Can be repeated.", metavar="SECTION.KEY=VALUE"),
]

_PARAMS = Path("params.yaml")


@pipeline.command(epilog="Example: peptrm synthesize --set synthesis.collision_energy=27")
def synthesize(params: Params = _PARAMS, changes: Set = None) -> None:
    """Predict spectra: proteomes, their peptides, and MS2PIP's spectra of these into shards."""
    _run_flows(["proteomes", "peptides", "synthesize"], params, changes)


@pipeline.command(epilog="Example: peptrm augment --set noise.noise_peaks=60")
def augment(params: Params = _PARAMS, changes: Set = None) -> None:
    """Write noisy copies of the validation and test spectra, one a level."""
    _run_flows(["augment"], params, changes)


@pipeline.command(epilog="Example: peptrm train --set training.batch_size=64 --set training.stages=progressive_length")
def train(params: Params = _PARAMS, changes: Set = None) -> None:
    """Train the network, and the plain recursion to compare it with."""
    _run_flows(["train"], params, changes)


@pipeline.command(epilog="Example: peptrm cv --set cross_validation.parallel_folds=4; peptrm cv --deployed")
def cv(
    params: Params = _PARAMS,
    changes: Set = None,
    deployed: Annotated[
        bool,
        typer.Option(
            "--deployed", help=f"Start the Prefect deployment {DEPLOYMENT}, the whole pipeline, on a running server."
        ),
    ] = False,
) -> None:
    """Train and test nine networks, each without one species."""
    if not deployed:
        _run_flows(["cross_validate"], params, changes)
        return
    if changes or params != _PARAMS:
        raise InputError(
            "the deployment reads params.yaml where its worker runs",
            record="--deployed",
            remedy="Change that file, or leave out --deployed",
        )
    from tasks.deployments import start_deployment

    run = start_deployment(DEPLOYMENT)
    typer.echo(f"started: {run.name}, {run.page}")
    if run.pool and not run.workers:
        typer.echo(f"it waits for a worker: prefect worker start --pool {run.pool}")
    typer.echo(f"wait for its end: prefect flow-run watch {run.id}")
    typer.echo(f"its log:          prefect flow-run logs {run.id}")


@pipeline.command(epilog="Example: peptrm report --set evaluation.sample_spectra=12")
def report(params: Params = _PARAMS, changes: Set = None) -> None:
    """Measure how far answers can be trusted, and write workspace/reports/report.html."""
    _run_flows(["trust", "report"], params, changes)


@pipeline.command(epilog="Example: peptrm params --set training.batch_size=64 > mine.yaml")
def params(params: Params = _PARAMS, changes: Set = None) -> None:
    """Print the parameters as they take effect, checked, each with its comment."""
    from tasks.params import load_params, params_text

    load_params(params, changes or ())
    typer.echo(params_text(params, changes or ()), nl=False)


def _run_flows(names: list[str], params: Path, changes: list[str] | None) -> None:
    """Run flows one after the other and leave with the status of the first that fails; the last takes this process.

    Raises
    ------
    InputError : the parameters are wrong; found out here, before Prefect's seconds.
    """
    from tasks.params import load_params

    load_params(params, changes or ())
    words = ["--params", str(params), *(word for change in changes or () for word in ("--set", change))]
    *first, last = ([sys.executable, "-m", f"flows.{name}", *words] for name in names)
    for command in first:
        if status := subprocess.run(command, check=False).returncode:
            raise typer.Exit(status)
    os.execv(sys.executable, last)
