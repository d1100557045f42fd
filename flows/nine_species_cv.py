"""The umbrella flow, which the deployment runs: every DVC stage in order, what is fresh skipped."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from data.errors import PepTRMError
from flows.running import run_with_status
from tasks.params import load_params
from tasks.plan import STAGES, as_text, plan, stage_states
from tasks.profiles import apply_profile, with_profile


@flow(name="nine-species-cv")
def nine_species_cv(profile: str | None = None) -> None:
    """Run the pipeline from proteomes to report.

    A profile is written into ``params.yaml`` first (`tasks.profiles`).
    When folds failed, the report is written all the same, with them as failed, and the run fails.
    """
    if profile is not None:
        apply_profile(Path(profile))
    for stage in STAGES:
        try:
            run_dvc_stage.with_options(task_run_name=stage)(stage)
        except PepTRMError:
            if stage == "cross_validate":
                run_command.with_options(task_run_name="report")([sys.executable, "-m", "flows.report"])
            raise


@task(cache_policy=NO_CACHE)
def run_dvc_stage(stage: str) -> None:
    """Let DVC decide whether the stage is stale, and run it."""
    run_command.fn([sys.executable, "-m", "dvc", "repro", "--single-item", stage])


@task(cache_policy=NO_CACHE)
def run_command(words: list[str]) -> None:
    """Run a command with its output in the log; it ends with this process.

    Raises
    ------
    PepTRMError : the command failed.
    """
    log = get_run_logger()
    child = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
        start_new_session=True,
    )
    assert child.stdout
    try:
        for line in child.stdout:
            log.info(line.rstrip())
        status = child.wait()
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
    if status != 0:
        raise PepTRMError(f"{' '.join(words[1:])} ended with status {status}", remedy="Its last lines above say why")


def main() -> None:
    """``python -m flows.nine_species_cv [--profile FILE] [--dry-run]``."""
    words = argparse.ArgumentParser(description="The whole pipeline; what is fresh is skipped.")
    words.add_argument("--profile", metavar="FILE", help="write what it changes into params.yaml first")
    words.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
    asked = words.parse_args()
    if not asked.dry_run:
        nine_species_cv(asked.profile)
        return
    params = load_params() if asked.profile is None else with_profile(Path(asked.profile))[1]
    print("\n".join(as_text(plan(params, stage_states() if asked.profile is None else None))))


if __name__ == "__main__":
    run_with_status("nine-species-cv", main)
