"""The best peptides of the spectrum graph against all strings of residues, and what the recursion makes of them."""

from itertools import product

import numpy as np
import pytest
import torch

from data.vocabulary import PAD, STOP, VOCABULARY
from model.graph_decoding import GraphDecoder
from model.recursion import Network
from model.settings import NetworkSettings
from model.spectra import Spectra
from tests.model.conftest import ladder

RESIDUES = VOCABULARY.encode("GASPV")
TERMINAL = VOCABULARY.encode("[UNIMOD:1]-G")[0]
UNSEEN = 1e-4
PER_CENT = dict(zip(RESIDUES, (7.07, 8.25, 6.65, 4.74, 6.86), strict=True))
"""Of G, A, S, P and V in Swiss-Prot."""


def decoder(tokens: list[int]) -> GraphDecoder:
    return GraphDecoder(VOCABULARY, torch.tensor(tokens), 20.0)


def test_the_best_peptide_is_the_best_of_all_strings():
    rng = np.random.default_rng(3)
    decode = decoder(RESIDUES)
    for _ in range(3):
        truth = rng.choice(RESIDUES, 6)
        total = float(VOCABULARY.masses[truth].sum())
        nodes = np.sort(np.concatenate([VOCABULARY.masses[truth].cumsum()[:-1], rng.uniform(60, total - 60, 4)]))
        posterior = rng.uniform(0, 1, len(nodes))
        scores = {}
        for length in range(4, 8):
            for string in product(RESIDUES, repeat=length):
                cleavages = VOCABULARY.masses[list(string)].cumsum()
                if abs(cleavages[-1] - total) > total * 20e-6:
                    continue
                score = sum(np.log(PER_CENT[token] / 5) - 2.0 for token in string)  # 5%: one of twenty
                score -= ((cleavages[-1] - total) / (total * 7e-6)) ** 2 / 2
                for cleavage in np.round(cleavages[:-1], 2):  # on the decoder's grid
                    near = np.abs(np.round(nodes, 2) - cleavage) < 0.025
                    gain = np.log((posterior + UNSEEN) / UNSEEN) - ((nodes - cleavage) / 0.006) ** 2 / 2
                    score += gain[near].max(initial=0.0)
                scores[string] = score
        found = decode(
            torch.tensor(nodes)[None].float(),
            torch.tensor(posterior)[None].float(),
            torch.tensor([total]).double(),
            12,
            3,
        )
        assert found.score[0, 0].item() == pytest.approx(max(scores.values()), abs=0.05)
        strings = [tuple(t for t in row if t != PAD) for row in found.tokens[0].tolist()]
        for string, score in zip(strings, found.score[0].tolist(), strict=True):
            if np.isfinite(score):
                assert abs(VOCABULARY.masses[list(string)].sum() - total) < total * 20e-6 + 0.01
                assert scores.get(string, score) == pytest.approx(score, abs=0.05)


def test_spectra_are_answered_in_their_order_each_as_if_it_were_alone():
    rng = np.random.default_rng(5)
    decode = decoder(RESIDUES)
    truths = [rng.choice(RESIDUES, length) for length in rng.integers(4, 11, 20)]  # more than are decoded at once
    nodes = torch.full((len(truths), 9), torch.inf)
    for row, truth in enumerate(truths):
        nodes[row, : len(truth) - 1] = torch.tensor(VOCABULARY.masses[truth].cumsum()[:-1])
    posterior = nodes.isfinite().float()
    totals = torch.tensor([VOCABULARY.masses[truth].sum() for truth in truths])
    together = decode(nodes, posterior, totals, 12, 2)
    for row, truth in enumerate(truths):
        alone = decode(nodes[row : row + 1], posterior[row : row + 1], totals[row : row + 1], 12, 2)
        assert torch.equal(together.tokens[row], alone.tokens[0])
        assert torch.equal(together.score[row], alone.score[0])
        assert [token for token in together.tokens[row, 0].tolist() if token != PAD] == truth.tolist()


def test_a_terminal_modification_may_begin_a_peptide_and_stands_nowhere_else():
    ids = [TERMINAL, *RESIDUES]
    masses = VOCABULARY.masses[ids]
    nodes = torch.tensor(masses.cumsum()[1:-1])[None].float()
    found = decoder([TERMINAL, *RESIDUES])(nodes, torch.ones_like(nodes), torch.tensor([masses.sum()]), 12, 1)
    answer = [token for token in found.tokens[0, 0].tolist() if token != PAD]
    assert answer == ids


def test_no_answer_where_none_fits_the_mass_or_the_slots():
    nodes = torch.tensor([[100.0]])
    for total, slots in ((60.0, 12), (float(VOCABULARY.masses[RESIDUES[0]]) * 8, 5)):
        found = decoder(RESIDUES)(nodes, torch.ones(1, 1), torch.tensor([total]).double(), slots, 2)
        assert not found.score.isfinite().any()
        assert (found.tokens == PAD).all()


def test_the_recursion_starts_from_the_graphs_best_peptide():
    settings = NetworkSettings(width=16, heads=2, core_layers=1, slots=16, spectrum_graph=True, start="spectrum graph")
    network = Network(settings, VOCABULARY)
    spectrum = ladder("LGEYGFQNALK", 2, np.random.default_rng(1))
    spectra = Spectra(
        mz=torch.tensor(spectrum.mz)[None],
        intensity=torch.tensor(spectrum.intensity)[None],
        precursor_mz=torch.tensor([spectrum.precursor_mz]).double(),
        charge=torch.tensor([2]),
        collision_energy=torch.tensor([float("nan")]),
        instrument=torch.tensor([0]),
        noise_level=torch.tensor([float("nan")]),
        fragmentation=torch.tensor([0]),
    )
    encoded = network.encode(spectra)
    first = network.first_answer(encoded.index, 16)[0]
    assert VOCABULARY.decode(first.tolist()) == "LGEYGFQNALK"
    assert first[11] == STOP
    state = network.begin(encoded.index)
    assert network.hypothesis(encoded, state).tokens[0, :11].tolist() == VOCABULARY.encode("LGEYGFQNALK")
    assert state.step.tolist() == [0]
