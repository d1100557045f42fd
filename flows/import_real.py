"""Real spectra of public data sets: fetched, imported and described, a task a set; no stage, for it needs a network."""

import os

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait

from data.download import MIRROR_VARIABLE
from flows.running import run_with_status
from tasks.real_data import compare_sets, fetch_named, import_named
from tasks.workspace import Workspace

SETS = (
    "casanovo-mouse-128",
    "massivekb-500",
    "qeplus-hair-608",
    "proteometools-225",
    "tripletof-test",
    "winnow-example-100",
    "pepnet-example-1001",
    "real-psms",
    "proteometools-sample",
)
"""Sets of spectra that a mirror of the small public files holds."""

fetch_all = task(name="fetch", retries=1, cache_policy=NO_CACHE)(fetch_named)
import_one = task(name="import", cache_policy=NO_CACHE)(import_named)


@flow(name="import-real")
def import_real(names: tuple[str, ...] = SETS, mirror: str | None = None) -> None:
    """Import sets from a mirror, by default the one of PEPTRM_MIRROR, or from their publishers."""
    workspace = Workspace()
    place = mirror or os.environ.get(MIRROR_VARIABLE) or None
    fetch_all(names, workspace, place)
    imported = [import_one.submit(name, workspace) for name in names]
    wait(imported)
    for each in imported:
        each.result()
    compare_sets(workspace)


if __name__ == "__main__":
    run_with_status("import_real", import_real)
