"""A fold for real, in its smallest form, on predicted and on measured spectra; nothing of its test trains it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from data.augmentation import augment
from data.chemistry import ION_SERIES, WATER, fragment_mz, precursor_mz
from data.errors import InputError
from data.peptides import build_peptides
from data.proteomes import write_proteomes
from data.splits import merged_sequence
from data.synthesis import synthesize
from data.vocabulary import VOCABULARY
from tasks.folds import fold_data
from tasks.params import Params, check_params
from tasks.training import run_fold
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[2]
SPECIES = [{"name": f"Species {slug}", "slug": slug, "taxon": 10 + n} for n, slug in enumerate(("one", "two"))]
MEASURED = {"one": ["SAMPLERK", "PEPTLDEK", "VELVETK"], "two": ["SAMPIERK", "GGSAMK", "AC[UNIMOD:4]DEFK"]}


def ladder(peptide: str) -> str:
    """A complete b/y ladder as an entry of an MGF file."""
    masses = VOCABULARY.masses[VOCABULARY.encode(peptide)]
    total = float(masses.sum()) + WATER
    mz = np.sort(np.concatenate([fragment_mz(np.cumsum(masses)[:-1], total, series) for series in ION_SERIES[:2]]))
    peaks = "".join(f"{value} 1\n" for value in mz)
    return f"BEGIN IONS\nPEPMASS={precursor_mz(total, 2)}\nCHARGE=2+\nSEQ={peptide}\n{peaks}END IONS\n"


def settings(**folds: Any) -> Params:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    small = {"batch_size": 8, "validate_every": 2, "validation_spectra": 8, "warmup_updates": 1}
    raw["species"] = SPECIES
    raw["proteomes"] |= {"proteins_per_species": 3, "general_proteins": 8}
    raw["peptides"] |= {"per_species": 10, "pretraining": 60, "max_length": 12, "validation_share": 0.2}
    raw["network"] |= {"width": 16, "heads": 2, "core_layers": 1, "candidate_width": 8, "slots": 16}
    stages = [{"name": "mixed", "updates": 2, "synthetic_share": 0.5 if "measured" in folds else 1.0}]
    raw["cross_validation"] |= {"start": "scratch", "training": small | {"stages": stages}} | folds
    raw["calibration"] |= {"fold_spectra": 0}
    raw["evaluation"] |= {"steps": 2, "bootstrap_samples": 20}
    return check_params(raw, ROOT / "params.yaml")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """What the data stages leave, and measured spectra of both species."""
    made, params = Workspace(tmp_path_factory.mktemp("workspace")), settings()
    write_proteomes(params.proteomes, 1, made.proteomes, params.species)
    build_peptides(params.peptides, 1, made.proteomes, made.peptides, params.species)
    synthesize(made.peptides, params.synthesis.__class__(processes=1, shard_rows=100), 1, made.clean_shards)
    augment(made.clean_shards, made.augmented_shards, params.augment.levels, params.noise, 0.2, 100, 1)
    for slug, peptides in MEASURED.items():
        (made.root / f"{slug}.mgf").write_text("".join(map(ladder, peptides)))
    return made


def with_files(workspace: Workspace, *slugs: str) -> Params:
    files = {str(workspace.root / f"{slug}.mgf"): f"Species {slug}" for slug in slugs}
    return settings(measured={"files": files})


def test_a_fold_of_measured_spectra(workspace: Workspace) -> None:
    params = with_files(workspace, "one", "two")
    data = fold_data(params, workspace, "one")
    assert [spectrum.peptidoform for spectrum in data.test] == MEASURED["one"]
    assert data.measured is not None
    trained = [VOCABULARY.decode(tokens) for tokens in data.measured.tokens]
    assert trained == MEASURED["two"][1:]  # SAMPIERK is SAMPLERK, I read as L
    assert data.left_out == {"of a peptide that occurs in the held-out species": 1}
    report = run_fold(params.model_dump(mode="json"), str(workspace.root), "one")
    assert report["metrics"]["n_spectra"] == 3
    assert report["training_spectra"]["measured"] == 2
    assert report["intervals"].keys() >= {"aa_precision", "aa_recall", "peptide_recall", "auc"}
    counts = {name: sum(figures["n_spectra"] for figures in groups.values()) for name, groups in report["by"].items()}
    assert counts == {"length": 3, "charge": 3, "missing": 3, "modification": 3}
    kept = pq.read_table(workspace.fold_predictions("one")).column("missing_fragments").to_pylist()
    assert kept == [0.0] * 3


def test_a_fold_of_predicted_spectra(workspace: Workspace) -> None:
    data = fold_data(settings(), workspace, "two")
    assert data.measured is None and data.left_out == {}
    tested = {merged_sequence(spectrum.peptidoform or "") for spectrum in data.test}
    assert len(tested) == 10
    for part in (data.training, data.validation):
        assert not tested & {merged_sequence(VOCABULARY.decode(tokens)) for tokens in part.tokens}


def test_a_fold_without_a_test_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="no spectrum of two to test on"):
        fold_data(with_files(workspace, "one"), workspace, "two")
