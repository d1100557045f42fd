"""The best peptides of the spectrum graph against all strings of residues, and what the recursion makes of them."""

from itertools import product

import numpy as np
import pytest
import torch

from data.chemistry import WATER
from data.vocabulary import PAD, STOP, VOCABULARY
from model.evidence import SpectrumIndex
from model.graph_decoding import GraphDecoder
from model.path_score import PathScore, plain_path_score
from model.recursion import Network
from model.settings import NetworkSettings
from model.spectra import Spectra
from tests.model.conftest import ladder
from tests.model.test_path_score import EVIDENCE, SLOTS, index_of, mixed, padded

RESIDUES = VOCABULARY.encode("GASPV")
TERMINAL = VOCABULARY.encode("[UNIMOD:1]-G")[0]


def decode(path, index, tokens, count, slots=SLOTS):
    return GraphDecoder(VOCABULARY, torch.tensor(tokens), 20.0, path)(EVIDENCE, index, slots, count)


def strings_of(tokens):
    return [tuple(token for token in row if token != PAD) for row in tokens.tolist()]


def scores_of(path, index, strings):
    """By the sums over slots, less what the mass is off by."""
    by_slot = path.of_peptides(path.gains(EVIDENCE, index), EVIDENCE, padded(*strings)).sum(2)[0].numpy()
    residue_mass = float(index.peptide_mass) - WATER
    off = np.array([VOCABULARY.masses[list(string)].sum() - residue_mass for string in strings])
    return by_slot - (off / (residue_mass * 7e-6)) ** 2 / 2


def spectra(seed, count):
    """Graphs that hold the cleavages of a peptide and others."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        truth = rng.choice(RESIDUES, 6)
        total = float(VOCABULARY.masses[truth].sum())
        nodes = np.sort(np.concatenate([VOCABULARY.masses[truth].cumsum()[:-1], rng.uniform(60, total - 60, 4)]))
        yield index_of(total, nodes, rng.uniform(0, 1, len(nodes)))


def all_strings(index):
    total = float(index.peptide_mass) - WATER
    for length in range(4, 9):
        for string in product(RESIDUES, repeat=length):
            if abs(VOCABULARY.masses[list(string)].sum() - total) <= total * 20e-6:
                yield string


def test_the_best_peptide_is_the_best_of_all_strings():
    path = PathScore(VOCABULARY).requires_grad_(False)
    for index in spectra(3, 3):
        best = scores_of(path, index, list(all_strings(index))).max()
        found = decode(path, index, RESIDUES, 3)
        assert found.score[0, 0].item() == pytest.approx(best, abs=0.05)


def test_the_plain_paths_are_those_of_weights_that_learned_nothing():
    for index in spectra(7, 3):
        plain, untrained = (
            decode(path, index, RESIDUES, 6)
            for path in (plain_path_score(VOCABULARY), PathScore(VOCABULARY).requires_grad_(False))
        )
        assert torch.equal(plain.tokens, untrained.tokens)
        assert plain.score.tolist() == untrained.score.tolist()


@pytest.mark.parametrize("count", [6, 40])
def test_the_peptides_are_the_best_of_all_strings_and_score_what_the_path_score_says(count):
    path = mixed(4)
    for index in spectra(4, 2):
        every = list(all_strings(index))
        best = np.sort(scores_of(path, index, every))[::-1][:count]
        found = decode(path, index, RESIDUES, count)
        strings = [string for string in strings_of(found.tokens[0]) if string]
        assert len(set(strings)) == len(strings) == len(best)
        assert set(strings) <= set(every)
        scores = found.score[0, : len(strings)].tolist()
        assert scores == pytest.approx(best.tolist(), abs=0.05)
        assert scores == pytest.approx(scores_of(path, index, strings).tolist(), abs=0.05)
        assert not found.score[0, len(strings) :].isfinite().any()


def two_ladders(seed, count):
    """Graphs of the cleavages of a peptide and, less probable, of the same residues in another order."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        truth = rng.choice(RESIDUES, 6)
        ladders = [VOCABULARY.masses[order].cumsum() for order in (truth, rng.permutation(truth))]
        nodes = np.concatenate([ladder[:-1] for ladder in ladders])
        yield index_of(ladders[0][-1], np.sort(nodes), np.repeat([0.9, 0.5], 5)[nodes.argsort()])


def of_charge(index, charge):
    return SpectrumIndex(**(vars(index) | {"charge": torch.tensor([charge])}))


