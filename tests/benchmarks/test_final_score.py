"""Questions that the final score is fitted to: those of the program, which was not shown what is right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.final_score import Finalists, begun_from
from benchmarks.spectrum_graph import measured
from data.batches import SpectrumSet
from data.vocabulary import PAD, VOCABULARY
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
