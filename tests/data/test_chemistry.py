"""Masses and fragments against pyteomics and against the masses that Unimod itself states."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyteomics import mass

from data import unimod
from data.chemistry import (
    AMMONIA,
    CARBON_MONOXIDE,
    ION_SERIES,
    ISOTOPE_SPACING,
    MODIFICATIONS,
    PROTON,
    RESIDUE_MASSES,
    WATER,
    IonSeries,
    fragment_mz,
    neutral_mass,
    precursor_mz,
)
from data.peptidoform import Peptidoform

# Element compositions on the Unimod pages of the vocabulary's modifications, typed here as an independent truth.
FORMULAS = {4: "H3C2NO", 35: "O", 21: "HO3P", 7: "H-1N-1O", 1: "H2C2O", 5: "HCNO", 385: "H-3N-1"}
SITES = {"C": (4,), "M": (35,), "S": (21,), "T": (21,), "Y": (21,), "N": (7,), "Q": (7,)}
N_TERM = ((), (1,), (5,), (385,), (5, 385))


@st.composite
def peptidoforms(draw: st.DrawFn) -> Peptidoform:
    residues = draw(st.text("ACDEFGHIKLMNPQRSTVWY", min_size=2, max_size=30))
    modifications = tuple(draw(st.sampled_from((None, *SITES.get(letter, ())))) for letter in residues)
    return Peptidoform(residues, modifications, draw(st.sampled_from(N_TERM)))


def composition(peptidoform: Peptidoform, start: int, stop: int) -> mass.Composition:
    """Of the residues start…stop with their modifications, water included, by pyteomics alone."""
    total = mass.Composition(sequence=peptidoform.residues[start:stop])
    attached = [*peptidoform.modifications[start:stop], *(peptidoform.n_term if start == 0 else ())]
    for accession in filter(None, attached):
        total += mass.Composition(formula=FORMULAS[accession])
    return total


def test_masses_file_is_what_the_generator_makes() -> None:
    assert json.loads(unimod.MASSES_FILE.read_text()) == json.loads(json.dumps(unimod.build()))


@pytest.mark.parametrize("letter", "ACDEFGHIKLMNPQRSTVWY")
def test_residue_masses(letter: str) -> None:
    assert RESIDUE_MASSES[letter] == pytest.approx(mass.std_aa_mass[letter], abs=1e-5)
    assert RESIDUE_MASSES[letter] == pytest.approx(mass.calculate_mass(sequence=letter) - WATER, abs=1e-9)


def test_there_are_twenty_residues() -> None:
    assert sorted(RESIDUE_MASSES) == sorted("ACDEFGHIKLMNPQRSTVWY")


def test_particles() -> None:
    assert mass.calculate_mass(formula="H2O") == pytest.approx(WATER, abs=1e-9)
    assert mass.calculate_mass(formula="NH3") == pytest.approx(AMMONIA, abs=1e-9)
    assert mass.calculate_mass(formula="CO") == pytest.approx(CARBON_MONOXIDE, abs=1e-9)
    assert pytest.approx(1.00727646677, abs=1e-9) == PROTON
    assert pytest.approx(1.0033548378, abs=1e-9) == ISOTOPE_SPACING


def test_every_modification_weighs_what_unimod_states() -> None:
    stated = {int(row["record_id"]): float(row["mono_mass"]) for row in unimod._unimod_tables()["modifications"]}
    for accession, modification in MODIFICATIONS.items():
        assert modification.mass == pytest.approx(stated[accession], abs=2e-5), modification


@pytest.mark.parametrize("accession", FORMULAS)
def test_modification_masses(accession: int) -> None:
    assert MODIFICATIONS[accession].mass == pytest.approx(mass.calculate_mass(formula=FORMULAS[accession]), abs=1e-9)


@settings(max_examples=1000)
@given(peptidoforms())
def test_peptidoform_and_fragment_masses(peptidoform: Peptidoform) -> None:
    length = len(peptidoform.residues)
    total = peptidoform.mass
    assert total == pytest.approx(mass.calculate_mass(composition=composition(peptidoform, 0, length)), abs=1e-7)
    weights = [
        RESIDUE_MASSES[letter] + (MODIFICATIONS[accession].mass if accession else 0.0)
        for letter, accession in zip(peptidoform.residues, peptidoform.modifications, strict=True)
    ]
    prefixes = np.cumsum(weights)[:-1] + sum(MODIFICATIONS[a].mass for a in peptidoform.n_term)
    for series in ION_SERIES:
        computed = fragment_mz(prefixes, total, series)
        for cleavage in (1, length // 2, length - 1):
            span = (0, cleavage) if series.terminus == "N" else (cleavage, length)
            fragment = composition(peptidoform, *span) + mass.std_ion_comp[series.name[0]]
            expected = mass.calculate_mass(composition=fragment, charge=series.charge)
            assert computed[cleavage - 1] == pytest.approx(expected, abs=1e-7), (series, cleavage)


def test_series_are_b_and_y_at_charges_1_and_2() -> None:
    assert [series.name for series in ION_SERIES] == ["b", "y", "b++", "y++"]
    assert [(series.name[0], series.charge) for series in ION_SERIES] == [("b", 1), ("y", 1), ("b", 2), ("y", 2)]


def test_other_series_follow_from_their_offset() -> None:
    a_ion = IonSeries("a", "N", 1, -CARBON_MONOXIDE)
    prefix = mass.calculate_mass(sequence="PEP") - WATER
    assert fragment_mz(prefix, 1000.0, a_ion) == pytest.approx(mass.calculate_mass("PEP", ion_type="a", charge=1))


@given(st.floats(100, 5000), st.integers(1, 8))
def test_precursor_and_neutral_mass_invert(neutral: float, charge: int) -> None:
    assert neutral_mass(precursor_mz(neutral, charge), charge) == pytest.approx(neutral, rel=1e-12)


def test_arrays_and_tensors_give_the_same() -> None:
    prefix, peptide = np.array([[97.05, 226.1], [71.04, 142.07]]), np.array([[799.36], [500.2]])
    for series in ION_SERIES:
        tensor = fragment_mz(torch.from_numpy(prefix), torch.from_numpy(peptide), series)
        assert tensor.dtype == torch.float64
        np.testing.assert_array_equal(tensor.numpy(), fragment_mz(prefix, peptide, series))
