"""The ablation table: every row trained and measured, then written as Markdown."""

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from data.atomic import write_atomically
from flows.running import run_stage
from tasks.ablate import ablate_row
from tasks.ablations import markdown
from tasks.params import PARAMS_FILE, load_params
from tasks.workspace import Workspace


@flow(name="ablate")
def ablate(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """Train the rows one after the other, so that their speeds can be compared."""
    params, workspace = load_params(params_file, changes), Workspace()
    results = [ablate_row(params, workspace, name) for name in params.ablations.rows]
    write_atomically(workspace.ablation_table, "\n".join(markdown(results)).encode())
    get_run_logger().info("the table is in %s", workspace.ablation_table)


if __name__ == "__main__":
    run_stage(ablate)
