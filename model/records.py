"""What a training leaves to read: a summary, and metrics as JSON lines while it goes on."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data.atomic import make_folder, write_atomically
from model.refinement import Refinement

METRICS_FILE = "metrics.jsonl"
SUMMARY_FILE = "training.json"


@dataclass
class TrainingSummary:
    """What a training did; written to ``training.json`` beside the weights.

    Attributes
    ----------
    curve : update, stage, learning_rate, samples_per_second, mfu, and the mean of every loss since the last entry.
    validation : update, stage, the easy set's token_accuracy_by_step and peptide_recall, and all of ``easy`` and
        ``hard``; of the averaged weights.
    samples : rows that had a gradient, counted once an update.
    """

    updates: int = 0
    samples: int = 0
    spectra: int = 0
    parameters: int = 0
    seconds: float = 0.0
    seed: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    validation: list[dict[str, Any]] = field(default_factory=list)

    def add_validation(self, stage: str, easy: Refinement, hard: Refinement) -> dict[str, Any]:
        """Note a validation and return its entry."""
        entry = {
            "update": self.updates,
            "samples": self.samples,
            "stage": stage,
            "token_accuracy_by_step": easy.token_accuracy_by_step,
            "peptide_recall": easy.peptide_recall,
            "easy": asdict(easy),
            "hard": asdict(hard),
        }
        self.validation.append(entry)
        return entry


class Records:
    """The files of a training's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, summary: TrainingSummary) -> None:
        """Let the metrics hold what the summary holds: what an interrupted run wrote beyond its state goes."""
        make_folder(self.folder)
        entries = [("train", entry) for entry in summary.curve] + [("validate", e) for e in summary.validation]
        entries.sort(key=lambda entry: entry[1]["update"])
        write_atomically(self.folder / METRICS_FILE, "".join(_line(*entry) for entry in entries).encode())

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        """Append a line; ``kind`` is ``train`` or ``validate``."""
        with (self.folder / METRICS_FILE).open("a") as file:
            file.write(_line(kind, entry))

    def finish(self, summary: TrainingSummary) -> None:
        """Write the summary."""
        text = json.dumps(asdict(summary), indent=1) + "\n"
        write_atomically(self.folder / SUMMARY_FILE, text.encode())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a last line that a kill cut off is left out."""
    entries = []
    for line in path.read_text().splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries


def _line(kind: str, entry: dict[str, Any]) -> str:
    return json.dumps({"kind": kind} | entry) + "\n"
