"""Groups of spectra: by hand, on spectra whose ions are known, and against a table that others computed."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyteomics import mass as pyteomics_mass

from data.chemistry import ION_SERIES, WATER, fragment_mz
from data.errors import InputError
from data.predictions import Prediction
from data.schema import Spectrum
from data.vocabulary import VOCABULARY
from model.breakdown import break_down, break_downs, missing_fragment_share, with_missing_fragments


def prediction(true: str, read: str, charge: int = 2, missing: float | None = None) -> Prediction:
    return Prediction("x", 500.0, charge, None, read, (), 0.5, None, None, reference=true, missing_fragments=missing)


def spectrum(peptide: str, ions: list[float], charge: int = 2) -> Spectrum:
    mz = np.sort(np.array(ions, float))
    return Spectrum("x", 500.0, charge, mz, np.ones(len(mz), np.float32), peptidoform=peptide)


def ion(peptide: str, kind: str, number: int, charge: int = 1) -> float:
    """m/z of an ion of an unmodified peptide, by pyteomics."""
    part = peptide[:number] if kind == "b" else peptide[-number:]
    return float(pyteomics_mass.fast_mass(part, ion_type=kind, charge=charge))


def test_share_of_missing_cleavages_by_hand():
    assert missing_fragment_share(spectrum("SAMPLER", [])) == 1
    assert missing_fragment_share(spectrum("K", [147.1])) == 0  # nothing to cleave
    some = [ion("SAMPLER", "b", 2), ion("SAMPLER", "y", 5), ion("SAMPLER", "y", 1)]  # b2 and y5 are one cleavage
    assert missing_fragment_share(spectrum("SAMPLER", some)) == pytest.approx(4 / 6)
    assert missing_fragment_share(spectrum("SAMPLER", [mz + 0.019 for mz in some])) == pytest.approx(4 / 6)
    assert missing_fragment_share(spectrum("SAMPLER", [mz + 0.021 for mz in some])) == 1
    doubly = [ion("SAMPLER", "y", 4, charge=2)]
    assert missing_fragment_share(spectrum("SAMPLER", doubly)) == 1
    assert missing_fragment_share(spectrum("SAMPLER", doubly, charge=3)) == pytest.approx(5 / 6)


def test_modifications_weigh_and_the_bond_to_a_terminal_one_is_no_cleavage():
    peptide = "[UNIMOD:1]-SAM[UNIMOD:35]K"
    masses = VOCABULARY.masses[VOCABULARY.encode(peptide)]
    total = float(masses.sum()) + WATER
    whole = fragment_mz(masses.cumsum()[1:-1], total, ION_SERIES[0]).tolist()
    assert missing_fragment_share(spectrum(peptide, whole)) == 0
    assert missing_fragment_share(spectrum("SAMK", whole)) == 1


def test_groups_and_their_order():
    predictions = [
        prediction("SAMPLER", "SAMPLER", 2, 0.0),
        prediction("[UNIMOD:1]-SAM[UNIMOD:35]PLERSAMK", "SAMPLER", 3, 1 / 3),
        prediction("C[UNIMOD:4]M[UNIMOD:35]K", "C[UNIMOD:4]M[UNIMOD:35]K", 3, 0.3),
        replace(prediction("SAMK", "SAMK"), reference=None),
    ]
    groups = break_downs(predictions)
    lengths = {n: (m.n_spectra, m.peptide_recall) for n, m in groups["length"].items()}
    assert lengths == {"to 9": (2, 1.0), "10–12": (1, 0.0)}
    assert {n: m.n_spectra for n, m in groups["charge"].items()} == {"2": 1, "3": 2}
    assert {n: m.n_spectra for n, m in groups["missing"].items()} == {"none": 1, "to 0.3": 1, "to 0.5": 1}
    assert {n: (m.n_spectra, m.peptide_recall) for n, m in groups["modification"].items()} == {
        "none": (1, 1.0),
        "Acetyl": (1, 0.0),
        "Carbamidomethyl": (1, 1.0),
        "Oxidation": (2, 0.5),
    }
    assert list(groups["modification"]) == ["none", "Acetyl", "Carbamidomethyl", "Oxidation"]
    assert break_down([prediction("SAMK", "SAMK")], "missing") == {}


def test_what_a_spectrum_lacks_is_kept_with_its_prediction():
    spectra = [spectrum("SAMK", []), replace(spectrum("SAMK", []), peptidoform=None)]
    kept = with_missing_fragments([prediction("SAMK", "SAMK")] * 2, spectra)
    assert [entry.missing_fragments for entry in kept] == [1.0, None]


def test_real_spectra_lack_what_others_found_them_to_lack(mirror):
    table = pq.read_table(mirror / "train" / "real_psms.parquet").slice(0, 1200)
    ours, theirs = [], []
    for row in table.to_pylist():
        try:
            found = missing_fragment_share(spectrum(row["peptidoform"], row["mz"], row["precursor_charge"]))
        except InputError:  # a modification that the vocabulary does not hold
            continue
        ours.append(1 - found)
        theirs.append(row["by_cov_002"])  # cleavages with an ion within 0.02 Da, which charges count may differ
    assert len(ours) > 1000
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert np.mean(np.abs(np.subtract(ours, theirs))) < 0.01
