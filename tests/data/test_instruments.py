"""Instrument families, by names as files carry them."""

import pytest

from data.instruments import FAMILIES, family


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Q Exactive HF", "orbitrap"),
        ("LTQ Orbitrap Velos", "orbitrap"),
        ("Orbitrap Fusion Lumos", "orbitrap"),
        ("TripleTOF 5600", "time of flight"),
        ("timsTOF Pro", "time of flight"),
        ("LTQ XL", "ion trap"),
        ("Ion Trap", "ion trap"),
        ("a box", "unknown"),
        (None, "unknown"),
    ],
)
def test_names(name, expected):
    assert FAMILIES[family(name)] == expected
