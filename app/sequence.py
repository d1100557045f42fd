"""`peptrm sequence`: what is around the sequencing: names into files, signals, and the summary."""

import logging
from collections.abc import Iterator
from pathlib import Path

import typer

from app.logs import is_told_on_screen
from app.progress import Progress
from app.signals import INTERRUPTED, stopped_by_sigterm
from app.standard_input import Format, named_files
from model.inference import Sequencer
from tasks.sequencing import Interrupted, Job, sequence_files
from tasks.spectra_files import spectra_files
from tasks.wording import counted

log = logging.getLogger("peptrm")


def sequence_named(
    names: list[Path],
    output: Path,
    sequencer: Sequencer,
    job: Job,
    *,
    stdin_format: Format,
    force: bool,
    resume: bool,
    quiet: bool,
) -> list[str]:
    """Sequence the spectra of files, globs, folders and the standard input.

    Returns
    -------
    The summary for people, as far as it is not on the screen already.

    Raises
    ------
    InputError, OutputError : as `tasks.sequencing.sequence_files`.
    typer.Exit : it was interrupted; what is left is told.
    """
    log.info("settings: %s", ", ".join(f"{name} {value}" for name, value in job.settings.items()))
    try:
        with named_files(names, stdin_format) as named, Progress(quiet=quiet) as progress, stopped_by_sigterm():
            files = spectra_files(named)
            summary = sequence_files(files, output, sequencer, job, progress, force=force, resume=resume)
    except Interrupted as interrupted:
        for line in _explanation(interrupted, output):
            typer.echo(line, err=True)
        raise typer.Exit(INTERRUPTED) from None
    lines = [*summary.lines(), f"written: {output}"]
    for line in lines:
        log.info(line)
    return [] if quiet or is_told_on_screen() else lines


def _explanation(interrupted: Interrupted, output: Path) -> Iterator[str]:
    """What is left, for people."""
    if interrupted.partial is None:
        yield "interrupted before the first spectra were done; nothing is left"
    else:
        yield f"interrupted; peptides of {counted(interrupted.done, 'spectrum')} done: {interrupted.partial}"
        yield f"the same command with --resume goes on and writes {output}"
