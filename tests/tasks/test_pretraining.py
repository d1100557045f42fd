"""Pre-training in small: from proteins and measured spectra to weights, without a peptide of the test files."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from data.batches import pretraining_sets
from data.proteomes import write_proteomes
from data.schema import to_table
from data.splits import is_validation, merged_sequence
from model.checkpoint import load_network
from tasks.params import Params
from tasks.pretraining import (
    BASE,
    BEFORE_FINE_TUNING,
    RECIPE_FILE,
    SMALL,
    distill,
    fine_tune,
    make_corpus,
    make_corpus_spectra,
    measured_spectra,
    pretrain,
)
from tasks.workspace import Workspace
from tests.flows.conftest import tiny_params
from tests.model.conftest import ladder

MEASURED = ["AAGGSVLTK", "DDFEHMNPK", "GVSSLLTPEK", "WYWGGAAK", "LLSSTTVVR", "PEPTLDEK"]
TESTED = "GVSSLLTPEK"


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Params:
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(1)
    spectra = [ladder(peptide, 2, rng) for peptide in MEASURED * 3]
    pq.write_table(to_table(spectra), folder / "measured.parquet")
    pq.write_table(to_table(spectra[MEASURED.index(TESTED) :][:1]), folder / "test.parquet")
    params = tiny_params()
    write_proteomes(Params.model_validate(params).proteomes, 1, folder / "proteomes")
    training = params["training"] | {"stages": [{"name": "mixed", "updates": 3, "synthetic_share": 0.5}]}
    params["fine_tuning"] |= {
        "files": [str(folder / "measured.parquet")],
        "spectra_per_peptide": 2,
        "training": training,
    }
    params["fine_tuning"]["held_out_share"] = 0.4
    params["corpus"] |= {"proteomes": [str(folder / "proteomes")], "exclude": [str(folder / "test.parquet")]}
    params["corpus"] |= {"peptides": 120, "max_length": 12, "held_out_share": 0.2}
    params["distillation"] |= {"network": {"width": 8}, "training": training}
    return Params.model_validate(params)


def test_measured_spectra_are_parted_by_peptide_capped_and_without_those_of_test_files(settings):
    training, held_out = measured_spectra(settings)
    sides = [[merged_sequence(s.peptidoform) for s in side] for side in (training, held_out)]
    assert sorted(sides[0] + sides[1]) == sorted([p.replace("I", "L") for p in MEASURED if p != TESTED] * 2)
    assert all(sides) and not set(sides[0]) & set(sides[1])
    assert all(is_validation(sequence, 0.4) for sequence in sides[1])


def test_weights_come_of_it_and_a_second_run_does_nothing(settings, tmp_path):
    workspace = Workspace(tmp_path)
    assert make_corpus(settings, workspace) == make_corpus_spectra(settings, workspace) == 120
    training_set, held_out = pretraining_sets(workspace.corpus_shards, 0.2)
    assert len(training_set) + len(held_out) == 120 and len(held_out)
    arguments = {"params": settings.model_dump(mode="json"), "root": str(tmp_path)}
    assert pretrain(**arguments)["updates"] == 4
    assert fine_tune(**arguments)["updates"] == 3
    weights = workspace.model(BASE) / "model.safetensors"
    load_network(workspace.model(BASE))
    assert distill(**arguments)["updates"] == 3
    small, base = (load_network(workspace.model(name))[0] for name in (SMALL, BASE))
    assert small.settings == replace(base.settings, width=8) and small.settings != base.settings
    before = weights.read_bytes(), weights.stat().st_mtime_ns
    made_from = json.loads((workspace.model(BASE) / RECIPE_FILE).read_text())
    assert made_from["start"]["recipe"]["training"]["stages"][0]["name"] == "clean"
    assert pretrain(**arguments) == fine_tune(**arguments) == distill(**arguments) == {}
    assert (weights.read_bytes(), weights.stat().st_mtime_ns) == before


def test_a_named_network_is_trained_further_in_the_place_of_the_first_training(settings, tmp_path):
    workspace = Workspace(tmp_path / "one")
    make_corpus(settings, workspace)
    make_corpus_spectra(settings, workspace)
    arguments = {"params": settings.model_dump(mode="json"), "root": str(workspace.root)}
    pretrain(**arguments)
    named = tmp_path / "named"
    workspace.model(BEFORE_FINE_TUNING).rename(named)
    (named / RECIPE_FILE).unlink()
    arguments["params"]["fine_tuning"]["start"] = str(named)
    assert pretrain(**arguments) == {}
    assert fine_tune(**arguments)["updates"] == 3
    made_from = json.loads((workspace.model(BASE) / RECIPE_FILE).read_text())
    weights = hashlib.sha256((named / "model.safetensors").read_bytes()).hexdigest()
    assert made_from["start"] == {"weights_sha256": weights}
    assert fine_tune(**arguments) == {}
