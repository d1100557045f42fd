"""The reference of the command line, made from the code: `python -m app.reference` writes docs/cli.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from app.main import app
from data.atomic import write_atomically

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"

_PROGRAM = "peptrm"
_HEAD = """# Command line

Made from the code by `python -m app.reference`. Exit status: 0 done, 2 bad input, 1 any other failure, 130 Ctrl-C.
"""


def reference() -> str:
    """The page."""
    command = get_command(app)
    return _HEAD + "".join(f"\n{line}" for line in _section(command, _PROGRAM, None))


def _section(command: Any, words: str, parent: Any) -> Iterator[str]:
    context = command.context_class(command, info_name=words, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## {words}\n"
    yield f"{command.help}\n"
    yield f"```\n{words} {usage}\n```\n"
    if command.epilog:
        yield f"{command.epilog.replace('Example: ', 'Example: `', 1)}`\n"
    rows = [record for option in command.get_params(context) if (record := option.get_help_record(context))]
    if rows:
        yield "| option | meaning |\n|---|---|\n" + "".join(
            f"| `{_cell(name)}` | {_cell(text)} |\n" for name, text in rows
        )
    for name in sorted(getattr(command, "commands", {})):
        yield from _section(command.commands[name], f"{words} {name}", None)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    write_atomically(PAGE, reference().encode())
