"""The study: which settings, and which size, learn most in the same time of one processor thread.

The search is Optuna's: a tree-structured Parzen estimator draws, asynchronous successive halving (Li et al. 2020,
MLSys, algorithm 2) stops what lags behind. Plain functions; they take and return JSON values, because they run in
processes of their own (`tasks.isolation`).
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import optuna

from data.atomic import make_folder, write_atomically
from data.batches import SpectrumSet, pretraining_sets
from data.seeding import derive
from model.recipe import Recipe, settings_from
from model.records import TrainingSummary
from model.settings import NetworkSettings, StageSettings, TrainingSettings
from model.trainer import train
from tasks.params import Params
from tasks.study_params import Dimension
from tasks.workspace import Workspace

Changes = Mapping[str, dict[str, Any]]
"""Section → keys and values: ``network``, ``training``, ``stage``."""

_TIMED_UPDATES = 10
"""Updates whose time is taken, after as many that are not; the trainer reports every tenth."""


def study_recipe(settings: Params, changes: Changes, updates: int) -> Recipe:
    """A training of one stage, with changes.

    Raises
    ------
    InputError : a key is unknown.
    """
    study = settings.study
    stage = asdict(settings.training.stages[-1]) | study.stage | changes.get("stage", {}) | {"updates": updates}
    training = asdict(settings.training) | study.training | changes.get("training", {})
    training["stages"] = (settings_from(StageSettings, stage),)
    training["validate_every"] = max(-(-updates // study.rungs), 1)
    return Recipe(
        network=settings_from(NetworkSettings, asdict(settings.network) | changes.get("network", {})),
        training=settings_from(TrainingSettings, training),
        noise=settings.noise,
        preprocessing=settings.preprocessing,
        seed=derive(settings.seed, "study"),
    )


@dataclass
class _Watch:
    """Follows a training: its clock, and its score at every validation.

    Attributes
    ----------
    trial : of the search, which may end the training; None: nothing does.
    times : update → processor seconds of this process.
    rungs : figures of every validation after the first update.
    """

    trial: optuna.Trial | None = None
    times: dict[int, float] = field(default_factory=dict)
    rungs: list[dict[str, float]] = field(default_factory=list)
    _easy: float = 0.0

    def __call__(self, update: int, stage: str, figures: Mapping[str, float]) -> None:
        self.times.setdefault(update, time.process_time())
        if "easy_token_accuracy" in figures:
            self._easy = figures["easy_token_accuracy"]
        if "hard_token_accuracy" in figures and update:
            hard = figures["hard_token_accuracy"]
            self.rungs.append({"update": update, "easy": self._easy, "hard": hard, "score": (self._easy + hard) / 2})
            if self.trial is not None:
                self.trial.report(self.rungs[-1]["score"], len(self.rungs))
                if self.trial.should_prune():
                    raise optuna.TrialPruned


class _TimedEnoughError(Exception):
    """Ends a training that was only to be timed."""


class _Timer(_Watch):
    """Takes the time of some updates, then ends the training."""

    def __call__(self, update: int, stage: str, figures: Mapping[str, float]) -> None:
        super().__call__(update, stage, figures)
        if update >= 2 * _TIMED_UPDATES:
            raise _TimedEnoughError


Sets = tuple[SpectrumSet, SpectrumSet]


def seconds_per_update(settings: Params, changes: Changes, sets: Sets) -> float:
    """Processor seconds of an update, once the first rows have been replaced."""
    timer, sets = _Timer(), (sets[0], sets[1].select(np.arange(1)))
    with TemporaryDirectory() as folder, contextlib.suppress(_TimedEnoughError):
        _train(study_recipe(settings, changes, 3 * _TIMED_UPDATES), sets, Path(folder), timer)
    return (timer.times[2 * _TIMED_UPDATES] - timer.times[_TIMED_UPDATES]) / _TIMED_UPDATES


def _train(recipe: Recipe, sets: Sets, folder: Path, watch: _Watch) -> TrainingSummary:
    return train(recipe=recipe, training_set=sets[0], validation_set=sets[1], folder=folder, on_metrics=watch)


def _sets(settings: Params, workspace: Workspace) -> Sets:
    """Spectra to train on and of unseen peptides."""
    shards = settings.study.shards
    if shards is None:
        return pretraining_sets(workspace.clean_shards, settings.peptides.validation_share)
    return pretraining_sets(Path(shards), settings.corpus.held_out_share)


def changes_of(settings: Params, labels: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the drawn numbers and labels of a trial change."""
    changes: dict[str, dict[str, Any]] = {}
    for name, value in labels.items():
        dimension = settings.study.space[name]
        new = dimension.options[value] if dimension.options else {str(dimension.key): value}
        changes.setdefault(dimension.section, {}).update(new)
    return changes


