"""Reptile moves the weights a part of the way to what a task's training gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.seeding import derive
from data.settings import NoiseSettings, PreprocessingSettings
from model.checkpoint import load_network
from model.recipe import Recipe
from model.reptile import Task, reptile
from model.settings import StageSettings, TrainingSettings
from model.trainer import train


@pytest.mark.parametrize("rate", [1.0, 0.25])
def test_one_round_goes_that_part_of_the_way(trained, ladders, tmp_path, rate):
    some = ladders.select(np.arange(30))
    recipe = Recipe(
        network=load_network(trained)[0].settings,
        training=TrainingSettings(
            stages=(StageSettings(name="task", updates=2, learning_rate=1e-3),),
            batch_size=8,
            warmup_updates=1,
            validate_every=10,
            validation_spectra=4,
        ),
        noise=NoiseSettings(),
        preprocessing=PreprocessingSettings(),
        seed=6,
    )
    reptile([Task("one", recipe, some, None)], some, 1, rate, trained, tmp_path / "meta")
    train(
        recipe=replace(recipe, seed=derive(6, "reptile", 0)),
        training_set=some,
        validation_set=some,
        start=trained,
        folder=tmp_path / "task",
    )
    weights = [load_network(folder)[0].state_dict() for folder in (trained, tmp_path / "task", tmp_path / "meta")]
    for name, start in weights[0].items():
        assert torch.allclose(weights[2][name], start + rate * (weights[1][name] - start), atol=1e-6), name
    assert not (tmp_path / "meta.inner").exists()
