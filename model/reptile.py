"""Reptile: first-order meta-learning of weights from which a few labelled spectra of a new instrument are enough.

Each round trains on one task for some updates and moves the weights a part of the way there (Nichol, Achiam & Schulman
2018, arXiv:1803.02999). A task is an instrument with its own spectra, noise and mass tolerance.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.batches import SpectrumSet
from data.seeding import derive
from model.checkpoint import load_network, save_network
from model.recipe import Recipe
from model.trainer import train

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What one round may train on.

    Attributes
    ----------
    recipe : of the round; settings of the network that no weight belongs to may differ between tasks.
    real : measured spectra, if a stage asks for them.
    """

    name: str
    recipe: Recipe
    synthetic: SpectrumSet
    real: SpectrumSet | None


def reptile(
    tasks: Sequence[Task], validation_set: SpectrumSet, rounds: int, rate: float, start: Path, folder: Path
) -> None:
    """Meta-train, and leave the network in ``folder``.

    Parameters
    ----------
    rounds : the tasks take turns.
    rate : of the way to the trained weights that the first round goes; falls linearly to nothing.
    start : model whose weights are meta-trained.

    Raises
    ------
    InputError, DivergedError : as `model.trainer.train`.
    """
    network, preprocessing = load_network(start)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    inner = folder.with_name(f"{folder.name}.inner")
    try:
        for number in range(rounds):
            save_network(folder, network, weights, preprocessing, {"reptile_rounds": number})
            task = tasks[number % len(tasks)]
            shutil.rmtree(inner, ignore_errors=True)
            train(
                recipe=replace(task.recipe, seed=derive(task.recipe.seed, "reptile", number)),
                training_set=task.synthetic,
                validation_set=validation_set,
                real_set=task.real,
                start=folder,
                folder=inner,
            )
            trained = load_network(inner)[0].state_dict()
            step = rate * (1 - number / rounds)
            weights = {name: value + step * (trained[name] - value) for name, value in weights.items()}
            log.info("round %d of %d: %s", number + 1, rounds, task.name)
        save_network(folder, network, weights, preprocessing, {"reptile_rounds": rounds})
    finally:
        shutil.rmtree(inner, ignore_errors=True)
