"""What a run of the pipeline would do: stages, spectra, folds, what is stale, the time and the disk it takes.

Times are arithmetic on rates measured on one thread of a server processor (`docs/ablations.md`,
`docs/nine-species.md`): a first guess that another machine shifts as a whole.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from model.settings import NetworkSettings, TrainingSettings
from tasks.params import Params

STAGES = ("proteomes", "peptides", "synthesize", "augment", "train", "cross_validate", "trust", "report")

_ROWS_PER_SECOND = 709.0
"""Row-updates of training at width 64, both anchors, one thread; at width 96 1.6 million took 54 minutes."""
_ROWS_PER_SECOND_TWO_THREADS = 1053.0
_SPECTRA_PER_SECOND = 344.0
"""Of inference at width 64 with 8 steps, one thread."""
_WIDTH = 64
_STEPS = 8
_PREDICTED_PER_SECOND = 1796.0
"""Spectra of MS2PIP with their shards, each process (`python -m benchmarks.synthesis`)."""
_BYTES_CLEAN, _BYTES_NOISY = 440, 1000
"""Of a spectrum in a shard."""
_BYTES_PREDICTION = 400
_BYTES_WEIGHT = 4 * 2
"""A weight in single precision, once in the model and once in the run's record."""

State = Literal["fresh", "stale", "behind a stale one", "unknown"]


@dataclass(frozen=True)
class StagePlan:
    """One stage.

    Attributes
    ----------
    work : what it makes.
    seconds : None where it was not measured; small.
    """

    name: str
    work: str
    state: State
    seconds: float | None
    bytes: int


@dataclass(frozen=True)
class Plan:
    """All stages, and the folds in parallel."""

    stages: tuple[StagePlan, ...]
    folds: tuple[str, ...]
    parallel_folds: int

    @property
    def seconds(self) -> float:
        """Of the stages that are not fresh."""
        return sum(stage.seconds or 0.0 for stage in self.stages if stage.state != "fresh")

    @property
    def bytes(self) -> int:
        """Of all stages' results."""
        return sum(stage.bytes for stage in self.stages)


def plan(params: Params, states: dict[str, State] | None = None) -> Plan:
    """What a run with these parameters would do.

    Parameters
    ----------
    states : of the stages, as `stage_states` finds them; None where the parameters are not those of the work tree.
    """
    folds = tuple(species.slug for species in params.species)
    synthetic = len(folds) * params.peptides.per_species + params.peptides.pretraining
    judged = len(folds) * params.peptides.per_species + params.peptides.validation_share * params.peptides.pretraining
    noisy = int(judged * len(params.augment.levels))
    training, folds_training = params.training, params.cross_validation.training
    fold_seconds = training_seconds(folds_training, params.network) + _inference_seconds(
        params.peptides.per_species + params.calibration.fold_spectra, params.evaluation.steps, params.network
    )
    tested = (
        "measured spectra" if params.cross_validation.measured.files else f"{params.peptides.per_species:,} spectra"
    )
    weights = 40 * params.network.width**2 * _BYTES_WEIGHT
    known: State = "unknown"

    def stage(name: str, work: str, seconds: float | None, size: float) -> StagePlan:
        return StagePlan(name, work, (states or {}).get(name, known), seconds, int(size))

    return Plan(
        (
            stage("proteomes", f"{len(folds)} proteomes and a general one", None, 0),
            stage("peptides", f"{synthetic:,} peptides at most", None, 60 * synthetic),
            stage(
                "synthesize",
                f"{synthetic:,} spectra",
                synthetic / _PREDICTED_PER_SECOND / params.synthesis.processes,
                _BYTES_CLEAN * synthetic,
            ),
            stage(
                "augment", f"{noisy:,} spectra, {len(params.augment.levels)} noise levels", None, _BYTES_NOISY * noisy
            ),
            stage(
                "train",
                f"2 networks, {_updates(training):,} updates of {training.batch_size} rows",
                training_seconds(training, params.network),
                2 * weights,
            ),
            stage(
                "cross_validate",
                f"{len(folds)} folds of {_updates(folds_training):,} updates, each tested on {tested}",
                fold_seconds * -(-len(folds) // params.cross_validation.parallel_folds),
                len(folds) * (weights + _BYTES_PREDICTION * params.peptides.per_species),
            ),
            stage("trust", "decoding, calibration, false discoveries, outliers", None, 0),
            stage("report", "page, figures, curves", None, 0),
        ),
        folds,
        params.cross_validation.parallel_folds,
    )


def training_seconds(training: TrainingSettings, network: NetworkSettings) -> float:
    """Of one network's training."""
    rate = _ROWS_PER_SECOND if training.threads == 1 else _ROWS_PER_SECOND_TWO_THREADS
    return _updates(training) * training.batch_size * network.width / _WIDTH / rate


def stage_states() -> dict[str, State]:
    """What DVC says of the stages of the work tree; empty where it cannot say."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--json"], capture_output=True, text=True, check=False
    )
    try:
        changed = json.loads(done.stdout)
    except ValueError:
        return {}
    states: dict[str, State] = {}
    for name in STAGES:
        behind = any(state != "fresh" for state in states.values())
        states[name] = "stale" if name in changed else "behind a stale one" if behind else "fresh"
    return states


def as_text(found: Plan) -> Iterator[str]:
    """The plan for people."""
    yield f"{'stage':<15} {'state':<19} {'time':>9} {'disk':>9}  work"
    for stage in found.stages:
        time = "small" if stage.seconds is None else _duration(stage.seconds)
        disk = "small" if stage.bytes < 1e5 else _size(stage.bytes)
        yield f"{stage.name:<15} {stage.state:<19} {time:>9} {disk:>9}  {stage.work}"
    yield f"folds           {', '.join(found.folds)}; {found.parallel_folds} at once"
    yield f"in all          {_duration(found.seconds)} for what is not fresh, {_size(found.bytes)} of disk"


def _updates(training: TrainingSettings) -> int:
    return sum(stage.updates for stage in training.stages)


def _inference_seconds(spectra: int, steps: int, network: NetworkSettings) -> float:
    return spectra * steps / _STEPS * network.width / _WIDTH / _SPECTRA_PER_SECOND


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _size(size: float) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