def open_search(settings: Params, workspace: Workspace) -> optuna.Study:
    """The search of these parameters, with the trials that it has had."""
    made_from = settings.model_dump(mode="json", include={"seed", "study", "network", "training", "noise"})
    made_from["study"].pop("trials")
    name = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]
    make_folder(workspace.root)
    storage = f"sqlite:///{workspace.root / 'study.db'}"
    found = {known.study_name: known.n_trials for known in optuna.get_all_study_summaries(storage)}
    sampler = optuna.samplers.TPESampler(seed=derive(settings.seed, "study", found.get(name, 0)) % 2**32)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return optuna.create_study(
        study_name=name, storage=storage, sampler=sampler, pruner=pruner, direction="maximize", load_if_exists=True
    )


def run_trial(params: dict[str, Any], root: str) -> dict[str, Any]:
    """One more trial of the search."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    sets = _sets(settings, workspace)
    search = open_search(settings, workspace)

    def objective(trial: optuna.Trial) -> float:
        labels = {name: _drawn(trial, name, dimension) for name, dimension in settings.study.space.items()}
        changes = changes_of(settings, labels)
        seconds = seconds_per_update(settings, changes, sets)
        updates = max(round(settings.study.trial_seconds / seconds), settings.study.rungs)
        trial.set_user_attr("updates", updates)
        watch = _Watch(trial)
        with TemporaryDirectory() as folder:
            _train(study_recipe(settings, changes, updates), sets, Path(folder), watch)
        return watch.rungs[-1]["score"]

    search.optimize(objective, n_trials=1)
    return trials_of(search)[-1]


def _drawn(trial: optuna.Trial, name: str, dimension: Dimension) -> Any:
    if dimension.options:
        return trial.suggest_categorical(name, list(dimension.options))
    assert dimension.low is not None and dimension.high is not None
    return trial.suggest_float(name, dimension.low, dimension.high, log=True)


def trials_of(search: optuna.Study) -> list[dict[str, Any]]:
    """The ended trials: what was drawn, how far each came, and its score at every rung."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return [
        {
            "number": trial.number,
            "drawn": trial.params,
            "updates": trial.user_attrs["updates"],
            "scores": [score for _, score in sorted(trial.intermediate_values.items())],
            "complete": trial.state == ended[0],
        }
        for trial in search.get_trials(states=ended)
    ]


def run_size(params: dict[str, Any], root: str, name: str) -> dict[str, Any]:
    """Train one of the sizes for the time that all have; one that was trained by the same recipe is read back."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    changes = {"network": settings.study.sizes[name]}
    folder = workspace.studied_size(name)
    report = folder.with_suffix(".json")
    key = {"recipe": study_recipe(settings, changes, 1).as_json(), "seconds": settings.study.size_seconds}
    if report.exists() and (found := json.loads(report.read_text()))["key"] == key:
        return dict(found)
    sets = _sets(settings, workspace)
    seconds = seconds_per_update(settings, changes, sets)
    updates = max(round(settings.study.size_seconds / seconds), settings.study.rungs)
    shutil.rmtree(folder, ignore_errors=True)
    watch = _Watch()
    summary = _train(study_recipe(settings, changes, updates), sets, folder, watch)
    result = {
        "key": key,
        "name": name,
        "parameters": summary.parameters,
        "updates": updates,
        "samples": summary.samples,
        "seconds_per_update": seconds,
        "rungs": watch.rungs,
    }
    write_atomically(report, json.dumps(result, indent=1).encode())
    return result
