"""Kinds of fragmentation, by names as files carry them."""

import pytest

from data.activation import KINDS, kind
from data.peaks import PeakBatch
from data.schema import Spectrum


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HCD", "beam-type"),
        ("beam-type collision-induced dissociation", "beam-type"),
        ("CID (beam-type)", "beam-type"),
        ("CID", "ion trap CID"),
        ("CID ion trap", "ion trap CID"),
        ("collision-induced dissociation", "ion trap CID"),
        ("ETD", "electron"),
        ("EThcD", "electron"),
        ("electron transfer dissociation", "electron"),
        ("CID/HCD", "unknown"),
        ("CID/HCD?", "unknown"),
        ("?", "unknown"),
        ("light", "unknown"),
        (None, "unknown"),
    ],
)
def test_names(name, expected):
    assert KINDS[kind(name)] == expected


def test_a_batch_holds_the_kind_of_each_spectrum():
    spectra = [Spectrum(name, 500.0, 2, [100.0], [1.0], fragmentation=name) for name in ("ETD", "HCD")]
    batch = PeakBatch.from_spectra([*spectra, Spectrum("none", 500.0, 2, [100.0], [1.0])])
    assert [KINDS[number] for number in batch.fragmentation] == ["electron", "beam-type", "unknown"]
    assert [KINDS[number] for number in batch.select([2, 0]).fragmentation] == ["unknown", "electron"]
