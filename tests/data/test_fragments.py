"""Fragments against pyteomics' masses, and which peaks they explain."""

import numpy as np
import pytest
from pyteomics import mass

from data.fragments import explained_peaks, fragment_ions
from data.schema import Spectrum


def test_ions_weigh_what_pyteomics_says():
    ions = {ion.name: ion for ion in fragment_ions("PEPTIDEK", 2)}
    assert len(ions) == 4 * 7
    for number in range(1, 8):
        for charge, mark in ((1, ""), (2, "^2")):
            b = mass.fast_mass("PEPTIDEK"[:number], ion_type="b", charge=charge)
            y = mass.fast_mass("PEPTIDEK"[-number:], ion_type="y", charge=charge)
            assert ions[f"b{number}{mark}"].mz == pytest.approx(b, abs=1e-5)
            assert ions[f"y{number}{mark}"].mz == pytest.approx(y, abs=1e-5)
    assert ions["b3"].cleavage == ions["y5"].cleavage == 3
    assert {ion.charge for ion in fragment_ions("PEPTIDEK", 1)} == {1}


def test_modifications_and_gaps_count():
    plain = {ion.name: ion.mz for ion in fragment_ions("AGAK", 1)}
    ions = {ion.name: ion.mz for ion in fragment_ions("[UNIMOD:1]-AX[+57.0215]AK", 1)}
    assert ions["b2"] == pytest.approx(plain["b2"] + 42.010565, abs=1e-3)
    assert ions["y3"] == pytest.approx(plain["y3"], abs=1e-3)


def test_each_peak_gets_the_nearest_ion_within_tolerance():
    ions = fragment_ions("PEPTIDEK", 1)
    y1, b2 = (next(ion for ion in ions if ion.name == name) for name in ("y1", "b2"))
    mz = np.array([y1.mz * (1 + 15e-6), b2.mz * (1 - 25e-6), 5000.0])
    spectrum = Spectrum("x:0", 400.0, 1, mz, np.ones(3, np.float32))
    assert explained_peaks(spectrum, ions, 20) == [y1, None, None]
    assert explained_peaks(spectrum, ions, 30) == [y1, b2, None]
    assert explained_peaks(spectrum, [], 20) == [None] * 3
