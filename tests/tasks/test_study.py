"""The study: equal time, what a trial changes, a search that goes on, tables of what was measured."""

import pytest
from pydantic import ValidationError

from data.errors import InputError
from data.proteomes import write_proteomes
from tasks.params import Params
from tasks.pretraining import make_corpus, make_corpus_spectra
from tasks.study import changes_of, open_search, run_size, run_trial, study_recipe, trials_of
from tasks.study_params import Dimension
from tasks.study_table import markdown
from tasks.workspace import Workspace
from tests.flows.conftest import tiny_params

SPACE = {
    "learning rate": {"section": "stage", "key": "learning_rate", "low": 1e-4, "high": 1e-2},
    "width": {"section": "network", "options": {"16": {"width": 16}, "32": {"width": 32}}},
}


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> tuple[Params, Workspace]:
    folder = tmp_path_factory.mktemp("study")
    params = tiny_params()
    write_proteomes(Params.model_validate(params).proteomes, 1, folder / "proteomes")
    params["corpus"] |= {"proteomes": [str(folder / "proteomes")], "peptides": 120, "max_length": 12}
    params["corpus"] |= {"held_out_share": 0.2}
    workspace = Workspace(folder / "workspace")
    params["study"] = {
        "shards": str(workspace.corpus_shards),
        "trials": 3,
        "trial_seconds": 0.3,
        "size_seconds": 0.3,
        "rungs": 2,
        "training": {"batch_size": 4, "validation_spectra": 4},
        "space": SPACE,
        "sizes": {"small": {"width": 16}, "large": {"width": 32}},
    }
    settings = Params.model_validate(params)
    make_corpus(settings, workspace)
    make_corpus_spectra(settings, workspace)
    return settings, workspace


def test_a_trial_changes_what_was_drawn_and_nothing_else(given):
    settings, _ = given
    changes = changes_of(settings, {"learning rate": 0.002, "width": "32"})
    assert changes == {"stage": {"learning_rate": 0.002}, "network": {"width": 32}}
    plain, changed = (study_recipe(settings, each, 10) for each in ({}, changes))
    assert (changed.network.width, changed.training.stages[0].learning_rate) == (32, 0.002)
    assert (plain.preprocessing, plain.noise, plain.seed) == (changed.preprocessing, changed.noise, changed.seed)
    assert [stage.updates for stage in changed.training.stages] == [10]
    with pytest.raises(InputError, match="unknown setting"):
        study_recipe(settings, {"network": {"widht": 3}}, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"section": "stage"},
        {"section": "stage", "key": "learning_rate", "low": 1.0, "high": 0.1},
        {"section": "stage", "key": "learning_rate", "low": 1.0, "high": 2.0, "options": {"a": {}}},
        {"section": "noise", "options": {"a": {}}},
    ],
)
def test_a_dimension_that_is_none_is_refused(wrong):
    with pytest.raises(ValidationError):
        Dimension.model_validate(wrong)


def test_sizes_get_the_same_time_and_are_not_trained_twice(given):
    settings, workspace = given
    values, root = settings.model_dump(mode="json"), str(workspace.root)
    sizes = [run_size(values, root, name) for name in settings.study.sizes]
    for size in sizes:
        assert size["updates"] == max(round(0.3 / size["seconds_per_update"]), 2)
        assert size["samples"] == 4 * size["updates"]
        assert size["rungs"][-1]["update"] == size["updates"]
        assert (workspace.studied_size(size["name"]) / "model.safetensors").is_file()
    assert sizes[0]["parameters"] < sizes[1]["parameters"]
    assert run_size(values, root, "small") == sizes[0]
    text = "\n".join(markdown(sizes, []))
    assert f"| small | {sizes[0]['parameters']:,} | {sizes[0]['updates']:,} |" in text


def test_a_search_goes_on_where_it_was_and_draws_anew(given):
    settings, workspace = given
    values, root = settings.model_dump(mode="json"), str(workspace.root)
    first, second = (run_trial(values, root) for _ in range(2))
    assert (first["number"], second["number"]) == (0, 1)
    assert first["drawn"]["learning rate"] != second["drawn"]["learning rate"]
    assert all(1 <= len(trial["scores"]) <= 2 for trial in (first, second)) and first["complete"]
    again = open_search(
        settings.model_copy(update={"study": settings.study.model_copy(update={"trials": 9})}), workspace
    )
    assert trials_of(again) == [first, second]
    other = settings.study.model_copy(update={"trial_seconds": 1.0})
    assert trials_of(open_search(settings.model_copy(update={"study": other}), workspace)) == []
    assert "| 0 | " in "\n".join(markdown([], [first, second]))
