"""The bridge from synthetic to real spectra: every strategy trained and measured, then written as Markdown."""

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from data.atomic import make_folder, write_atomically
from flows.running import run_stage
from tasks.bridge_table import markdown
from tasks.bridging import adaptation, learn_noise, prepare, strategy
from tasks.params import PARAMS_FILE, load_params
from tasks.workspace import Workspace


@flow(name="bridge")
def bridge(params_file: Path = PARAMS_FILE, changes: tuple[str, ...] = ()) -> None:
    """One strategy after the other; what was measured before with the same parameters is kept."""
    params, workspace = load_params(params_file, changes), Workspace()
    counts = prepare(params, workspace)
    noise = learn_noise(params, workspace)
    rows = [strategy(params, workspace, name) for name in params.bridge.rows]
    ways = params.bridge.adaptation
    adapted = [adaptation(params, workspace, analyser, name) for analyser in ways.tests for name in ways.rows]
    make_folder(workspace.bridge_table.parent)
    write_atomically(workspace.bridge_table, "\n".join(markdown(rows, adapted, noise, counts)).encode())
    get_run_logger().info("the tables are in %s", workspace.bridge_table)


if __name__ == "__main__":
    run_stage(bridge)
