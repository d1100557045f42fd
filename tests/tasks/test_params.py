"""Parameters: the file of the project is valid, and what is wrong in another one is named."""

from pathlib import Path

import pytest
import yaml

from data.errors import InputError
from tasks.params import Params, load_params

ROOT = Path(__file__).parents[2]


def write(tmp_path, change):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(params)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return path


def test_the_projects_own_parameters_are_valid_and_survive_json():
    params = load_params(ROOT / "params.yaml")
    assert Params.model_validate(params.model_dump(mode="json")) == params


@pytest.mark.parametrize(
    ("section", "key", "nearest"),
    [
        ("training", "batchsize", "batch_size"),
        ("noise", "noise_peak", "noise_peaks"),
        ("cross_validation", "runer", "runner"),
        ("network", "widht", "width"),
    ],
)
def test_unknown_keys_are_named_with_their_nearest_neighbour(tmp_path, section, key, nearest):
    path = write(tmp_path, lambda params: params[section].update({key: 1}))
    with pytest.raises(InputError, match=rf"{section}\.{key}: unknown parameter.*'{nearest}'"):
        load_params(path)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("training", "batch_size", "many"),
        ("cross_validation", "runner", "spark"),
        ("evaluation", "steps", 0),
        ("peptides", "charge_shares", [2, 3]),
    ],
)
def test_wrong_values_name_their_key(tmp_path, section, key, value):
    path = write(tmp_path, lambda params: params[section].update({key: value}))
    with pytest.raises(InputError, match=rf"{section}\.{key}"):
        load_params(path)


def test_levels_that_the_folds_are_tested_on_must_be_made(tmp_path):
    path = write(tmp_path, lambda params: params["cross_validation"].update({"test_noise_level": 0.3}))
    with pytest.raises(InputError, match=r"augment\.levels must hold 0\.3"):
        load_params(path)


def test_missing_broken_and_empty_files(tmp_path):
    with pytest.raises(InputError, match="no such parameter file"):
        load_params(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1,\n")
    with pytest.raises(InputError, match="not valid YAML"):
        load_params(tmp_path / "broken.yaml")
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(InputError, match="holds no parameters"):
        load_params(tmp_path / "empty.yaml")
