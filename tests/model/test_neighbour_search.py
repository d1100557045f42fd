"""The search among neighbours: finds the peptide of a complete ladder from a wrong one, keeps mass and order."""

import torch

from data.chemistry import WATER
from data.peaks import PeakBatch
from data.vocabulary import PAD, VOCABULARY
from model.match_score import fitted_match_score
from model.neighbour_search import NeighbourSearch
from model.spectra import to_spectra
from tests.conftest import ladder
from tests.model.test_match_score import EVIDENCE, SLOTS, tokens_of

USUAL = torch.tensor(VOCABULARY.encode("GASPVTLNDQKEMHFRYW")).sort().values


def search(peptide, *starts):
    spectrum = ladder(peptide)
    read = to_spectra(PeakBatch.from_spectra([spectrum]), len(spectrum.mz), "cpu")
    index = EVIDENCE.index(read.mz, read.intensity, read.precursor_mz, read.charge)
    searching = NeighbourSearch(VOCABULARY, USUAL, 20.0, 0, fitted_match_score(VOCABULARY))
    tokens, score = searching(EVIDENCE, index, read.charge, tokens_of(*starts))
    assert (score[0].diff()[score[0, 1:].isfinite()] <= 0).all()
    return [VOCABULARY.decode(row) for row in tokens[0].tolist()], index, tokens


def test_two_mistakes_are_put_right():
    found, index, tokens = search("LPSADVEK", "PLSAVDEK")
    assert found[0] == "LPSADVEK"
    assert len(set(found)) == len(found)
    masses = torch.from_numpy(VOCABULARY.masses)[tokens[0]].sum(1) + WATER
    exists = (tokens[0] != PAD).any(1)
    off = (masses - index.peptide_mass)[exists].abs()
    assert (off <= index.peptide_mass * 20e-6).all()


def test_residues_of_the_mass_of_two_are_found():
    assert search("PEGGTAFK", "PENTAFK")[0][0] == "PEGGTAFK"


def test_what_is_given_is_never_lost_for_something_worse():
    given, better = search("LPSADVEK", "LPSADVEK")[0], search("LPSADVEK", "PLSADVEK")[0]
    assert given[0] == better[0] == "LPSADVEK"


def test_nothing_is_found_where_nothing_is_given():
    found, _, tokens = search("LPSADVEK", "")
    assert set(found) == {""} and tokens.shape[2] == SLOTS
