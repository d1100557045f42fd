"""The ablation table: what its rows train, and how it is written."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from data.vocabulary import VOCABULARY
from model.recursion import Network
from model.refinement import RefinementTracker
from tasks.ablations import markdown, row_recipe
from tasks.params import AblationRow, load_params

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


def test_all_rows_see_the_same_samples_of_the_same_seed():
    recipes = [row_recipe(PARAMS, row) for row in PARAMS.ablations.rows.values()]
    assert len({recipe.seed for recipe in recipes}) == 1
    assert {sum(stage.updates for stage in recipe.training.stages) for recipe in recipes} == {PARAMS.ablations.updates}
    assert len({recipe.training.batch_size for recipe in recipes}) == 1


@pytest.mark.parametrize("name", PARAMS.ablations.rows)
def test_every_row_can_be_built_and_differs_from_all_others(name):
    recipes = {key: row_recipe(PARAMS, row) for key, row in PARAMS.ablations.rows.items()}
    Network(recipes[name].network, VOCABULARY)
    assert all(recipe != recipes[name] for key, recipe in recipes.items() if key != name)


def test_the_first_row_is_the_plain_recursion():
    plain = row_recipe(PARAMS, PARAMS.ablations.rows["plain"]).network
    assert not plain.evidence and not plain.residual_encoder and plain.quality == "none"


def test_an_unknown_key_of_a_row_is_refused():
    with pytest.raises(TypeError, match="evidense"):
        row_recipe(PARAMS, AblationRow(network={"evidense": True}))


def test_the_table_shows_steps_lengths_and_costs():
    tracker = RefinementTracker(4)
    target = torch.tensor([[2, 3, 4, 5, 6, 7, 8, 1]])
    right = torch.nn.functional.one_hot(target, len(VOCABULARY)).float()
    tracker.add([torch.zeros_like(right), right, right, right], target)
    figures = asdict(tracker.result())
    row = {"name": "x", "parameters": 12345, "training_spectra_per_second": 99.6, "inference_spectra_per_second": 7.2}
    text = "\n".join(markdown([row | {"clean": figures, "hard": figures}]))
    assert "| x | 0.0 | 100.0 | 100.0 | – | – | – | 100.0 |" in text
    assert "| x | 12,345 | 100 | 7 |" in text
    assert "| row | 0–9 |" in text
