"""The command `peptrm`: what can be typed, and how errors end. Heavy imports wait until a verb needs them."""

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from app.compare import compare
from app.completions import answer_shell, completions
from app.convert import convert
from app.datasets import download, import_sets
from app.help import help_page
from app.logs import set_up_logging
from app.model_verbs import models
from app.options import (
    BatchSize,
    By,
    Database,
    Decoding,
    Device,
    Ensemble,
    Enzyme,
    Fdr,
    FdrBy,
    Files,
    FilesOrStdin,
    Fixed,
    Force,
    IsotopeErrors,
    LogFile,
    MaxModifications,
    MinProbability,
    MissedCleavages,
    Model,
    Modification,
    Open,
    Output,
    PeptideScore,
    PrecursorTolerance,
    Quiet,
    ResidueSource,
    Resume,
    StdinFormat,
    Steps,
    Threads,
    Verbose,
)
from app.pipeline import Params, Set, pipeline
from app.runs import runs
from app.serve import serve
from app.show import show
from app.signals import INTERRUPTED
from data.errors import PepTRMError
from tasks.models import TRAINED

app = typer.Typer(
    name="peptrm",
    help="Peptides from tandem mass spectra, without a protein database.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(runs, name="runs")
app.command(epilog="Example: peptrm download proteometools --subset")(download)
app.command(name="import", epilog="Example: peptrm import proteometools --subset")(import_sets)
app.command(epilog="Example: peptrm convert run.mzML --identifications msms.txt -o annotated.mgf")(convert)
app.command(epilog="Example: peptrm show run.mzML --spectrum 17 -o spectrum.svg")(show)
app.command(epilog="Example: peptrm compare run.mztab msms.txt --spectra run.mzML -o report.html")(compare)
app.add_typer(pipeline)
app.add_typer(models)
app.add_typer(completions)
app.command(epilog="Example: peptrm serve --port 8000, then open http://127.0.0.1:8000/")(serve)


@app.callback()
def common(
    verbose: Verbose = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Peptides from tandem mass spectra, without a protein database."""
    set_up_logging(verbose=verbose, quiet=False, log_file=None)


@app.command(epilog="Example: peptrm sequence run.mzML -o run.mztab")
def sequence(
    files: FilesOrStdin,
    output: Output,
    model: Model = None,
    steps: Steps = None,
    device: Device = "auto",
    threads: Threads = None,
    batch_size: BatchSize = "auto",
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
    min_probability: MinProbability = None,
    stdin_format: StdinFormat = "mgf",
    force: Force = False,
    resume: Resume = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Read a peptide from every spectrum."""
    set_up_logging(verbose=verbose, quiet=quiet, log_file=log_file)
    from data.writers.output import check_free, check_output

    check_output(output)  # a wrong name is told before torch and the model are loaded
    check_free(output, force or resume)
    from app.sequence import sequence_named
    from app.sequencer import make_sequencer
    from tasks.models import chosen_model
    from tasks.sequencing import Job, is_complete, model_identity

    if resume and not force and is_complete(output):
        typer.echo(f"is complete already: {output}", err=True)
        return
    settings: dict[str, Any] = {
        "modification": modification,
        "fixed": fixed,
        "max_modifications": max_modifications,
        "open_search": open_search,
        "decoding": decoding,
        "precursor_tolerance_ppm": precursor_tolerance_ppm,
        "isotope_errors": isotope_errors,
        "residue_confidence": residue_confidence,
        "peptide_confidence": peptide_confidence,
        "ensemble": ensemble,
        "database": database,
        "enzyme": enzyme,
        "missed_cleavages": missed_cleavages,
    }
    model = chosen_model(model)
    sequencer = make_sequencer(model, device=device, threads=threads, batch_size=batch_size, **settings)
    described = {"model": model_identity(model)} | {name: str(value) for name, value in settings.items()}
    name = database.name if database else "null"
    job = Job(steps=steps, fdr=fdr, fdr_by=fdr_by, min_probability=min_probability, database=name, settings=described)
    lines = sequence_named(
        files, output, sequencer, job, stdin_format=stdin_format, force=force, resume=resume, quiet=quiet
    )
    for line in lines:
        typer.echo(line, err=True)


@app.command(epilog="Example: peptrm evaluate annotated.mgf --json")
def evaluate(
    files: Files,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    by: By = None,
    model: Model = None,
    steps: Steps = None,
    device: Device = "auto",
    threads: Threads = None,
    batch_size: BatchSize = "auto",
    modification: Modification = None,
    fixed: Fixed = None,
    max_modifications: MaxModifications = None,
    open_search: Open = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Compare with the peptides that the spectra are annotated with."""
    set_up_logging(verbose=verbose, quiet=quiet, log_file=log_file)
    from app.evaluate import as_text, evaluate_files, groupings
    from app.progress import Progress
    from app.sequencer import make_sequencer
    from tasks.spectra_files import spectra_files

    groups = groupings(by)
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
        result = evaluate_files(spectra_files(files), sequencer, steps=steps, progress=progress, by=groups)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo("\n".join(as_text(result)))


@app.command(epilog="Example: peptrm calibrate annotated.mgf --model DIR")
def calibrate(
    files: Files,
    model: Annotated[Path, typer.Option(help="Folder of the network; the calibration is written into it.")] = TRAINED,
    device: Device = "auto",
    threads: Threads = None,
    batch_size: BatchSize = "auto",
    seed: Annotated[int, typer.Option(help="Of the spurious spectra that teach what an outlier is.")] = 20260101,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Fit the model's probabilities to annotated spectra of your own, which it was not trained on."""
    set_up_logging(verbose=verbose, quiet=quiet, log_file=log_file)
    from app.calibrate import calibrate_files
    from app.progress import Progress
    from app.sequencer import make_sequencer
    from tasks.spectra_files import spectra_files

    sequencer = make_sequencer(model, device=device, threads=threads, batch_size=batch_size, calibrated=False)
    with Progress(quiet=quiet) as progress:
        lines = calibrate_files(spectra_files(files), sequencer, model, seed, progress)
    if not quiet:
        for line in lines:
            typer.echo(line, err=True)


@app.command(epilog="Example: peptrm recipe -o recipe.json; python -m model recipe.json --shards … --folder …")
def recipe(
    output: Annotated[Path, typer.Option("--output", "-o", help="A JSON file.")],
    params: Params = Path("params.yaml"),
    changes: Set = None,
) -> None:
    """Write the training of the parameters as one file, for a machine that has torch, numpy and pyarrow alone."""
    from data.atomic import write_atomically
    from tasks.params import load_params
    from tasks.training import pretraining_recipe

    write_atomically(
        output, (json.dumps(pretraining_recipe(load_params(params, changes or ())).as_json(), indent=1) + "\n").encode()
    )


def main() -> None:
    """Run the command; leave with 0, with 2 for bad input, 1 for a failure, 130 for Ctrl-C."""
    debug = "--debug" in sys.argv
    answer_shell()
    if "--help" in sys.argv and (page := help_page(get_command(app), "peptrm", sys.argv[1:])):
        typer.echo(page)
        sys.exit(0)
    try:
        status = app(prog_name="peptrm", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
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
