"""The path score: untrained against its formula, trained against sums over a peptide's cleavages and residues."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.chemistry import WATER
from data.vocabulary import PAD, VOCABULARY
from model.evidence import MassEvidence, SpectrumIndex
from model.path_score import GRID_DA, RANK, WEIGHTS_FILE, PathScore, fitted_path_score
from model.settings import NetworkSettings
from model.tensor_file import fitted_weights

SLOTS = 12
EVIDENCE = MassEvidence(NetworkSettings(start="empty"), VOCABULARY)
PER_CENT = dict(zip("GASPV", (7.07, 8.25, 6.65, 4.74, 6.86), strict=True))
"""Of Swiss-Prot, by its release notes."""


SMALL = {
    mass.fast_mass(pair, ion_type=series, charge=1): height
    for pair, series, height in (("GP", "b", 0.8), ("GP", "a", 0.3), ("AV", "b", 0.5), ("P", "a", 0.9), ("V", "a", 0.2))
}
"""Immonium ions and fragments of two residues, Th, and how high they stand."""


def index_of(total, nodes=(100.0,), posterior=(0.0,)):
    """A spectrum of which the graph and some small fragments are known; total of the residues, Da."""
    mz = torch.tensor([sorted(SMALL)]).double()
    intensity = torch.tensor([[SMALL[ion] for ion in sorted(SMALL)]])
    spectrum = EVIDENCE.index(mz, intensity, torch.tensor([500.0]).double(), torch.tensor([2]))
    parts = vars(spectrum) | {
        "peptide_mass": torch.tensor([total + WATER]).double(),
        "node_mass": torch.tensor(nodes)[None].float(),
        "node_posterior": torch.tensor(posterior)[None].float(),
    }
    return SpectrumIndex(**parts)


def padded(*peptides):
    rows = [[*peptide, *[PAD] * (SLOTS - len(peptide))] for peptide in peptides]
    return torch.tensor(rows)[None]


def mixed(seed):
    """A score whose every weight is something."""
    path, generator = PathScore(VOCABULARY), torch.Generator().manual_seed(seed)
    for weight in path.parameters():
        weight.data += torch.randn(weight.shape, generator=generator) * 0.2
    path.missed.data.abs_()
    return path.requires_grad_(False)


def scored(path, index, *peptides):
    return path.of_peptides(path.gains(EVIDENCE, index), EVIDENCE, padded(*peptides)).sum(2)[0].tolist()


def test_untrained_it_is_the_posterior_over_nothing_seen_less_what_residues_cost():
    peptide = VOCABULARY.encode("GAVSG")
    cleavages = VOCABULARY.masses[peptide].cumsum()
    nodes, posterior = cleavages[[0, 1, 3]] + [0.0, 0.012, 5.0], [0.9, 0.4, 0.8]
    path = PathScore(VOCABULARY).requires_grad_(False)
    found = scored(path, index_of(cleavages[-1], nodes, posterior), peptide)[0] / float(path.scale)
    seen = np.log((np.array(posterior) + 1e-4) / 1e-4)
    off = (np.round(cleavages[:2] * 200) / 200 - nodes[:2]) / 0.006  # masses are read on a grid of 0.005 Da
    wanted = (seen[:2] - off**2 / 2).sum() + sum(np.log(PER_CENT[residue] / 5) - 2 for residue in "GAVSG")
    assert found == pytest.approx(wanted, abs=0.02)


def test_of_two_nodes_near_a_cleavage_the_more_probable_counts():
    one, other = VOCABULARY.encode("GA")
    place = round(float(VOCABULARY.masses[one]) / GRID_DA) * GRID_DA
    peptide, total = [one, other], float(VOCABULARY.masses[[one, other]].sum())
    path = PathScore(VOCABULARY).requires_grad_(False)
    both = scored(path, index_of(total, (place - GRID_DA / 4, place + GRID_DA / 4), (0.9, 0.1)), peptide)
    alone = scored(path, index_of(total, (place - GRID_DA / 4,), (0.9,)), peptide)
    worse = scored(path, index_of(total, (place + GRID_DA / 4,), (0.1,)), peptide)
    assert both == pytest.approx(alone) and worse < alone


def test_a_peptide_scores_the_sum_of_its_cleavages_residues_and_neighbours():
    path, peptide = mixed(1), VOCABULARY.encode("[UNIMOD:1]-GAVS")
    cleavages = VOCABULARY.masses[peptide].cumsum()
    index = index_of(cleavages[-1], cleavages[1:4].round(2), (0.9, 0.5, 0.2))
    gains, of = path.gains(EVIDENCE, index), path.tokens()
    wanted = float(of.pair[PAD, peptide[0]] + of.end[peptide[-1]] + of.single[peptide].sum())
    wanted += sum(float(of.pair[a, b] + gains.small.pair[0, a, b]) for a, b in pairwise(peptide))
    wanted += float(gains.small.residue[0, peptide].sum())
    for slot in (1, 2, 3):  # there is no cleavage behind a terminal modification
        place = round(float(cleavages[slot]) / GRID_DA)
        turn = gains.turn[0, gains.node[0, place].long()]
        wanted += float(gains.cleavage[0, place] + turn @ (of.left[peptide[slot]] + of.right[peptide[slot + 1]]))
    assert scored(path, index, peptide)[0] == pytest.approx(wanted, abs=1e-4)


def test_where_no_node_is_only_residues_and_neighbours_count():
    path, peptide = mixed(2), VOCABULARY.encode("GAVS")
    gains = path.gains(EVIDENCE, index_of(float(VOCABULARY.masses[peptide].sum())))
    assert not gains.turn[0, -1].any() and gains.turn.shape[2] == RANK
    assert not gains.cleavage.any() and (gains.node == gains.turn.shape[1] - 1).all()


def test_the_kept_weights_are_those_of_the_score():
    path = fitted_path_score(VOCABULARY)
    kept = fitted_weights(WEIGHTS_FILE)
    assert kept.keys() == path.state_dict().keys()
    assert torch.equal(path.pair, kept["pair"])
    assert not path.pair.requires_grad
