"""The heights that are expected of the last candidates: MS2PIP's own, and the small network's where it knows none."""

import logging

import numpy as np
import pytest
import torch

from data import fragment_intensity
from data.errors import PepTRMError
from data.vocabulary import GAP, PAD, VOCABULARY
from model.expected_heights import ExpectedHeights
from model.fragmentation import MEASURED, PREDICTED, fitted
from tests.model.test_fragmentation import tokens_of

CHARGE = torch.tensor([2, 3])


@pytest.fixture
def heights():
    return ExpectedHeights(VOCABULARY)


def test_heights_are_those_that_ms2pip_predicts_itself(heights):
    from ms2pip import predict_single

    tokens = tokens_of(["ELVGHPEQALR", "[UNIMOD:1]-SYELPDGQVLTK"])
    found = heights(tokens, CHARGE)[PREDICTED].numpy()
    for row, (peptide, first) in enumerate((("ELVGHPEQALR/2", 0), ("[+42.010565]-SYELPDGQVLTK/3", 1))):
        predicted = predict_single(peptide, model="HCDch2").predicted_intensity
        for series, ion in enumerate(("b", "y", "b2", "y2")):
            linear = (np.exp2(predicted[ion].astype(np.float64)) - 0.001).clip(0)
            wanted = np.sqrt(linear[::-1] if series % 2 else linear)
            np.testing.assert_allclose(found[row, first : first + len(wanted), series], wanted, atol=2e-3)
        assert not found[row, :first].any() and not found[row, first + len(wanted) :].any()


def test_measured_heights_and_what_ms2pip_does_not_know_are_the_small_networks(heights):
    gapped = [GAP, *VOCABULARY.encode("ELVGHPEQALR")]
    tokens = tokens_of(["ELVGHPEQALR", "PEK", "ELVGHPEQALR"])
    tokens[2, : len(gapped)] = torch.tensor(gapped)
    charge = torch.full((3,), 2)
    found, small = heights(tokens, charge), fitted(VOCABULARY)(tokens, charge)
    torch.testing.assert_close(found[MEASURED], small[MEASURED])
    torch.testing.assert_close(found[PREDICTED, 1:], small[PREDICTED, 1:])
    assert (found[PREDICTED, 0] - small[PREDICTED, 0]).abs().max() > 0.01
    nothing = heights(torch.full((2, 5), PAD), CHARGE)
    assert nothing.shape == (2, 2, 5, 4) and nothing.isfinite().all()


def test_heights_are_in_single_precision_whatever_the_networks(heights):
    tokens = tokens_of(["ELVGHPEQALR", "PEK"])
    wanted = heights(tokens, CHARGE)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(heights(tokens, CHARGE), wanted, rtol=0, atol=0)


def test_without_ms2pip_the_small_network_stands_in_and_says_so(heights, monkeypatch, caplog):
    def missing(*_):
        raise PepTRMError("the installed MS2PIP does not hold the compiled models")

    monkeypatch.setattr(fragment_intensity, "IntensityPredictor", missing)
    fragment_intensity.installed_predictor.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            found = [heights(tokens_of(["ELVGHPEQALR", "SYELPDGQVLTK"]), CHARGE) for _ in range(2)]
    finally:
        fragment_intensity.installed_predictor.cache_clear()
    for told in found:
        torch.testing.assert_close(told, fitted(VOCABULARY)(tokens_of(["ELVGHPEQALR", "SYELPDGQVLTK"]), CHARGE))
    (record,) = caplog.records
    assert record.message.startswith("the heights of ions are told by the small network alone: the installed MS2PIP")
