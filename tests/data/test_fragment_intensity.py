"""Our way into MS2PIP's models gives MS2PIP's own predictions."""

import hashlib
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data.chemistry import MODIFICATIONS
from data.downloaded_models import intensity_predictor
from data.errors import InputError
from data.fragment_intensity import OFFLINE_MODELS, IntensityPredictor
from data.peptidoform import Peptidoform
from data.vocabulary import VOCABULARY


def with_mass_shifts(peptide: Peptidoform, charge: int) -> str:
    """ProForma that MS2PIP resolves without a network."""
    n_term = "".join(f"[{sum(MODIFICATIONS[a].mass for a in peptide.n_term):+}]-" if peptide.n_term else "")
    residues = (
        letter if accession is None else f"{letter}[{MODIFICATIONS[accession].mass:+}]"
        for letter, accession in zip(peptide.residues, peptide.modifications, strict=True)
    )
    return f"{n_term}{''.join(residues)}/{charge}"


def random_peptides(count: int, seed: int) -> list[tuple[Peptidoform, int]]:
    """With every modification of the vocabulary, half of the C carbamidomethylated."""
    rng = np.random.default_rng(seed)
    tokens = [token for token in VOCABULARY.tokens if token.residue]
    terminal = [token.modifications for token in VOCABULARY.tokens if token.is_terminal]
    peptides = []
    for number in range(count):
        drawn = [tokens[i] for i in rng.integers(0, len(tokens), rng.integers(4, 31))]
        n_term = terminal[number % len(terminal)] if number % 2 else ()
        letters = "".join("I" if t.residue == "L" and rng.random() < 0.5 else t.residue for t in drawn)
        modifications = tuple(t.modifications[0] if t.modifications else None for t in drawn)
        peptides.append((Peptidoform(letters, modifications, n_term), int(rng.integers(1, 6))))
    return peptides


def linear(log_intensity: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.exp2(log_intensity.astype(np.float64)) - 0.001


def check_against_ms2pip(model: str, peptides: list[tuple[Peptidoform, int]], **options: Any) -> None:
    from ms2pip import predict_single

    predictor = intensity_predictor(model)
    found = predictor.predict([p.residues for p, _ in peptides], [charge for _, charge in peptides])
    row = 0
    for peptide, charge in peptides:
        cleavages = len(peptide.residues) - 1
        ours, row = found[row : row + cleavages], row + cleavages
        theirs = predict_single(with_mass_shifts(peptide, charge), model=model, **options).predicted_intensity
        columns = [linear(theirs[ion]) for ion in ("b", "y", "b2", "y2") if ion in theirs]
        assert len(columns) == len(predictor.series) == ours.shape[1]
        for series, column in enumerate(columns):
            # MS2PIP lists y1, y2, …; we go through the cleavages from the N terminus
            np.testing.assert_allclose(ours[:, series], column[::-1] if series % 2 else column, atol=1e-4, rtol=1e-4)
    assert row == len(found)


@pytest.mark.parametrize("model", OFFLINE_MODELS)
def test_intensities_are_those_of_predict_single(model: str) -> None:
    check_against_ms2pip(model, random_peptides(60, seed=len(model)))


def test_a_modification_does_not_change_the_intensities() -> None:
    from ms2pip import predict_single

    plain, modified = (
        predict_single(text, model="HCDch2").predicted_intensity
        for text in ("ACDEMSTK/2", "[+42.010565]-AC[+57.021464]DEM[+15.994915]S[+79.966331]TK/2")
    )
    for ion in ("b", "y", "b2", "y2"):
        np.testing.assert_array_equal(plain[ion], modified[ion])


def test_a_downloaded_model_is_used_like_ms2pip_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xgboost
    from ms2pip.constants import MODELS

    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ms2pip"
    folder.mkdir()
    rng = np.random.default_rng(0)
    hashes = {}
    for file in MODELS["CIDch2"]["xgboost_model_files"].values():
        features = rng.integers(0, 30, (400, 139))
        targets = -5 + 0.1 * features[:, rng.integers(0, 139)] + rng.normal(size=400)
        booster = xgboost.train({"max_depth": 4, "nthread": 1}, xgboost.DMatrix(features, targets), 10)
        booster.save_model(tmp_path / "model.json")
        content = (tmp_path / "model.json").read_bytes()
        (folder / file).write_bytes(content)
        hashes[file] = hashlib.sha1(content).hexdigest()
    monkeypatch.setitem(MODELS["CIDch2"], "model_hash", hashes)
    check_against_ms2pip("CIDch2", random_peptides(20, seed=2), model_dir=str(folder))


def test_a_model_that_cannot_be_downloaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlretrieve", unreachable)
    with pytest.raises(InputError, match=r"model HCD2021 .*cannot be downloaded.*HCDch2, HCD2019, TMT"):
        intensity_predictor("HCD2021")


def test_an_unknown_model_and_impossible_peptides_are_named() -> None:
    with pytest.raises(InputError, match=r"no model 'HCDch3'.*HCDch2"):
        intensity_predictor("HCDch3")
    predictor = IntensityPredictor("HCDch2")
    assert predictor.predict(["A" * 100], [2]).shape == (99, 4)
    for sequence in ("PEP", "A" * 101, "PEPTXDE", "peptide"):
        with pytest.raises(InputError, match=sequence):
            predictor.predict([sequence], [2])


def test_offline_models_need_no_import_of_ms2pip() -> None:
    script = (
        "import sys; from data.fragment_intensity import IntensityPredictor; IntensityPredictor('HCDch2');"
        "sys.exit(any(name in sys.modules for name in ('ms2pip', 'pandas', 'xgboost')))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
