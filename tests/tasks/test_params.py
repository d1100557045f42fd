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


@pytest.mark.parametrize(
    ("species", "problem"),
    [
        ([{"name": "A", "slug": "a", "taxon": 2}], "two or more"),
        ([{"name": "A", "slug": "a", "taxon": 2}, {"name": "B", "slug": "a", "taxon": 3}], "slugs must differ"),
        ([{"name": "A", "slug": "a", "taxon": 2}, {"name": "B", "slug": "general", "taxon": 3}], "slugs must differ"),
        ([{"name": "A", "slug": "a", "taxon": 2}, {"name": "B", "slug": "b", "taxon": 2}], "taxa must differ"),
        ([{"name": "A", "slug": "a", "taxon": 2}, {"name": "B", "slug": "../b", "taxon": 3}], "names files"),
        ([{"name": "A", "slug": "a", "taxon": 2}, {"name": "B", "slug": "b"}], "taxon"),
        ([{"name": "A", "slug": "a", "taxon": 2}, {"name": "B", "slug": "b", "taxon": 3, "size": 1}], "size"),
    ],
)
def test_species_are_told_apart(tmp_path, species, problem):
    path = write(tmp_path, lambda params: params.update(species=species))
    with pytest.raises(InputError, match=f"species.*{problem}"):
        load_params(path)


def test_folds_do_only_what_their_data_allow(tmp_path):
    stage = {"name": "real", "updates": 1, "synthetic_share": 0.5}
    path = write(tmp_path, lambda params: params["cross_validation"]["training"].update(stages=[stage]))
    with pytest.raises(InputError, match=r"needs cross_validation\.measured\.files"):
        load_params(path)
    files = {"measured": {"files": {"a.mgf": None}}}
    path = write(tmp_path, lambda p: (p.update(real_spectra="b.mgf"), p["cross_validation"].update(files)))
    with pytest.raises(InputError, match="start from scratch"):
        load_params(path)


ROADMAP = {  # the seven stages of the roadmap's curriculum, as it lists them
    "clean_share": [0.8, 0.6, 0.4, 0.2, 0, 0, 0],
    "lengths": [(7, 12), (10, 15), (12, 18), (12, 20), (12, 22), (12, 25), (12, 25)],
    "noise_peaks": [5, 10, 15, 20, 25, 30, 30],
    "peak_dropout": [0.15, 0.2, 0.3, 0.35, 0.4, 0.45, 0.45],
    "peak_error_ppm": [5, 8, 10, 12, 15, 20, 20],
    "intensity_sigma": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.7],
    "precursor_weight": [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.3],
    "updates": [10_000, 10_000, 10_000, 15_000, 15_000, 20_000, 20_000],
}


def test_the_aggressive_curriculum_is_the_roadmaps():
    stages = load_params(ROOT / "params.yaml").curricula["aggressive_noise"]
    for key, expected in ROADMAP.items():
        holders = [stage if hasattr(stage, key) else stage.uniform_noise for stage in stages]
        assert [getattr(holder, key) for holder in holders] == expected, key
    assert all(stage.noise_level == (1.0, 1.0) for stage in stages)
    assert [stage.doubly_charged for stage in stages] == [False] + [True] * 6


def test_the_mixed_curriculum_goes_over_to_measured_spectra():
    stages = load_params(ROOT / "params.yaml").curricula["mixed_real"]
    assert [stage.synthetic_share for stage in stages] == [1.0, 0.8, 0.5, 0.2, 0.0]


@pytest.mark.parametrize("name", ["fast", "aggressive_noise", "progressive_length", "mixed_real"])
def test_a_training_may_name_its_curriculum(tmp_path, name):
    path = write(tmp_path, lambda params: params["training"].update(stages=name))
    params = load_params(path)
    assert params.training.stages == params.curricula[name]


def test_an_unknown_curriculum_is_named_with_its_nearest_neighbour(tmp_path):
    path = write(tmp_path, lambda params: params["training"].update(stages="agressive_noise"))
    with pytest.raises(InputError, match="no curriculum 'agressive_noise'; did you mean 'aggressive_noise'"):
        load_params(path)
