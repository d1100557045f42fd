"""Questions that the final score is fitted to: those of the program, which was not shown what is right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.final_score import Finalists, begun_from, of_measured
from benchmarks.spectrum_graph import measured
from data.batches import SpectrumSet
from data.vocabulary import PAD, VOCABULARY
from model.expected_heights import ExpectedHeights
from model.fragmentation import fitted
from model.match_score import fitted_match_score
from tasks.params import load_params
from tests.conftest import ladder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def finalists() -> Finalists:
    match = fitted_match_score(VOCABULARY)
    return Finalists(load_params(ROOT / "params.yaml"), match, begun_from(match))


def asked(finalists: Finalists, *spectra):
    return finalists.ask(measured(SpectrumSet.from_spectra(list(spectra))))


def test_the_right_peptide_stands_in_front_of_those_that_were_found_beside_it(finalists):
    of = asked(finalists, ladder("LPSSDVDK"), ladder("GAVTEEK"))
    fronts = [VOCABULARY.decode(tokens) for tokens in of.tokens[:, 0].numpy()]
    assert [front.replace("I", "L") for front in fronts] == ["LPSSDVDK", "GAVTEEK"]
    weight = torch.from_numpy(VOCABULARY.masses)[of.tokens.long()].sum(2)
    there = (of.tokens != PAD).any(2)
    assert there.sum(1).min() > 1 and there.shape[1] == finalists.settings.finalists
    np.testing.assert_allclose(weight[there], weight[:, :1].expand_as(weight)[there], rtol=20e-6)


def test_nothing_is_asked_where_the_right_peptide_is_not_found(finalists):
    seen = ladder("LPSSDVDK")
    misled = replace(seen, peptidoform="WGGGGGGGGGK")  # of another mass: no search finds it
    assert len(asked(finalists, misled).tokens) == 0
    both = asked(finalists, misled, seen)
    torch.testing.assert_close(both.tokens, asked(finalists, seen).tokens)


def test_measured_spectra_are_asked_of_as_they_are_and_as_those_of_other_peptides(finalists):
    exact = ExpectedHeights(VOCABULARY)
    halves = [
        (SpectrumSet.from_spectra([ladder(peptide)]), fitted(VOCABULARY), exact) for peptide in ("LPSSDVDK", "GAVTEEK")
    ]
    of = of_measured(finalists, halves, np.random.default_rng(0))
    fronts = [VOCABULARY.decode(tokens).replace("I", "L") for tokens in of.tokens[:, 0].numpy()]
    own = fronts.count("LPSSDVDK"), fronts.count("GAVTEEK")
    assert min(own) > 1  # further copies
    others = set(fronts) - {"LPSSDVDK", "GAVTEEK"}
    assert others and {len(other) for other in others} <= {8, 7}
    assert finalists.asked.expected is not exact and isinstance(finalists.asked.expected, ExpectedHeights)
