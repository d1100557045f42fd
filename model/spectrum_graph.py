"""The spectrum graph: how probable it is that a peptide of the precursor's mass was cleaved where each peak says.

A peak may be a b or a y ion, of one charge or of two: each reading places a cleavage at a prefix mass, a node. A path
of nodes from 0 to the precursor's mass whose distances are residues, or strings of residues between which no cleavage
was seen, is a peptide. Forward and backward sums over all paths give each node's share of their weight: what a local
look at one cleavage cannot tell, for a peak that no path leads through is no ion. Graphs of this kind are those of
Bartels (1990) and Dančík et al. (1999); the sums are those of a hidden Markov model (Rabiner 1989). No weights of the
network take part.
"""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from data.chemistry import AMMONIA, CARBON_MONOXIDE, PROTON, WATER
from data.vocabulary import GAP, STOP, Vocabulary
from model.peak_lookup import isotope_marks, strongest_within

GRID_DA = 0.005
LONGEST_EDGE_DA = 1200.0

_MISSED = 0.25
"""Share of cleavages that leave no peak, where a string of residues is read as one edge."""
_MODIFIED = 0.04
"""Weight of a modified residue against a plain one."""
_SPREAD_DA = ((0.75, 0.006), (0.25, 0.025))
"""Shares and standard deviations of the difference of two peaks' mass errors: good analysers, and poor ones."""
_NODES_A_DA = 0.01
"""Density of differences between unrelated nodes, which an edge must beat."""

_READINGS = ((0, 1), (1, 1), (0, 2), (1, 2))
"""Of a peak: terminus (0 b, 1 y) and charge."""

FEATURES = 15
"""Of a reading (`node_features`)."""

_LEAST_PIECE_DA = 40.0
_SAME_CLEAVAGE_DA = 0.02
_COINCIDING = 3
_ROWS = 32
"""Spectra whose nodes are compared at once: what fits a processor's cache is quicker."""
CARBAMIDOMETHYL = "C[UNIMOD:4]"


_FITTED = json.loads((Path(__file__).parent / "spectrum_graph.json").read_text())

NODE_WEIGHTS: list[float] = [weight for reading in _FITTED["weights"] for weight in reading]
"""Logistic weights of each reading's features, fitted by ``python -m benchmarks.spectrum_graph``."""


