"""Public data sets into the workspace: downloaded where they are missing, imported as shards, described by cards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.cards import data_card, peptides_of_shards, shared_peptides
from data.download import OnProgress, download
from data.importing import Imported, import_files, import_set
from data.sources import DataSet, load_registry
from tasks.data_cards import read_cards, write_card, write_overview
from tasks.workspace import Workspace


def fetch_named(
    names: Sequence[str],
    workspace: Workspace,
    mirror: str | None = None,
    *,
    subset: bool = False,
    on_progress: OnProgress = lambda path, done, total: None,
) -> None:
    """Download sets of the registry, and those whose peptides they leave out as far as these can be had.

    Raises
    ------
    InputError : no such set, or a file of it has no address.
    DownloadError, CorruptedDataError, OutputError : as `data.download.download`.
    """
    registry = load_registry()
    sets = [registry.find(name) for name in names]
    download(sets, workspace.downloads, subset=subset, mirror=mirror, on_progress=on_progress)
    others = {other for each in sets for other in each.excludes} - set(names)
    kept_apart = [registry.find(name) for name in sorted(others)]
    available = [each for each in kept_apart if _can_be_had(each, mirror)]
    download(available, workspace.downloads, mirror=mirror, on_progress=on_progress)


def import_named(name: str, workspace: Workspace, *, subset: bool = False) -> dict[str, Any]:
    """Import a downloaded set of the registry and return its card.

    Raises
    ------
    InputError : no such set, or none of spectra, or a file of it is missing or unreadable.
    OutputError : the workspace cannot be written.
    """
    registry = load_registry()
    each = registry.find(name)
    shards = workspace.real_shards(name)
    return _described(import_set(each, registry, workspace.downloads, shards, subset=subset), workspace, shards)


def import_user_files(name: str, files: Sequence[Path], workspace: Workspace) -> dict[str, Any]:
    """Bring annotated files of a user into the workspace under a name and return their card.

    Raises
    ------
    InputError : a file cannot be read, or none of its spectra is annotated.
    OutputError : the workspace cannot be written.
    """
    shards = workspace.real_shards(name)
    return _described(import_files(name, files, shards), workspace, shards)


def compare_sets(workspace: Workspace) -> None:
    """Write the overview of all imported sets, and which of them share peptides.

    Raises
    ------
    InputError, CorruptedDataError : the shards of a card are missing or damaged.
    """
    names = [card["origin"]["name"] for card in read_cards(workspace.data_cards)]
    peptides = {name: peptides_of_shards(workspace.real_shards(name)) for name in names}
    write_overview(workspace.data_cards, shared_peptides(peptides))


def _can_be_had(each: DataSet, mirror: str | None) -> bool:
    """Whether every file has an address, or is in the mirror's folder."""
    if mirror is None:
        return all(file.url for file in each.files)
    return "://" in mirror or all((Path(mirror) / file.path).exists() for file in each.files)


def _described(imported: Imported, workspace: Workspace, shards: Path) -> dict[str, Any]:
    card = data_card(imported, shards)
    write_card(card, workspace.data_cards)
    return card
