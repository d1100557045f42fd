"""`python -m model`: training from a recipe, alone, stopped, and as two processes; and the recipe itself."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from safetensors.torch import load_file

from data.errors import InputError
from data.schema import to_table
from data.shards import write_shards
from model.recipe import Recipe
from tests.model.conftest import ladder

ROOT = Path(__file__).parents[2]
BARE = """
import sys
from importlib.machinery import PathFinder

class Bare:
    absent = set(sys.argv[1].split(","))

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in self.absent else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Bare()
from model.__main__ import main
main(sys.argv[2:])
"""


def needed(distribution: str, found: set[str]) -> set[str]:
    """A distribution and all that it requires without extras."""
    if distribution not in found:
        found.add(distribution)
        for line in metadata.requires(distribution) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(canonicalize_name(requirement.name), found)
    return found


def absent_modules() -> set[str]:
    """The installed modules that a machine with torch, numpy and pyarrow alone does not have."""
    present: set[str] = set()
    for distribution in ("torch", "numpy", "pyarrow"):
        needed(distribution, present)
    owners = metadata.packages_distributions()
    absent = {m for m, names in owners.items() if not {canonicalize_name(name) for name in names} & present}
    return absent - {"data", "model", *sys.stdlib_module_names}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spectra of 200 peptides, of no fold."""
    folder = tmp_path_factory.mktemp("data") / "shards"
    rng = np.random.default_rng(5)
    peptides = ["".join(rng.choice(list("GASPVTLNDEK"), rng.integers(7, 12))) for _ in range(200)]
    spectra = [replace(ladder(peptide, 2, rng), source="ladder", species="none") for peptide in peptides]
    write_shards(iter([to_table(spectra)]), folder, shard_rows=100, parameters={})
    return folder


@pytest.fixture
def recipe(tmp_path: Path, small_recipe: Recipe) -> Path:
    path = tmp_path / "recipe.json"
    training = replace(small_recipe.training, precision="fp32")
    path.write_text(json.dumps(replace(small_recipe, training=training).as_json()))
    return path


def words(recipe: Path, shards: Path, folder: Path) -> list[str]:
    return [str(recipe), "--shards", str(shards), "--folder", str(folder), "--validation-share", "0.2"]


def curve(folder: Path) -> list[float]:
    return [entry["loss"] for entry in json.loads((folder / "training.json").read_text())["curve"]]


def test_a_machine_with_torch_numpy_and_pyarrow_is_enough(tmp_path, recipe, shards):
    arguments = [
        sys.executable,
        "-c",
        BARE,
        ",".join(sorted(absent_modules())),
        *words(recipe, shards, tmp_path / "bare"),
    ]
    assert {"mlflow", "prefect", "safetensors", "pydantic", "pyteomics"} <= absent_modules()
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "bare" / "model.safetensors").exists()


def test_two_processes_have_the_loss_curve_of_one(tmp_path, recipe, shards):
    alone = [sys.executable, "-m", "model", *words(recipe, shards, tmp_path / "one")]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    together = [*torchrun, "--standalone", "-m", "model", *words(recipe, shards, tmp_path / "two")]
    for arguments in (alone, together):
        done = subprocess.run(
            arguments, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        assert done.returncode == 0, done.stderr
    assert curve(tmp_path / "two") == pytest.approx(curve(tmp_path / "one"), rel=1e-4)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all(np.allclose(one[name], two[name], atol=2e-3) for name in one)


def test_sigterm_saves_and_the_same_command_goes_on(tmp_path, recipe, shards):
    content = json.loads(recipe.read_text())
    content["training"]["stages"][0]["updates"] = 60
    content["training"]["checkpoint_every_minutes"] = 60.0
    recipe.write_text(json.dumps(content))
    arguments = [sys.executable, "-m", "model", *words(recipe, shards, tmp_path / "stopped")]
    child = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "stopped" / "metrics.jsonl"
    for _ in range(600):
        if metrics.exists() and '"update": 10' in metrics.read_text():
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 143
    assert "stopped at update" in said and "Traceback" not in said
    assert list((tmp_path / "stopped" / "state").glob("*.safetensors"))
    again = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0 and "resumed at update" in again.stderr
    unbroken = subprocess.run(
        [sys.executable, "-m", "model", *words(recipe, shards, tmp_path / "unbroken")], cwd=ROOT, capture_output=True
    )
    assert unbroken.returncode == 0
    stopped, whole = (load_file(tmp_path / name / "model.safetensors") for name in ("stopped", "unbroken"))
    assert all(np.array_equal(stopped[name], whole[name]) for name in whole)


def test_a_recipe_survives_the_way_over_json(small_recipe):
    assert Recipe.from_json(json.loads(json.dumps(small_recipe.as_json()))) == small_recipe


def test_wrong_recipes_are_told(tmp_path, small_recipe, shards):
    wrong = small_recipe.as_json()
    wrong["network"]["widht"] = 3
    with pytest.raises(InputError, match=r"NetworkSettings\.widht"):
        Recipe.from_json(wrong)
    arguments = [sys.executable, "-m", "model", *words(tmp_path / "absent.json", shards, tmp_path / "x")]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "no recipe" in done.stderr and "Traceback" not in done.stderr