class SpectrumGraph(torch.nn.Module):
    """Posterior probabilities of cleavages.

    Parameters
    ----------
    vocabulary : whose residues edges consist of; terminal modifications may stand on the first edge.
    """

    edge: Tensor
    first_edge: Tensor
    weights: Tensor

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        edge, first = _edge_tables(tuple(vocabulary.masses.tolist()), tuple(_priors(vocabulary).tolist()))
        self.register_buffer("edge", torch.from_numpy(edge), persistent=False)
        self.register_buffer("first_edge", torch.from_numpy(first), persistent=False)
        self.register_buffer("weights", torch.tensor(NODE_WEIGHTS, dtype=torch.float64), persistent=False)

    @torch.no_grad()
    def forward(
        self, mz: Tensor, intensity: Tensor, peptide_mass: Tensor, charge: Tensor, tolerance_da: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Nodes and their posterior probabilities.

        Parameters
        ----------
        mz : (batch, peaks) float64, Th, ascending, padded with +inf.
        intensity : (batch, peaks) float32, root-scaled, base peak = 1.
        peptide_mass : (batch,) float64, Da, water included.
        charge : (batch,) int64.
        tolerance_da : (batch, peaks), within which two peaks are at the same m/z.

        Returns
        -------
        mass : (batch, nodes) float32, Da, ascending, +inf where there is no node.
        posterior : (batch, nodes) float32, of a cleavage there: of this node and of those that coincide with it.
        """
        mass, feature, exists = node_features(mz, intensity, peptide_mass, charge, tolerance_da)
        logit = (feature.double() @ self.weights).clamp(-8, 8)
        mass, order = mass.masked_fill(~exists, torch.inf).sort(dim=1)
        weight = (logit.exp() * exists).gather(1, order)
        parts = zip(mass.split(_ROWS), weight.split(_ROWS), (peptide_mass - WATER).split(_ROWS), strict=True)
        posterior = torch.cat([self._posterior(*part) for part in parts])
        return mass.float(), _with_coinciding(mass, posterior).float()

    def _posterior(self, mass: Tensor, weight: Tensor, total: Tensor) -> Tensor:
        """Share of all paths' weight that leads through each node; (batch, nodes) float64."""
        finite = mass.isfinite()
        nodes = int(finite.sum(1).max())
        padding = mass.shape[1] - nodes
        mass, weight, finite = mass[:, :nodes], weight[:, :nodes], finite[:, :nodes]
        place = mass.masked_fill(~finite, 0.0)
        between = _table_at(self.edge, place[:, None, :] - place[:, :, None])  # (batch, from, to)
        forward = _table_at(self.first_edge, place).double() * finite
        end = _table_at(self.edge, total[:, None] - place).double() * finite
        whole = (_table_at(self.first_edge, total[:, None])[:, 0]).double()
        backward, weighted = torch.zeros_like(weight), torch.zeros_like(weight)
        for node in range(nodes):
            forward[:, node] *= weight[:, node]
            forward[:, node + 1 :] += forward[:, node, None] * between[:, node, node + 1 :]
        for node in range(nodes - 1, -1, -1):
            onwards = (between[:, node, node + 1 :] * weighted[:, node + 1 :]).sum(1)
            backward[:, node] = end[:, node] + onwards
            weighted[:, node] = weight[:, node] * backward[:, node]
        whole = whole + (forward * end).sum(1)
        return functional.pad(forward * backward / whole.clamp(min=1e-300)[:, None], (0, padding))


def node_features(
    mz: Tensor, intensity: Tensor, peptide_mass: Tensor, charge: Tensor, tolerance_da: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Where each reading of each peak places a cleavage, and what speaks for it.

    Returns
    -------
    mass : (batch, readings × peaks) float64, Da: prefix mass of the cleavage.
    feature : (batch, readings × peaks, readings × FEATURES) float32; those of other readings are 0.
    exists : (batch, readings × peaks) bool: the reading is possible.
    """
    keys = mz.float().contiguous()
    total = peptide_mass[:, None] - WATER
    masses, features, possible = [], [], []
    for number, (terminus, fragment_charge) in enumerate(_READINGS):
        neutral = fragment_charge * (mz - PROTON)
        prefix = peptide_mass[:, None] - neutral if terminus else neutral
        fits = (intensity > 0) & (prefix > _LEAST_PIECE_DA) & (prefix < total - _LEAST_PIECE_DA)
        fits &= (charge > fragment_charge)[:, None] | (fragment_charge == 1)
        seen = _seen_with(keys, mz, intensity, peptide_mass, charge, tolerance_da, fragment_charge)
        placed = torch.zeros(*mz.shape, len(_READINGS), FEATURES)
        placed[..., number, :] = seen
        masses.append(torch.where(fits, prefix, torch.inf))
        features.append(placed.flatten(2))
        possible.append(fits)
    return torch.cat(masses, 1), torch.cat(features, 1), torch.cat(possible, 1)


def _seen_with(
    keys: Tensor,
    mz: Tensor,
    intensity: Tensor,
    peptide_mass: Tensor,
    charge: Tensor,
    tolerance_da: Tensor,
    fragment_charge: int,
) -> Tensor:
    """What is seen of and beside each peak, read with this charge; (batch, peaks, FEATURES)."""

    def at(query: Tensor) -> Tensor:
        return strongest_within(keys, intensity, query.float(), tolerance_da).value

    neutral = fragment_charge * (mz - PROTON)
    rest = peptide_mass[:, None] - neutral
    complement = torch.maximum(at(rest + PROTON), at(rest / 2 + PROTON) * (charge > 2)[:, None])
    water, ammonia, monoxide = (at(mz - loss / fragment_charge) for loss in (WATER, AMMONIA, CARBON_MONOXIDE))
    parents = [at(mz + loss / fragment_charge) for loss in (WATER, AMMONIA, CARBON_MONOXIDE)]
    own = isotope_marks(mz, intensity, fragment_charge, tolerance_da)
    other = isotope_marks(mz, intensity, 3 - fragment_charge, tolerance_da)
    columns = [
        torch.ones_like(intensity),
        intensity,
        intensity.square(),
        complement,
        complement > 0,
        own > 0,
        own < 0,
        other > 0,
        water > 0,
        ammonia > 0,
        monoxide > 0,
        *(parent > intensity for parent in parents),
        (charge > 2)[:, None].expand_as(intensity),
    ]
    return torch.stack([column.float() for column in columns], -1)


def _with_coinciding(mass: Tensor, posterior: Tensor) -> Tensor:
    """Each node's probability and that of the nodes next to it that say the same cleavage; (batch, nodes)."""
    together = posterior.clone()
    for step in range(1, _COINCIDING + 1):
        near = (mass[:, step:] - mass[:, :-step] <= _SAME_CLEAVAGE_DA) & mass[:, step:].isfinite()
        together[:, step:] += posterior[:, :-step] * near
        together[:, :-step] += posterior[:, step:] * near
    return together.clamp(max=1.0)


def _table_at(table: Tensor, distance: Tensor) -> Tensor:
    """The entries of an edge table; 0 for distances that it does not hold."""
    place = (distance / GRID_DA).round()
    inside = (place >= 0) & (place < len(table))
    return table[place.masked_fill(~inside, 0.0).long()] * inside


def _priors(vocabulary: Vocabulary) -> NDArray[np.float64]:
    """How frequent each token is: plain residues alike, L twice, modified ones rarely; terminal ones below 0."""
    prior = np.zeros(len(vocabulary))
    for number, token in enumerate(vocabulary.tokens):
        if number <= STOP or number == GAP:
            continue
        common = token.text == CARBAMIDOMETHYL or (not token.is_modified and token.residue != "C")
        prior[number] = (1.0 + (token.residue == "L")) if common else _MODIFIED
        prior[number] *= -1 if token.is_terminal else 1
    return prior


@lru_cache(maxsize=4)
def _edge_tables(masses: tuple[float, ...], priors: tuple[float, ...]) -> tuple[NDArray[np.float32], ...]:
    """For every distance of two nodes, how much more likely it is within a peptide than between unrelated nodes.

    Returns
    -------
    edge, first_edge : (LONGEST_EDGE_DA / GRID_DA,); the first edge may hold a terminal modification.
    """
    mass, prior = np.array(masses), np.array(priors)
    length = int(LONGEST_EDGE_DA / GRID_DA)
    places = np.round(mass / GRID_DA).astype(np.int64)
    residues = np.flatnonzero(prior > 0)
    share = prior / prior[residues].sum()
    strings = np.zeros(length)
    np.add.at(strings, places[residues], share[residues])
    # renewal: a string is a residue, or a residue behind a string whose end left no peak; each block needs earlier ones
    block = int(places[residues].min())
    for start in range(block, length, block):
        end = min(start + block, length)
        for residue in residues:
            first = start - places[residue]
            if first + end - start > 0:
                earlier = strings[max(first, 0) : first + end - start]
                strings[end - len(earlier) : end] += _MISSED * share[residue] * earlier
    offsets = np.arange(-40, 41) * GRID_DA
    kernel = sum(part * np.exp(-0.5 * (offsets / sd) ** 2) / (sd * np.sqrt(2 * np.pi)) for part, sd in _SPREAD_DA)
    edge = np.convolve(strings, kernel, "same") / _NODES_A_DA
    first_edge = edge.copy()
    for number in np.flatnonzero(prior < 0):
        shifted = np.roll(edge, places[number])
        shifted[: max(places[number], 0)] = 0
        if places[number] < 0:
            shifted[places[number] :] = 0
        first_edge += _MODIFIED * shifted
    return edge.astype(np.float32), first_edge.astype(np.float32)