def read_again(path, index, count):
    """Strings, and scores, of two readings of so many answers each."""
    decoder = GraphDecoder(VOCABULARY, torch.tensor(RESIDUES), 20.0, path)
    found = decoder(EVIDENCE, index, SLOTS, count, count)
    strings, scores = strings_of(found.tokens[0]), found.score[0].tolist()
    return [list(zip(strings[part], scores[part], strict=True)) for part in (slice(count), slice(count, None))]


def test_a_second_reading_finds_what_is_best_where_the_cleavages_of_the_best_gain_less_by_one():
    path, count, others = PathScore(VOCABULARY).requires_grad_(False), 4, 0
    for index in (of_charge(each, 3) for each in two_ladders(4, 3)):
        first, again = read_again(path, index, count)
        of_best = VOCABULARY.masses[list(first[0][0])].cumsum()[:-1]
        every = list(all_strings(index))
        shared = np.array(
            [
                (np.abs(VOCABULARY.masses[list(string)].cumsum()[:-1, None] - of_best) < 0.02).any(1).sum()
                for string in every
            ]
        )
        lessened = dict(zip(every, scores_of(path, index, every) - shared, strict=True))
        wanted = sorted(lessened, key=lessened.__getitem__, reverse=True)[:count]
        known = {string for string, _ in first}
        found = {string: score for string, score in again if string}
        others += len(found)
        assert set(found) == set(wanted) - known
        for string, score in found.items():
            assert score == pytest.approx(lessened[string], abs=0.05)
        assert all(score == -np.inf for string, score in again if not string)
    assert others  # or nothing was tested


def test_only_highly_charged_spectra_are_read_again():
    index = next(spectra(4, 1))
    (first, again), (highly, _) = (read_again(mixed(4), of_charge(index, charge), 12) for charge in (2, 3))
    assert not any(string for string, _ in again)
    assert not any(np.isfinite(score) for _, score in again)
    assert first
    assert highly


def test_a_terminal_modification_scores_what_the_path_score_says():
    path, ids = mixed(6), [TERMINAL, *RESIDUES]
    masses = VOCABULARY.masses[ids]
    index = index_of(masses.sum(), masses.cumsum()[1:-1], np.ones(len(ids) - 2))
    found = decode(path, index, ids, 4)
    strings = [string for string in strings_of(found.tokens[0]) if string]
    assert any(string[0] == TERMINAL for string in strings)
    wanted = scores_of(path, index, strings)
    assert found.score[0, : len(strings)].tolist() == pytest.approx(wanted.tolist(), abs=0.05)


def test_spectra_are_answered_in_their_order_each_as_if_it_were_alone():
    rng, path = np.random.default_rng(5), PathScore(VOCABULARY).requires_grad_(False)
    truths = [rng.choice(RESIDUES, length) for length in rng.integers(4, 11, 20)]  # more than are decoded at once
    cleavages = [VOCABULARY.masses[truth].cumsum()[:-1] for truth in truths]
    seen = [(mass, np.ones(len(mass))) for mass in cleavages]
    every = [
        index_of(VOCABULARY.masses[truth].sum(), *(np.pad(part, (0, 9 - len(part))) for part in parts))
        for truth, parts in zip(truths, seen, strict=True)
    ]
    together = decode(
        path, SpectrumIndex(**{n: torch.cat([vars(o)[n] for o in every]) for n in vars(every[0])}), RESIDUES, 2
    )
    for row, (truth, index) in enumerate(zip(truths, every, strict=True)):
        alone = decode(path, index, RESIDUES, 2)
        assert torch.equal(together.tokens[row], alone.tokens[0])
        assert torch.equal(together.score[row], alone.score[0])
        assert strings_of(together.tokens[row])[0] == tuple(truth)


def test_a_terminal_modification_may_begin_a_peptide_and_stands_nowhere_else():
    ids = [TERMINAL, *RESIDUES]
    masses = VOCABULARY.masses[ids]
    index = index_of(masses.sum(), masses.cumsum()[1:-1], np.ones(len(ids) - 2))
    found = decode(PathScore(VOCABULARY).requires_grad_(False), index, ids, 1)
    assert strings_of(found.tokens[0]) == [tuple(ids)]


def test_no_answer_where_none_fits_the_mass_or_the_slots():
    for total, slots in ((60.0, 12), (float(VOCABULARY.masses[RESIDUES[0]]) * 8, 5)):
        found = decode(PathScore(VOCABULARY).requires_grad_(False), index_of(total), RESIDUES, 2, slots)
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
