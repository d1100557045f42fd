"""The verb `peptrm convert`: what can be typed."""

from pathlib import Path
from typing import Annotated

import typer

from app.options import MinProbability, Quiet

Identifications = Annotated[
    Path | None,
    typer.Option(
        "--identifications",
        "-i",
        help="Annotate with these: msms.txt, evidence.txt, _PSMs.txt, psm.tsv, pepXML, Sage, Percolator, mzIdentML …",
    ),
]
MaxQ = Annotated[float, typer.Option("--max-q", min=0, max=1, help="Highest q-value of an identification.")]
TolerancePpm = Annotated[
    float, typer.Option("--tolerance-ppm", min=0.01, help="By which an identified peptide may differ in mass.")
]
FixedByTheTool = Annotated[
    list[str] | None,
    typer.Option(
        "--fixed",
        help="Fixed modification that the tool does not write, TMT6plex:K; else Carbamidomethyl:C. Repeatable.",
    ),
]


def convert(
    files: Annotated[
        list[Path],
        typer.Argument(help="Spectra, or predicted peptides; names, globs, or a folder of spectra.", metavar="FILE..."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Its ending chooses the format.")],
    identifications: Identifications = None,
    spectra: Annotated[
        list[Path] | None, typer.Option("--spectra", help="Of predicted peptides, for .mgf and .msp. Repeatable.")
    ] = None,
    max_q: MaxQ = 0.01,
    tolerance_ppm: TolerancePpm = 20.0,
    fixed: FixedByTheTool = None,
    min_probability: MinProbability = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write spectra (.mgf, .parquet, .msp), annotated or not, or predicted peptides in another format."""
    from app.conversion import convert_identified, convert_predictions, convert_spectra
    from app.progress import Progress
    from data.errors import InputError
    from data.identifications import JoinSettings
    from data.prediction_files import is_prediction_file
    from tasks.spectra_files import spectra_files

    files = spectra_files(files)
    spectra = spectra_files(spectra or ())
    predicted = [is_prediction_file(file) for file in files]
    if any(predicted) and (not all(predicted) or identifications):
        raise InputError(
            "predicted peptides are converted alone",
            path=files[predicted.index(True)],
            remedy="Give spectra in a run of its own, or use `peptrm compare`",
        )
    with Progress(quiet=quiet) as progress:
        if all(predicted):
            done = convert_predictions(files, spectra, output, min_probability=min_probability, force=force)
        elif identifications:
            settings = JoinSettings(max_q, tolerance_ppm, JoinSettings.fixed if fixed is None else tuple(fixed))
            done = convert_identified(files, identifications, output, settings, force=force, progress=progress)
        else:
            done = convert_spectra(files, output, force=force, progress=progress)
    progress.say((*done.lines(), f"written: {output}"))
