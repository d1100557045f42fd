"""`peptrm runs`: trainings as tables for people."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from tasks.runs import Run

runs = typer.Typer(help="List, show and compare trainings.", epilog="Example: peptrm runs list", no_args_is_help=True)

Root = Annotated[Path, typer.Option("--workspace", help="Folder of the pipeline's files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

_ROOT = Path("workspace")
_WIDE = 400
_SHOWN = ("loss", "easy_token_accuracy", "easy_peptide_recall", "hard_token_accuracy", "samples_per_second")


@runs.command("list", epilog="Example: peptrm runs list")
def list_runs(workspace: Root = _ROOT, as_json: AsJson = False) -> None:
    """All trainings, the newest first."""
    from rich.table import Table  # here, for `peptrm --help` is to be quick

    from tasks.runs import find_runs
    from tasks.workspace import Workspace

    found = find_runs(Workspace(workspace))
    if as_json:
        typer.echo(json.dumps([_plain(run) for run in found]))
        return
    table = Table("run", "title", "from", "status", "began", *_SHOWN)
    for run in found:
        began = f"{run.began:%Y-%m-%d %H:%M}" if run.began else ""
        table.add_row(run.name, run.title, run.source, run.status, began, *(_text(run.last(name)) for name in _SHOWN))
    print_table(table)


@runs.command(epilog="Example: peptrm runs show ID")
def show(name: str, workspace: Root = _ROOT, as_json: AsJson = False) -> None:
    """The last value of every metric of a training."""
    from rich.table import Table

    run = _find(workspace, name)
    if as_json:
        typer.echo(json.dumps(_plain(run) | {"curves": run.metrics}))
        return
    table = Table("metric", "first", "best", "last", title=f"{run.title} ({run.status.lower()})")
    for metric, points in sorted(run.metrics.items()):
        values = [value for _, value in points]
        best = min(values) if any(part in metric for part in ("loss", "entropy", "tokens")) else max(values)
        table.add_row(metric, _text(values[0]), _text(best), _text(values[-1]))
    print_table(table)


@runs.command(epilog="Example: peptrm runs compare ID ID")
def compare(names: list[str], workspace: Root = _ROOT, as_json: AsJson = False) -> None:
    """The last values of several trainings side by side."""
    from rich.table import Table

    found = [_find(workspace, name) for name in names]
    if as_json:
        typer.echo(json.dumps([_plain(run) for run in found]))
        return
    table = Table("metric", *(run.title for run in found))
    for metric in sorted({metric for run in found for metric in run.metrics}):
        table.add_row(metric, *(_text(run.last(metric)) for run in found))
    print_table(table)


def _find(workspace: Path, name: str) -> "Run":
    from tasks.runs import find_run
    from tasks.workspace import Workspace

    return find_run(Workspace(workspace), name)


def _plain(run: "Run") -> dict[str, object]:
    return {
        "name": run.name,
        "title": run.title,
        "source": run.source,
        "status": run.status,
        "began": run.began.isoformat() if run.began else None,
        "metrics": dict(_last_values(run)),
    }


def _last_values(run: "Run") -> Iterator[tuple[str, float]]:
    yield from ((name, points[-1][1]) for name, points in run.metrics.items())


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def print_table(table: "Table") -> None:
    """Cut to the terminal's width on a terminal, whole elsewhere."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(table)
