"""The bridge from its spectra to its tables, in small: every way of training runs, and what was measured is kept."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from data.schema import to_table
from data.shards import write_shards
from tasks.bridge import adapt, prepare_bridge, train_row
from tasks.bridge_noise import learn
from tasks.bridge_table import markdown
from tasks.params import load_params
from tests.conftest import ladder

ROWS = (
    "as it starts",
    "learned noise",
    "mixed curriculum",
    "ProteomeTools in the middle",
    "domain adversary",
    "told the instrument",
)
SMALL = (
    "bridge.updates=5",
    "bridge.test_spectra=2",
    "bridge.steps=1",
    "bridge.learned_noise.epochs=1",
    "bridge.training.batch_size=4",
    "bridge.adaptation.updates=1",
    "bridge.adaptation.meta_rounds=2",
    "bridge.adaptation.meta_updates=1",
    "evaluation.bootstrap_samples=10",
)


def test_every_way_of_training_runs_and_is_kept(mirror, model, tmp_path, monkeypatch):
    monkeypatch.setenv("PEPTRM_MIRROR", str(mirror))
    peptides = [f"PEPT{'ASDFGHKLMNPQ'[n % 12]}{'ASDFGHKLMNPQ'[n // 12]}DEK" for n in range(144)]
    write_shards(
        [to_table([ladder(peptide) for peptide in peptides])], tmp_path / "clean", shard_rows=1000, parameters={}
    )
    places = (f"bridge.start={model}", f"bridge.shards={tmp_path / 'clean'}")
    settings = load_params(Path(__file__).parents[2] / "params.yaml", (*SMALL, *places))
    params, root = settings.model_dump(mode="json"), str(tmp_path)
    counts = prepare_bridge(params, root)
    measured = pq.read_table(tmp_path / "bridge" / "training-orbitrap.parquet")
    few = measured.take(list(range(0, len(measured), 4)))  # of all sources; the noise is slow to learn
    pq.write_table(few, tmp_path / "bridge" / "training-orbitrap.parquet")
    noise = learn(params, root)
    assert noise["auroc"].keys() == {"plain", "fitted", "learned"}
    rows = [train_row(params, root, name) for name in ROWS]
    adapted = [adapt(params, root, "ion trap", name) for name in settings.bridge.adaptation.rows]
    assert [row["samples"] > 0 for row in rows] == [False, *[True] * 5]
    assert len({row["samples"] for row in rows[1:]}) == 1
    weights = {way["name"]: way["trained_parameters"] for way in adapted}
    assert weights["nothing"] == weights["Reptile"] == 0 < weights["adapters"] < weights["all weights"]
    text = "\n".join(markdown(rows, adapted, noise, counts))
    assert all(f"| {name} | " in text for name in (*ROWS, *weights, *noise["auroc"], *counts))
    monkeypatch.setattr("tasks.bridge.train", None)  # what was measured is read back, not trained again
    assert train_row(params, root, ROWS[1]) == json.loads(json.dumps(rows[1]))
    assert adapt(params, root, "ion trap", "all weights") == json.loads(json.dumps(adapted[1]))
