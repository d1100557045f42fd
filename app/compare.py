"""The verb `peptrm compare`: what can be typed."""

from pathlib import Path
from typing import Annotated

import typer

from app.convert import FixedByTheTool, MaxQ, TolerancePpm
from app.options import Quiet


def compare(
    predictions: Annotated[Path, typer.Argument(help="mzTab or table of predicted peptides.")],
    identifications: Annotated[
        Path, typer.Argument(help="What a search engine, or another model, found in the same spectra.")
    ],
    spectra: Annotated[
        list[Path], typer.Option("--spectra", help="That both are of; names, globs, or a folder. Repeatable.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Ends in .html or .tsv.")],
    figures: Annotated[int, typer.Option(min=0, help="Disagreements that the page draws.")] = 12,
    novel_probability: Annotated[
        float, typer.Option("--novel-probability", min=0, max=1, help="Least probability of a novel peptide.")
    ] = 0.9,
    max_q: MaxQ = 0.01,
    tolerance_ppm: TolerancePpm = 20.0,
    fixed: FixedByTheTool = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare predicted peptides with identified ones: agreement, novel peptides, disagreements."""
    from app.comparing import compare_files
    from app.progress import Progress
    from data.identifications import JoinSettings
    from tasks.spectra_files import spectra_files

    settings = JoinSettings(max_q, tolerance_ppm, JoinSettings.fixed if fixed is None else tuple(fixed))
    with Progress(quiet=quiet) as progress:
        lines = compare_files(
            predictions,
            identifications,
            spectra_files(spectra),
            output,
            settings,
            figures=figures,
            novel_probability=novel_probability,
            force=force,
            progress=progress,
        )
    progress.say((*lines, f"written: {output}"))
