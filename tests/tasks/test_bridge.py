"""The bridge: equal compute, no test peptide in training, and a table of what was measured."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from pyteomics import mgf

from data.errors import InputError
from data.readers import read_spectra
from data.schema import Spectrum, to_table
from data.settings import PreprocessingSettings
from data.shards import write_shards
from model.settings import NetworkSettings
from tasks.bridge import Start, row_recipe
from tasks.bridge_data import BridgeData, prepare
from tasks.bridge_params import BridgeRow
from tasks.bridge_table import markdown
from tasks.params import Params, load_params
from tasks.workspace import Workspace

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
START = Start(Path("nowhere"), NetworkSettings(), PreprocessingSettings())


@pytest.mark.parametrize("updates", [1, 2, 40, 41, 997])
def test_all_strategies_have_equal_compute(updates):
    settings = PARAMS.model_copy(update={"bridge": PARAMS.bridge.model_copy(update={"updates": updates})})
    recipes = [row_recipe(settings, row, START) for row in PARAMS.bridge.rows.values() if row.stages]
    assert len(recipes) > 8
    assert {sum(stage.updates for stage in recipe.training.stages) for recipe in recipes} == {updates}
    assert len({(recipe.seed, recipe.training.batch_size, recipe.training.steps_per_update) for recipe in recipes}) == 1
    names = [[stage.name for stage in recipe.training.stages] for recipe in recipes]
    assert all(len(set(stages)) == len(stages) for stages in names)  # the stream tells stages by their names


def test_every_strategy_differs_from_all_others():
    recipes = [row_recipe(PARAMS, row, START) for row in PARAMS.bridge.rows.values()]
    assert all(left != right for number, left in enumerate(recipes) for right in recipes[:number])


def test_a_stage_without_a_share_has_what_the_others_leave():
    def updates(*stages: dict[str, float]) -> list[int]:
        return [stage.updates for stage in row_recipe(PARAMS, BridgeRow(stages=stages), START).training.stages]

    assert PARAMS.bridge.updates == 40
    assert updates({}) == [40]
    assert updates({"share": 0.25}, {}) == [10, 30]
    assert updates({}, {"share": 0.5}, {}) == [10, 20, 10]
    assert sorted(updates({}, {}, {})) == [13, 13, 14]


def test_other_sums_and_unknown_names_are_refused():
    for stages in (({"share": 0.5},), ({"share": 0.7}, {"share": 0.7}), ({"share": 1.5}, {})):
        with pytest.raises(InputError, match="no parts of 1"):
            row_recipe(PARAMS, BridgeRow(stages=stages), START)
    with pytest.raises(InputError, match="names its updates"):
        row_recipe(PARAMS, BridgeRow(stages=({"updates": 40},)), START)
    with pytest.raises(InputError, match="unknown setting"):
        row_recipe(PARAMS, BridgeRow(stages=({"syntetic_share": 1.0},)), START)
    with pytest.raises(InputError, match="no noise profile 'maldi'"):
        row_recipe(PARAMS, BridgeRow(noise="maldi"), START)


def test_noise_may_be_a_named_profile(tmp_path):
    values = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values | {"noise": "triple_tof"}))
    assert load_params(path).noise == PARAMS.noise_profiles["triple_tof"]
    path.write_text(yaml.safe_dump(values | {"noise": "triple_toff"}))
    with pytest.raises(InputError, match="did you mean 'triple_tof'"):
        load_params(path)


def synthetic_shards(folder: Path, peptides: Iterable[str]) -> None:
    """Shards of one-peak spectra of these peptides."""
    spectra = [Spectrum(p, 500.0, 2, np.array([200.0]), np.ones(1, np.float32), peptidoform=p) for p in peptides]
    write_shards([to_table(spectra)], folder, shard_rows=1000, parameters={})


def residues(text: str) -> str:
    """Letters alone, I as L: by hand, not by the code under test."""
    while "[" in text:
        text = text[: text.index("[")] + text[text.index("]") + 1 :]
    return "".join(letter for letter in text if letter.isalpha() and letter.isupper()).replace("I", "L")


def test_no_real_test_peptide_is_in_any_training_data(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("PEPTRM_MIRROR", str(mirror))
    files = {name: Path(os.path.expandvars(path)) for name, path in PARAMS.bridge.test_files.items()}
    tested: set[str] = set()
    for path in files.values():
        with mgf.read(str(path), use_index=False) as spectra:
            tested |= {residues(each["params"]["seq"]) for each in spectra}
    assert len(tested) > 1000
    own = [f"PEPT{'ASDFGHKLMNPQ'[n % 12]}{'ASDFGHKLMNPQ'[n // 12]}DEK" for n in range(144)]
    synthetic_shards(tmp_path / "clean", [*sorted(tested)[:200], *own])
    training = (*PARAMS.bridge.training_files, str(files["mouse"]))  # a test file slipped in: none of it may stay
    bridge = PARAMS.bridge.model_copy(update={"training_files": training, "shards": str(tmp_path / "clean")})
    settings: Params = PARAMS.model_copy(update={"bridge": bridge})
    data = prepare(settings, Workspace(tmp_path))
    trained: dict[str, set[str]] = {}
    for path in (tmp_path / "bridge").glob("*.parquet"):
        sequences = {residues(text) for text in pq.read_table(path).column("peptidoform").to_pylist()}
        trained[path.stem] = sequences
    trap = trained["test-ion-trap"]
    assert len(trap) > 50
    for name in ("training-orbitrap", "training-ion-trap", "training-time-of-flight", "synthetic", "unseen"):
        assert trained[name] and not trained[name] & (tested | trap), name
    assert not trained["unseen"] & (trained["synthetic"] | trained["training-orbitrap"])
    assert trained["synthetic"] | trained["unseen"] <= {residues(text) for text in own}
    assert data.counts["training-orbitrap"] > 1000
    for name, path in files.items():
        assert trained[f"test-{name}"] <= tested
        assert data.counts[f"test-{name}"] == min(PARAMS.bridge.test_spectra, len(list(read_spectra(path))))


def test_a_set_that_was_not_prepared_is_named(tmp_path):
    with pytest.raises(InputError, match="no such spectra"):
        BridgeData(tmp_path).training("orbitrap")


def test_the_table_shows_every_test_set_and_what_was_forgotten():
    def figures(precision: float) -> dict[str, float]:
        return {"n_spectra": 7, "aa_precision": precision, "peptide_recall": 0.25}

    rows = [
        {"name": "as it starts", "tests": {"clean": figures(0.9), "hair": figures(0.5)}},
        {"name": "tuned", "tests": {"clean": figures(0.85), "hair": figures(0.625)}},
    ]
    adapted = [
        {"analyser": a, "name": n, "trained_parameters": 1234, "tests": {"t": figures(0.1)}}
        for a in ("orbitrap", "ion trap")
        for n in ("nothing", "adapters")
    ]
    text = "\n".join(markdown(rows, adapted, {"auroc": {"plain": 0.98765}}, {"test-hair": 1234}))
    assert "| strategy | clean | hair | forgotten |" in text
    assert "| spectra | 7 | 7 |  |" in text
    assert "| tuned | 85.0 / 25.0 | 62.5 / 25.0 | +5.0 |" in text
    assert "| adaptation | trained weights | orbitrap | ion trap |" in text
    assert "| adapters | 1,234 | 10.0 / 25.0 | 10.0 / 25.0 |" in text
    assert "| plain | 0.988 |" in text
    assert "| test-hair | 1,234 |" in text
