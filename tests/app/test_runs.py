"""`peptrm runs`, `peptrm recipe` and `--modification`, as a user meets them."""

import json
import shutil

import pytest

from model.recipe import Recipe
from tasks.tracking import Tracker
from tasks.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, model):
    """Two trainings on disk and one run in MLflow."""
    workspace = Workspace(tmp_path / "workspace")
    for name in ("pretrained", "folds/apis_mellifera"):
        shutil.copytree(model, workspace.root / "models" / name)
    tracker = Tracker(workspace)
    run = tracker.open_run("train pretrained", {})
    tracker.metrics(run, [("loss", 2.0, 1), ("loss", 1.5, 2)])
    tracker.close_run(run)
    return workspace


def test_list_holds_files_and_mlflow(peptrm, workspace):
    done = peptrm("runs", "list", "--workspace", workspace.root)
    assert done.returncode == 0, done.stderr
    for part in ("pretrained", "folds/apis_mellifera", "train pretrained", "mlflow", "FINISHED"):
        assert part in done.stdout
    found = json.loads(peptrm("runs", "list", "--workspace", workspace.root, "--json").stdout)
    assert [run["metrics"]["loss"] for run in found if run["source"] == "mlflow"] == [1.5]
    assert len(found) == 3


def test_show_tells_first_best_and_last(peptrm, workspace):
    done = peptrm("runs", "show", "pretrained", "--workspace", workspace.root)
    assert done.returncode == 0, done.stderr
    assert "easy_token_accuracy" in done.stdout and "samples_per_second" in done.stdout
    curves = json.loads(peptrm("runs", "show", "pretrained", "--workspace", workspace.root, "--json").stdout)["curves"]
    assert [update for update, _ in curves["easy_token_accuracy"]] == [0, 3]


def test_compare_puts_runs_side_by_side(peptrm, workspace):
    done = peptrm("runs", "compare", "pretrained", "folds", "--workspace", workspace.root)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if "hard_token_accuracy" in line)
    first, second = line.split("│")[2:4]
    assert first.strip() == second.strip() != "–"


def test_unknown_runs_and_empty_workspaces(peptrm, workspace, tmp_path):
    done = peptrm("runs", "show", "nothing", "--workspace", workspace.root)
    assert done.returncode == 2 and "no such run" in done.stderr and "Traceback" not in done.stderr
    assert peptrm("runs", "list", "--workspace", tmp_path / "none").returncode == 0


def test_recipe_writes_what_trains_elsewhere(peptrm, tmp_path):
    done = peptrm("recipe", "-o", tmp_path / "recipe.json")
    assert done.returncode == 0, done.stderr
    recipe = Recipe.from_json(json.loads((tmp_path / "recipe.json").read_text()))
    assert recipe.training.stages[0].name == "clean"


def test_a_modification_can_be_offered_and_a_wrong_one_is_told(peptrm, model, mgf, tmp_path):
    out = tmp_path / "out.tsv"
    done = peptrm("sequence", mgf, "-o", out, "--model", model, "--modification", "S[UNIMOD:21]")
    assert done.returncode == 0, done.stderr
    wrong = peptrm("sequence", mgf, "-o", tmp_path / "b.tsv", "--model", model, "--modification", "W[UNIMOD:1234567]")
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr and "1234567" in wrong.stderr
