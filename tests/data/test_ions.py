"""Backbone ions against pyteomics, and which peaks they explain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyteomics import mass

from data.ions import backbone_ions, explained_peaks
from data.vocabulary import VOCABULARY

residues = st.text("GASPVTLNDQKEMHFRYW", min_size=2, max_size=20)


def _masses(peptide: str):
    return VOCABULARY.masses[VOCABULARY.encode(peptide)]


def _within(tolerance_da: float):
    return lambda mz: np.full(len(mz), tolerance_da)


@given(residues, st.integers(1, 4))
def test_ions_are_those_of_pyteomics(peptide, charge):
    ions = {ion.name: ion.mz for ion in backbone_ions(_masses(peptide), charge, has_terminal=False)}
    for place in range(1, len(peptide)):
        for protons, sign in ((1, ""), (2, "++")):
            if protons > charge:
                assert f"b{place}{sign}" not in ions
                continue
            first = mass.fast_mass(peptide[:place], ion_type="b", charge=protons)
            last = mass.fast_mass(peptide[place:], ion_type="y", charge=protons)
            assert ions[f"b{place}{sign}"] == pytest.approx(first, abs=1e-4)
            assert ions[f"y{len(peptide) - place}{sign}"] == pytest.approx(last, abs=1e-4)
    assert len(ions) == 2 * min(charge, 2) * (len(peptide) - 1)


def test_a_terminal_modification_moves_the_b_ions_and_is_not_counted():
    plain = {ion.name: ion.mz for ion in backbone_ions(_masses("GASK"), 1, has_terminal=False)}
    acetyl = {ion.name: ion.mz for ion in backbone_ions(_masses("[UNIMOD:1]-GASK"), 1, has_terminal=True)}
    assert set(plain) == set(acetyl)
    for name, mz in plain.items():
        assert acetyl[name] - mz == pytest.approx(42.010565 if name[0] == "b" else 0.0, abs=1e-4)


def test_y_ions_follow_a_given_peptide_mass():
    usual = {ion.name: ion.mz for ion in backbone_ions(_masses("GASK"), 1, has_terminal=False)}
    total = mass.fast_mass("GASK") + 10
    moved = {ion.name: ion.mz for ion in backbone_ions(_masses("GASK"), 1, has_terminal=False, peptide_mass=total)}
    assert moved["y2"] - usual["y2"] == pytest.approx(10, abs=1e-4)
    assert moved["b2"] == usual["b2"]


@given(residues)
def test_every_ion_finds_its_own_peak_among_others(peptide):
    ions = backbone_ions(_masses(peptide), 2, has_terminal=False)
    mz = np.unique([ion.mz for ion in ions])
    found = explained_peaks(ions, mz, _within(1e-4))
    assert {each.peak for each in found} == set(range(len(mz)))
    assert all(mz[each.peak] == pytest.approx(each.ion.mz, abs=1e-4) for each in found)


def test_peaks_beyond_the_tolerance_stay_unexplained():
    ions = backbone_ions(_masses("GASK"), 1, has_terminal=False)
    b2 = next(ion for ion in ions if ion.name == "b2").mz
    mz = np.array([b2 - 0.03, b2 + 0.004, b2 + 0.006, 900.0])
    (found,) = explained_peaks(ions, mz, _within(0.01))
    assert (found.peak, found.ion.name) == (1, "b2")
    assert found.error_ppm == pytest.approx(0.004 / b2 * 1e6)
    assert explained_peaks(ions, np.empty(0), _within(0.01)) == []
    assert explained_peaks([], mz, _within(0.01)) == []
