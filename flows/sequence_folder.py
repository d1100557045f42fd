"""The batch flow: every spectra file of a folder as a task, one mzTab a file, and a report of the run."""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger

from data.atomic import make_folder
from data.errors import InputError, PepTRMError
from flows.runners import Runner, make_runner
from flows.running import run_with_status
from tasks.folder_sequencing import failed_row, finished_row, is_finished, output_of, write_report
from tasks.models import chosen_model
from tasks.sequence_file import sequence_file
from tasks.spectra_files import files_of_folder


@flow(name="sequence-folder")
def sequence_folder(
    folder: Path,
    output: Path | None = None,
    model: Path | None = None,
    device: str = "cpu",
    steps: int | None = None,
    runner: Runner = "threads",
    runner_address: str | None = None,
    parallel_files: int = 2,
    retries: int = 2,
    retry_delay_s: float = 10.0,
    watch_minutes: float = 0.0,
    poll_s: float = 10.0,
) -> None:
    """Sequence the spectra files of a folder; those with a complete mzTab are left alone.

    Parameters
    ----------
    folder : of the spectra files.
    output : folder of the results; None: ``peptides`` in the folder.
    model : folder of a trained network; None: as `peptrm sequence`.
    device, steps : as `peptrm sequence` has them.
    runner, runner_address, parallel_files : where the files' tasks run, and how many at once.
    retries, retry_delay_s : of a file that fails; it goes on where it ended.
    watch_minutes : take up files that come within this time, each when it has ceased to grow; 0: only those there now.
    poll_s : between two looks at the folder.

    Raises
    ------
    InputError : there is no such folder, or nothing in it to sequence and no time to wait for it.
    PepTRMError : files failed; all others are done.
    """
    if not folder.is_dir():
        raise InputError("no such folder", path=folder, remedy="Name the folder of the spectra files")
    target, weights = output or folder / "peptides", chosen_model(model)
    make_folder(target)
    options = {"retries": retries, "retry_delay_seconds": retry_delay_s}
    one_round = sequence_files.with_options(task_runner=make_runner(runner, parallel_files, runner_address, "runner"))
    rows: dict[Path, dict[str, Any]] = {}
    end = time.monotonic() + watch_minutes * 60
    sizes = None if watch_minutes else _sizes(folder)
    while True:
        sizes, before = _sizes(folder), sizes
        ready = [file for file, size in sizes.items() if file not in rows and (before or {}).get(file) == size]
        if ready:
            rows |= one_round(ready, target, weights, device, steps, options)
            write_report(list(rows.values()), target, weights)
        if time.monotonic() + poll_s > end:
            break
        time.sleep(poll_s)
    if not rows and not watch_minutes:
        raise InputError("no spectra file to sequence", path=folder, remedy="Looked for MGF, mzML, mzXML, MS2 and MSP")
    _conclude(rows, folder, target)


@flow(name="sequence-files")
def sequence_files(
    files: list[Path], output: Path, model: Path, device: str, steps: int | None, options: dict[str, Any]
) -> dict[Path, dict[str, Any]]:
    """Sequence files in parallel and give each one's row of the report."""
    log = get_run_logger()
    rows, futures = {}, {}
    for file in files:
        result = output_of(file, output)
        if is_finished(file, result):
            rows[file] = finished_row(file, result)
            continue
        task = sequence_file.with_options(**options)
        futures[file] = task.submit(str(file.resolve()), str(result.resolve()), str(model.resolve()), device, steps)
    for file, future in futures.items():
        future.wait()
        found = future.result(raise_on_failure=False)
        rows[file] = found if future.state.is_completed() else failed_row(file, str(found))
        log.info("%s: %s", file.name, rows[file]["state"])
    return rows


def _sizes(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_size for file in files_of_folder(folder)}


def _conclude(rows: dict[Path, dict[str, Any]], folder: Path, target: Path) -> None:
    """Show the rows in Prefect, and fail where a file did."""
    get_run_logger().info("the report is in %s", target)
    table = [{name: str(value) for name, value in row.items()} for row in rows.values()]
    create_table_artifact(table=table, key="sequenced-files", description=f"Files of {folder}")
    failed = [file.name for file, row in rows.items() if row["state"] == "failed"]
    if failed:
        raise PepTRMError(
            f"{len(failed)} of {len(rows)} files failed: {', '.join(failed)}",
            remedy="The others are done; the report says why; run again for the rest",
        )


if __name__ == "__main__":  # python -m flows.sequence_folder folder=runs watch_minutes=60
    run_with_status("sequence_folder", partial(sequence_folder, **dict(word.split("=", 1) for word in sys.argv[1:])))
