"""`peptrm download` and `peptrm import`: public data sets, and annotated files, into the workspace."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.options import Quiet
from data.errors import InputError

if TYPE_CHECKING:
    from data.download import OnProgress
    from data.sources import DataSet

Mirror = Annotated[
    str | None,
    typer.Option(
        envvar="PEPTRM_MIRROR", help="Take the files from this folder or address instead, which holds all of them."
    ),
]
Subset = Annotated[bool, typer.Option("--subset", help="Only a small part of each large set.")]
Root = Annotated[Path, typer.Option("--workspace", help="Folder of the pipeline's files.")]

_ROOT = Path("workspace")


def download(
    names: Annotated[list[str] | None, typer.Argument(help="Data sets of --list.", metavar="NAME...")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show the data sets that are known.")] = False,
    subset: Subset = False,
    mirror: Mirror = None,
    folder: Annotated[
        Path | None, typer.Option(help="Of the files, itself a mirror; else raw/sets in the workspace.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=16, help="Files at once.")] = 4,
    workspace: Root = _ROOT,
    quiet: Quiet = False,
) -> None:
    """Fetch public data sets, compared with their checksums; what broke off is continued."""
    from data.download import download as fetch_sets
    from data.sources import load_registry
    from tasks.workspace import Workspace

    registry = load_registry()
    if show_list:
        _show(registry.sets)
        return
    if not names:
        raise InputError("no data set is named", remedy="Name some of peptrm download --list")
    target = folder or Workspace(workspace).downloads
    with progress_of_files(quiet=quiet) as on_progress:
        found = fetch_sets(
            [registry.find(name) for name in dict.fromkeys(names)],
            target,
            subset=subset,
            mirror=mirror,
            jobs=jobs,
            on_progress=on_progress,
        )
    if not quiet:
        for each in found:
            typer.echo(f"{target / each.path}: {each.bytes} bytes, compared with {each.checked}", err=True)


def import_sets(
    names: Annotated[
        list[str],
        typer.Argument(help="Data sets of peptrm download --list, or annotated files.", metavar="NAME_OR_FILE..."),
    ],
    subset: Subset = False,
    mirror: Mirror = None,
    workspace: Root = _ROOT,
    quiet: Quiet = False,
) -> None:
    """Turn data sets, or annotated files, into shards of the workspace, with a data card each."""
    from tasks.real_data import compare_sets, fetch_named, import_named, import_user_files
    from tasks.workspace import Workspace

    place = Workspace(workspace)
    for name in dict.fromkeys(names):
        if Path(name).is_file():
            card = import_user_files(Path(name).name.split(".")[0], [Path(name)], place)
        else:
            with progress_of_files(quiet=quiet) as on_progress:
                fetch_named([name], place, mirror, subset=subset, on_progress=on_progress)
            card = import_named(name, place, subset=subset)
        if not quiet:
            typer.echo("\n".join(_summary(card)), err=True)
    compare_sets(place)
    if not quiet:
        typer.echo(f"cards: {place.data_cards}", err=True)


@contextmanager
def progress_of_files(*, quiet: bool) -> "Iterator[OnProgress]":
    """A live bar for each file on a terminal, on the standard error stream."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bars:
        known = {}

        def on_progress(path: str, done: int, total: int | None) -> None:
            if path not in known:
                known[path] = bars.add_task(Path(path).name, total=total)
            bars.update(known[path], completed=done, total=total)

        yield on_progress


def _show(sets: "tuple[DataSet, ...]") -> None:
    """The registry as a table for people."""
    from rich.table import Table

    from app.runs import print_table

    table = Table("name", "kind", "use", "files", "MB", "checksum", "licence", "title")
    for each in sets:
        size = f"{each.size / 1e6:,.1f}" if each.size else "?"
        about = "" if all(file.bytes for file in each.files) else "~" if each.size else ""
        checksum = "registry" if each.files and all(f.sha256 or f.md5 for f in each.files) else ""
        checksum = checksum or ("Zenodo's" if each.zenodo_record else "by hand" if not each.files else "none")
        table.add_row(
            each.name, each.kind, each.use, str(len(each.files)), about + size, checksum, each.licence, each.title
        )
    print_table(table)


def _summary(card: dict[str, Any]) -> Iterator[str]:
    yield f"{card['origin']['name']}: {card['spectra']} spectra of {card['peptides']} peptides"
    for reason, count in card["skipped"].items():
        yield f"  {count} left out: {reason}"
