"""Neighbours of peptides against all strings of residues, what they gain against the graph's scores, and their mass."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.chemistry import ISOTOPE_SPACING, WATER
from data.vocabulary import PAD, STOP, VOCABULARY
from model.neighbours import LONGEST, Neighbourhood
from tests.model.test_graph_decoding import RESIDUES, TERMINAL
from tests.model.test_path_score import EVIDENCE, SLOTS, index_of, mixed, padded


def neighbours_of(index, count, neighbourhood, *peptides):
    return neighbourhood(padded(*peptides), neighbourhood.path.gains(EVIDENCE, index), index, count)


def strings_of(tokens):
    return [tuple(token for token in row if token != PAD) for row in tokens[0].tolist()]


def one_stretch_differs(a, b):
    """Whether b is a with a stretch of one to three residues replaced by others, terminal modifications with them."""
    front = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    left = min(len(a), len(b)) - front
    back = next((i for i in range(left) if a[-1 - i] != b[-1 - i]), left)
    stretches = [peptide[front : len(peptide) - back] for peptide in (a, b)]
    return all(1 <= sum(token != TERMINAL for token in stretch) <= LONGEST for stretch in stretches)


@pytest.mark.parametrize("text", ["GAVSGPA", "[UNIMOD:1]-GAVSGP"])
def test_neighbours_are_all_peptides_of_the_mass_that_differ_in_one_short_stretch(text):
    peptide = tuple(VOCABULARY.encode(text))
    mass = dict(enumerate(VOCABULARY.masses.tolist()))
    total = sum(mass[token] for token in peptide)
    wanted = {
        string
        for length in range(4, 10)
        for residues in product(RESIDUES, repeat=length)
        for string in (residues, (TERMINAL, *residues))
        if abs(sum(map(mass.__getitem__, string)) - total) <= (total + WATER) * 20e-6
        and string != peptide
        and one_stretch_differs(peptide, string)
    }
    neighbourhood = Neighbourhood(VOCABULARY, torch.tensor([*RESIDUES, TERMINAL]), 20.0)
    tokens, gain = neighbours_of(index_of(total), 300, neighbourhood, peptide)
    found = [string for string, finite in zip(strings_of(tokens), gain[0].isfinite().tolist(), strict=True) if finite]
    assert len(found) == len(set(found)) and set(found) == wanted and len(wanted) > 10
    assert (tokens[0][~gain[0].isfinite()] == PAD).all()


@pytest.mark.parametrize("text", ["GAVSGPA", "[UNIMOD:1]-GAVSGPA"])
def test_a_neighbour_gains_by_how_much_it_scores_more(text):
    rng = np.random.default_rng(2)
    peptide = tuple(VOCABULARY.encode(text))
    total = float(VOCABULARY.masses[list(peptide)].sum())
    nodes = rng.uniform(50, total, 40).round(2)
    nodes[:3] = VOCABULARY.masses[list(peptide)].cumsum()[:3]
    index, path = index_of(total, np.sort(nodes), rng.uniform(0.2, 1, 40)), mixed(5)
    neighbourhood = Neighbourhood(VOCABULARY, torch.tensor([*RESIDUES, TERMINAL]), 20.0, path=path)
    tokens, gain = neighbourhood(padded(peptide), path.gains(EVIDENCE, index), index, 60)
    assert (gain[0].diff()[gain[0, 1:].isfinite()] <= 0).all()
    strings = [string for string in strings_of(tokens) if string]
    score = path.of_peptides(path.gains(EVIDENCE, index), EVIDENCE, padded(peptide, *strings)).sum(2)[0]
    assert gain[0, : len(strings)].tolist() == pytest.approx((score[1:] - score[0]).tolist(), abs=0.1)


def test_a_peptide_of_a_heavier_isotope_has_neighbours_of_its_own_mass():
    peptide = tuple(VOCABULARY.encode("GAVSGPA"))
    total = VOCABULARY.masses[list(peptide)].sum()
    observed = index_of(total + ISOTOPE_SPACING)
    for isotope_errors, wanted in ((0, total + ISOTOPE_SPACING), (1, total)):
        neighbourhood = Neighbourhood(VOCABULARY, torch.tensor(RESIDUES), 20.0, isotope_errors)
        tokens, _ = neighbours_of(observed, 50, neighbourhood, peptide)
        masses = [VOCABULARY.masses[list(string)].sum() for string in strings_of(tokens) if string]
        assert all(mass == pytest.approx(wanted, abs=wanted * 25e-6) for mass in masses)
        assert bool(masses) == bool(isotope_errors)  # five light residues cannot weigh so odd a mass


@given(st.lists(st.integers(0, 10), min_size=2, max_size=11), st.booleans(), st.integers(1, 20))
def test_neighbours_weigh_what_the_precursor_weighs_and_begin_with_a_terminal_modification_if_any(
    places, terminal, count
):
    usual = [number for number in VOCABULARY.encode("GASPVTLNDQKEMHFRYW")]
    peptide = [*([TERMINAL] if terminal else []), *(usual[place] for place in places)]
    peptide = peptide[: SLOTS - 1]
    total = VOCABULARY.masses[peptide].sum()
    index = index_of(total)
    tokens, gain = neighbours_of(
        index, count, Neighbourhood(VOCABULARY, torch.tensor([*usual, TERMINAL]), 20.0), peptide, []
    )
    assert tokens.shape == (1, count, SLOTS)
    for string, finite in zip(strings_of(tokens), gain[0].isfinite().tolist(), strict=True):
        assert bool(string) == finite
        if string:
            assert abs(VOCABULARY.masses[list(string)].sum() - total) <= (total + WATER) * 20e-6 + 1e-9
            assert string != tuple(peptide) and len(string) < SLOTS and min(string) > STOP
            assert TERMINAL not in string[1:]
