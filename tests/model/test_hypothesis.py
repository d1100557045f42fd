"""The hypothesis: prefix, suffix and gap masses by hand."""

import pytest
import torch

from data.chemistry import WATER
from data.vocabulary import GAP, STOP, VOCABULARY
from model.hypothesis import read_hypothesis

MASSES = torch.as_tensor(VOCABULARY.masses)
G, A, S = VOCABULARY.encode("GAS")


def read(tokens: list[int], peptide_mass: float, gap_mass: float = 0.0):
    answer = torch.nn.functional.one_hot(torch.tensor([tokens]), len(VOCABULARY)).float()
    gaps = torch.full((1, len(tokens)), gap_mass)
    return read_hypothesis(answer, gaps, torch.tensor([peptide_mass], dtype=torch.float64), MASSES)


def test_masses_before_and_behind_each_slot():
    found = read([G, A, S, STOP, A, A], 500.0)
    g, a, s = (VOCABULARY.masses[token] for token in (G, A, S))
    assert found.prefix_mass[0].tolist() == pytest.approx([0, g, g + a, g + a + s, g + a + s, g + a + s])
    assert found.suffix_mass[0, :3].tolist() == pytest.approx([a + s, s, 0])
    assert found.has_suffix[0].tolist() == [True, True, True, False, False, False]
    assert found.total_mass.item() == pytest.approx(g + a + s)


def test_without_a_stop_nothing_lies_behind():
    assert not read([G, A, S], 500.0).has_suffix.any()


def test_the_only_gap_of_a_finished_answer_weighs_what_the_precursor_leaves():
    rest = VOCABULARY.masses[[G, S]].sum() + WATER
    found = read([G, GAP, S, STOP], rest + 234.5, gap_mass=200.0)
    assert found.mass[0, 1].item() == pytest.approx(234.5)
    assert found.total_mass.item() + WATER == pytest.approx(rest + 234.5)


@pytest.mark.parametrize("tokens", [[G, GAP, S], [GAP, GAP, S, STOP]])
def test_an_unfinished_answer_or_a_second_gap_leaves_the_networks_mass(tokens):
    found = read(tokens, 900.0, gap_mass=200.0)
    assert found.mass[0][torch.tensor(tokens) == GAP].tolist() == pytest.approx([200.0] * tokens.count(GAP))


@pytest.mark.parametrize("left", [-30.0, 600.0])
def test_an_impossible_gap_is_left_as_it_was(left):
    rest = VOCABULARY.masses[[G, S]].sum() + WATER
    assert read([G, GAP, S, STOP], rest + left, gap_mass=120.0).mass[0, 1].item() == pytest.approx(120.0)
