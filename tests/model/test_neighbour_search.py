"""The search among neighbours: finds the peptide of a complete ladder from a wrong one, keeps mass and order."""

import torch

from data.chemistry import WATER, neutral_mass
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.vocabulary import PAD, VOCABULARY
from model.answers import AnswerSettings
from model.decoding import DecodingSettings
from model.inference import Sequencer
from model.match_score import fitted_match_score
from model.neighbour_search import NeighbourSearch
from model.spectra import to_spectra
from tasks.models import WEIGHTS
from tests.conftest import ladder
from tests.model.test_match_score import EVIDENCE, SLOTS, tokens_of

USUAL = torch.tensor(VOCABULARY.encode("GASPVTLNDQKEMHFRYW")).sort().values


def search(peptide, *starts, rounds=1):
    spectrum = ladder(peptide)
    read = to_spectra(PeakBatch.from_spectra([spectrum]), len(spectrum.mz), "cpu")
    index = EVIDENCE.index(read.mz, read.intensity, read.precursor_mz, read.charge)
    searching = NeighbourSearch(VOCABULARY, USUAL, 20.0, 0, fitted_match_score(VOCABULARY), rounds)
    tokens, score = searching(EVIDENCE, index, tokens_of(*starts))
    assert (score[0].diff()[score[0, 1:].isfinite()] <= 0).all()
    return [VOCABULARY.decode(row) for row in tokens[0].tolist()], index, tokens


def test_a_mistake_is_put_right_in_every_round():
    assert search("LPSADVEK", "PLSAVDEK")[0][0] != "LPSADVEK"
    found, index, tokens = search("LPSADVEK", "PLSAVDEK", rounds=2)
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


def test_answers_are_looked_for_among_neighbours_and_no_further_than_asked():
    spectra = [ladder(peptide) for peptide in ("LPSADVEK", "VGNESTMK", "SAMPLER")]

    def answers(neighbours, max_modifications):
        sequencer = Sequencer(
            WEIGHTS / "small",
            threads=1,
            answers=AnswerSettings(neighbours=neighbours, calibrated=False),
            decoding=DecodingSettings(finalists=6, max_modifications=max_modifications),
        )
        found, _ = sequencer.answers(spectra)
        return found, sequencer

    without, _ = answers(False, None)
    found, sequencer = answers(True, None)
    assert torch.equal(found.candidates[:, 0], without.candidates[:, 0])  # the exact search's best stays
    assert found.candidates.shape[1] == 6 and found.exists.all()
    searching, evidence = sequencer.answerer.search, sequencer.network.mass_evidence
    peaks = preprocess(PeakBatch.from_spectra(spectra), sequencer.preprocessing)
    index = sequencer.network.encode(to_spectra(peaks, peaks.mz.shape[1], "cpu")).index
    path = searching.path(evidence, index, found.candidates)
    match = searching.match.compare(evidence, index, path, found.candidates)
    assert (match[:, 2:].diff(dim=1) <= 1e-4).all()  # behind it and the graph's best by falling match score
    masses = torch.from_numpy(VOCABULARY.masses)[found.candidates].sum(2) + WATER
    wanted = torch.tensor([neutral_mass(s.precursor_mz, s.precursor_charge) for s in spectra])[:, None]
    assert ((masses - wanted).abs() <= wanted * 20e-6).all()
    modifications = sequencer.answerer.decoder.modifications
    assert modifications(found.candidates).max() > 0  # or the next line says nothing
    few, _ = answers(True, 0)
    assert (modifications(few.candidates)[torch.from_numpy(few.exists)] == 0).all()
