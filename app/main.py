"""The command `peptrm`: what can be typed, and how errors end. Heavy imports wait until a verb needs them."""

import json
import logging
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from app.options import (
    BatchSize,
    Database,
    Decoding,
    Device,
    Ensemble,
    Enzyme,
    Fdr,
    FdrBy,
    Files,
    Fixed,
    IsotopeErrors,
    MaxModifications,
    MissedCleavages,
    Model,
    Modification,
    Open,
    PeptideScore,
    PrecursorTolerance,
    Quiet,
    ResidueSource,
    Steps,
    Threads,
)
from app.runs import runs
from data.errors import PepTRMError

app = typer.Typer(
    name="peptrm",
    help="Peptides from tandem mass spectra, without a protein database.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DEFAULT_MODEL = Path("workspace/models/pretrained")


app.add_typer(runs, name="runs")


@app.callback()
def common(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Peptides from tandem mass spectra, without a protein database."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s")
    context.obj = {"debug": debug}


@app.command(epilog="Example: peptrm sequence run.mzML -o run.mztab")
def sequence(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", help="Ends in .mztab, .tsv, .csv or .parquet.")],
    model: Model = DEFAULT_MODEL,
    steps: Steps = None,
    device: Device = "cpu",
    threads: Threads = None,
    batch_size: BatchSize = 128,
    modification: Modification = None,
    fixed: Fixed = None,
    max_modifications: MaxModifications = None,
    open_search: Open = False,
    decoding: Decoding = "exact",
    precursor_tolerance_ppm: PrecursorTolerance = None,
    isotope_errors: IsotopeErrors = 0,
    residue_confidence: ResidueSource = None,
    peptide_confidence: PeptideScore = "calibrated",
    ensemble: Ensemble = None,
    database: Database = None,
    enzyme: Enzyme = "trypsin",
    missed_cleavages: MissedCleavages = 2,
    fdr: Fdr = None,
    fdr_by: FdrBy = "probability",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
    quiet: Quiet = False,
) -> None:
    """Read a peptide from every spectrum."""
    from app.progress import Progress
    from app.sequence import sequence_files
    from app.sequencer import make_sequencer

    sequencer = make_sequencer(
        model,
        device=device,
        threads=threads,
        batch_size=batch_size,
        modification=modification,
        fixed=fixed,
        max_modifications=max_modifications,
        open_search=open_search,
        decoding=decoding,
        precursor_tolerance_ppm=precursor_tolerance_ppm,
        isotope_errors=isotope_errors,
        residue_confidence=residue_confidence,
        peptide_confidence=peptide_confidence,
        ensemble=ensemble,
        database=database,
        enzyme=enzyme,
        missed_cleavages=missed_cleavages,
    )
    with Progress(quiet=quiet) as progress:
        summary = sequence_files(
            files,
            output,
            sequencer,
            steps=steps,
            fdr=fdr,
            fdr_by=fdr_by,
            database=database.name if database else "null",
            force=force,
            progress=progress,
        )
    if not quiet:
        for line in (*summary.lines(), f"written: {output}"):
            typer.echo(line, err=True)


@app.command(epilog="Example: peptrm evaluate annotated.mgf --json")
def evaluate(
    files: Files,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    model: Model = DEFAULT_MODEL,
    steps: Steps = None,
    device: Device = "cpu",
    threads: Threads = None,
    batch_size: BatchSize = 128,
    modification: Modification = None,
    fixed: Fixed = None,
    max_modifications: MaxModifications = None,
    open_search: Open = False,
    quiet: Quiet = False,
) -> None:
    """Compare with the peptides that the spectra are annotated with."""
    from app.evaluate import as_text, evaluate_files
    from app.progress import Progress
    from app.sequencer import make_sequencer

    sequencer = make_sequencer(
        model,
        device=device,
        threads=threads,
        batch_size=batch_size,
        modification=modification,
        fixed=fixed,
        max_modifications=max_modifications,
        open_search=open_search,
    )
    with Progress(quiet=quiet) as progress:
        result = evaluate_files(files, sequencer, steps=steps, progress=progress)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo("\n".join(as_text(result)))


@app.command(epilog="Example: peptrm calibrate annotated.mgf --model DIR")
def calibrate(
    files: Files,
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
    threads: Threads = None,
    batch_size: BatchSize = 128,
    seed: Annotated[int, typer.Option(help="Of the spurious spectra that teach what an outlier is.")] = 20260101,
    quiet: Quiet = False,
) -> None:
    """Fit the model's probabilities to annotated spectra of your own, which it was not trained on."""
    from app.calibrate import calibrate_files
    from app.progress import Progress
    from app.sequencer import make_sequencer

    sequencer = make_sequencer(model, device=device, threads=threads, batch_size=batch_size, calibrated=False)
    with Progress(quiet=quiet) as progress:
        lines = calibrate_files(files, sequencer, model, seed, progress)
    if not quiet:
        for line in lines:
            typer.echo(line, err=True)


@app.command(epilog="Example: peptrm recipe -o recipe.json; python -m model recipe.json --shards … --folder …")
def recipe(
    output: Annotated[Path, typer.Option("--output", "-o", help="A JSON file.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Write the training of the parameters as one file, for a machine that has torch, numpy and pyarrow alone."""
    from data.atomic import write_atomically
    from tasks.params import load_params
    from tasks.training import pretraining_recipe

    write_atomically(output, (json.dumps(pretraining_recipe(load_params(params)).as_json(), indent=1) + "\n").encode())


def main() -> None:
    """Run the command; leave with 0, with 2 for bad input, 1 for a failure, 130 for Ctrl-C."""
    debug = "--debug" in sys.argv
    try:
        status = app(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        _explain(error, debug)


def _explain(error: Exception, debug: bool) -> None:
    """One line for an error that a user can understand; the traceback when asked for."""
    if debug:
        traceback.print_exc()
    if isinstance(error, PepTRMError):
        print(f"peptrm: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    show = getattr(error, "show", None)
    if show is not None:
        show()
        sys.exit(2)
    print(f"peptrm: {type(error).__name__}: {error}. Run again with --debug for the traceback.", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
