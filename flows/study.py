"""The study: sizes compared after equal time, then a search of settings by successive halving, written as Markdown.

``python -m flows.study``. An interrupted study goes on where it was.
"""

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from data.atomic import make_folder, write_atomically
from flows.running import run_stage
from tasks.params import PARAMS_FILE, load_params
from tasks.study import open_search, trials_of
from tasks.study_table import markdown
from tasks.studying import size, trial
from tasks.workspace import Workspace


@flow(name="study")
def study(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """One after the other, so that none takes the other's processor."""
    params, workspace = load_params(params_file, changes), Workspace()
    sizes = [size(params, workspace, name) for name in params.study.sizes]
    search = open_search(params, workspace)
    while len(trials_of(search)) < params.study.trials:
        trial(params, workspace)
    make_folder(workspace.study_table.parent)
    write_atomically(workspace.study_table, "\n".join(markdown(sizes, trials_of(search))).encode())
    get_run_logger().info("the tables are in %s", workspace.study_table)


if __name__ == "__main__":
    run_stage(study)
