"""What can be done with a model beside sequencing: `peptrm export` and `peptrm info`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

models = typer.Typer()


@models.command(epilog="Example: peptrm export workspace/models/pretrained -o small --precision bf16")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a network, or base or small.", metavar="MODEL")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")],
    precision: Annotated[
        Literal["bf16", "fp32"], typer.Option(help="Of the weights; bf16 halves the file, fp32 copies them.")
    ] = "bf16",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a model in the output.")] = False,
) -> None:
    """Write a network as one safetensors file and its configuration, for `--model` anywhere."""
    from model.export import export_network
    from tasks.models import chosen_model

    size = export_network(chosen_model(folder), output, precision, force=force)
    typer.echo(f"written: {output}, {size / 1e6:.2f} MB in {precision}", err=True)


@models.command(epilog="Example: peptrm info --model workspace/models/pretrained")
def info(
    model: Annotated[
        Path | None, typer.Option(help="Folder or name of a network; else the one that `peptrm sequence` uses.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell what a model is, and what this machine offers it."""
    from app.information import as_text, machine_card, model_card
    from data.errors import InputError
    from tasks.models import chosen_model

    try:
        card = model_card(chosen_model(model))
    except InputError as error:
        if model is not None:
            raise
        card = {"model": str(error)}
    cards = {"model": card, "machine": machine_card()}
    typer.echo(json.dumps(cards) if as_json else "\n".join(as_text(cards)))
