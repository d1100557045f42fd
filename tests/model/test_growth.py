"""New parts come into a trained network without changing its answers, and can be trained alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.errors import InputError
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import VOCABULARY
from model.checkpoint import load_network
from model.growth import start_from, with_settings
from model.inference import Sequencer
from model.recipe import Recipe
from model.recursion import Network
from model.settings import StageSettings, TrainingSettings
from model.trainer import train


def answers(folder, spectra) -> list[tuple[str, float]]:
    found = Sequencer(folder, threads=1, precision="fp32").sequence(spectra[:20], 6)
    return [(prediction.peptidoform, round(prediction.peptide_score, 4)) for prediction in found]


def test_adapters_and_conditions_start_without_effect(trained, spectra, tmp_path):
    settings = load_network(trained)[0].settings
    grown = replace(
        settings,
        adapter_width=4,
        condition_on_instrument=True,
        condition_on_fragmentation=True,
        condition_on_collision_energy=True,
        max_steps=9,
    )
    with_settings(trained, grown, tmp_path / "grown")
    assert load_network(tmp_path / "grown")[0].settings == grown
    assert answers(tmp_path / "grown", spectra) == answers(trained, spectra)


@pytest.mark.parametrize("change", [{"width": 48}, {"residual_encoder": True}, {"core_layers": 2}])
def test_another_shape_is_refused_by_its_name(trained, change):
    network = Network(replace(load_network(trained)[0].settings, **change), VOCABULARY)
    with pytest.raises(InputError, match=next(iter(change))):
        start_from(network, trained)


def adapter_recipe(trained, adapter_width: int) -> Recipe:
    return Recipe(
        network=replace(load_network(trained)[0].settings, adapter_width=adapter_width),
        training=TrainingSettings(
            stages=(StageSettings(name="few", updates=3, learning_rate=1e-2),),
            batch_size=8,
            trained="adapters",
            warmup_updates=1,
            validate_every=10,
            validation_spectra=4,
        ),
        noise=NoiseSettings(),
        preprocessing=PreprocessingSettings(),
        seed=4,
    )


def test_adapters_alone_are_trained(trained, ladders, tmp_path):
    few = ladders.select(np.arange(20))
    train(
        recipe=adapter_recipe(trained, 4), training_set=few, validation_set=few, start=trained, folder=tmp_path / "out"
    )
    before, after = load_network(trained)[0].state_dict(), load_network(tmp_path / "out")[0].state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    new = {name: value for name, value in after.items() if name not in before}
    assert new and all(".adapter." in name for name in new)
    assert any(value.abs().max() > 0 for name, value in new.items() if ".up." in name)


def test_training_adapters_needs_some(trained, ladders, tmp_path):
    with pytest.raises(InputError, match="no adapters"):
        train(
            recipe=adapter_recipe(trained, 0),
            training_set=ladders,
            validation_set=ladders,
            start=trained,
            folder=tmp_path / "out",
        )
