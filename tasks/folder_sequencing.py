"""One file of a folder sequenced, and the report of all of them: the plain functions of the batch flow."""

from pathlib import Path
from typing import Any

from data.atomic import make_folder, write_atomically
from model.inference import Sequencer
from tasks.sequencing import Job, Summary, Unwatched, is_complete, model_identity, sequence_files

REPORT_FILE = "report.md"
_COLUMNS = ("file", "state", "spectra", "identified", "skipped", "median ppm", "seconds", "peptides or error")


def output_of(file: Path, folder: Path) -> Path:
    """``run.mzML.mztab`` for ``run.mzML``: two formats of one run do not meet."""
    return folder / f"{file.name}.mztab"


def sequence_one(file: str, output: str, model: str, device: str, steps: int | None) -> dict[str, Any]:
    """Sequence a file into mzTab, going on where an interrupted attempt ended.

    Returns
    -------
    The row of the report, as JSON.

    Raises
    ------
    InputError, OutputError : as `sequence_files`.
    """
    source, target = Path(file), Path(output)
    make_folder(target.parent)
    sequencer = Sequencer(Path(model), device=device, threads=1, batch_size=None)
    job = Job(steps=steps, settings={"model": model_identity(Path(model))})
    return row(source, target, sequence_files([source], target, sequencer, job, Unwatched(), resume=True))


def row(file: Path, output: Path, summary: Summary) -> dict[str, Any]:
    """A finished file, as JSON."""
    return {
        "file": file.name,
        "state": "completed",
        "spectra": summary.sequenced,
        "identified": summary.identified,
        "skipped": dict(summary.skipped),
        "median ppm": summary.median_ppm,
        "seconds": round(summary.seconds, 1),
        "peptides or error": output.name,
    }


def finished_row(file: Path, output: Path) -> dict[str, Any]:
    """A file that was finished before."""
    return {"file": file.name, "state": "finished before", "peptides or error": output.name}


def failed_row(file: Path, error: str) -> dict[str, Any]:
    """A file that could not be sequenced."""
    return {"file": file.name, "state": "failed", "peptides or error": error}


def is_finished(file: Path, output: Path) -> bool:
    """Whether the output is complete and not older than the spectra; one that is older is removed."""
    if is_complete(output) and output.stat().st_mtime >= file.stat().st_mtime:
        return True
    output.unlink(missing_ok=True)
    return False


def write_report(rows: list[dict[str, Any]], folder: Path, model: Path) -> Path:
    """The report of a run as a Markdown table.

    Raises
    ------
    OutputError : it cannot be written.
    """
    lines = [
        "# Sequenced files",
        "",
        f"Model: `{model}`. Files: {len(rows)}, failed: {sum(each['state'] == 'failed' for each in rows)}, "
        f"spectra: {sum(each.get('spectra', 0) for each in rows)}, "
        f"identified: {sum(each.get('identified', 0) for each in rows)}.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
        *(f"| {' | '.join(_cell(each.get(name)) for name in _COLUMNS)} |" for each in rows),
        "",
    ]
    path = folder / REPORT_FILE
    write_atomically(path, "\n".join(lines).encode())
    return path


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        value = "; ".join(f"{number} {reason}" for reason, number in value.items()) or "0"
    if isinstance(value, float):
        value = f"{value:.2f}"
    return str(value).replace("|", "\\|").replace("\n", " ")
