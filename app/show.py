"""The verb `peptrm show`: what can be typed."""

from pathlib import Path
from typing import Annotated

import typer

from app.options import Device, Model, Steps


def show(
    file: Annotated[Path, typer.Argument(help="Spectra: MGF, mzML, mzXML, MS2, MSP or Parquet.")],
    spectrum: Annotated[str, typer.Option("--spectrum", "-s", help="Its id, title, scan number, or place from 0.")],
    peptide: Annotated[
        str | None, typer.Option("--peptide", "-p", help="Explain the peaks by this; else by the network's answer.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Ends in .svg or .png; else drawn in the terminal.")
    ] = None,
    mirror: Annotated[bool, typer.Option("--mirror/--no-mirror", help="MS2PIP's prediction below.")] = True,
    tolerance_ppm: Annotated[float, typer.Option("--tolerance-ppm", min=0.01, help="Of fragments.")] = 20.0,
    model: Model = None,
    steps: Steps = None,
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
) -> None:
    """Show a spectrum with the ions of its peptide, and how the network came to it, step by step."""
    from rich.console import Console

    from app.showing import find_spectrum, look_at, printed, save_picture
    from data.writers import check_free, check_output

    if output is not None:
        check_output(output, (".svg", ".png"))
        check_free(output, force)
    view = look_at(
        find_spectrum(file, spectrum),
        peptide,
        model,
        device=device,
        steps=steps,
        mirror=mirror,
        tolerance_ppm=tolerance_ppm,
    )
    console = Console()
    for part in printed(view, console.width, chart=output is None):
        console.print(part, highlight=False)
    if output is not None:
        save_picture(view, output)
        typer.echo(f"written: {output}", err=True)
