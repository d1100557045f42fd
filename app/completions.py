"""`peptrm completions`: the script that lets a shell complete verbs and options."""

import os
from typing import Annotated, Literal

import typer

completions = typer.Typer()

_PROGRAM = "peptrm"
_ASKED = f"_{_PROGRAM.upper()}_COMPLETE"


def answer_shell() -> None:
    """Make ready to answer where it is a shell that calls the command, to complete a line."""
    if _ASKED in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()


@completions.command(
    "completions", epilog="Example: peptrm completions bash > ~/.local/share/bash-completion/completions/peptrm"
)
def print_completions(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.")]) -> None:
    """Print the script that lets a shell complete verbs and options."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name=_PROGRAM, complete_var=_ASKED, shell=shell)
    typer.echo(script)
