"""The spectrum graph: how probable it is that a peptide of the precursor's mass was cleaved where each peak says.

A peak may be a b or a y ion, of one charge or of two: each reading (`model.peak_reading`) places a cleavage at a prefix
mass, a node. A path of nodes from 0 to the precursor's mass whose distances are residues, or strings of residues
between which no cleavage was seen (`model.residue_strings`), is a peptide. Forward and backward sums over all paths
give each node's share of their weight: what a local look at one cleavage cannot tell, for a peak that no path leads
through is no ion. A peak is one ion, though, and the sums know nothing of that (the antisymmetric path problem of Chen
et al. 2001): they are made twice, the second time with each reading's weight divided by one and the odds, after the
first, that its peak is read in another way. And most peptides hold the charge at their C terminus, so that y ions stand
higher than b ions; some hold it at the other end. All sums are therefore made both ways, once with the weights of b and
y ions exchanged, and each way counts by how much better it explains the spectrum. Graphs of this kind are those of
Bartels (1990) and Dančík et al. (1999); the sums are those of a hidden Markov model (Rabiner 1989). No weights of the
network take part.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from data.chemistry import WATER
from data.vocabulary import Vocabulary
from model.peak_reading import READINGS, PeakReader
from model.residue_strings import string_tables, table_at

_MOST_CERTAIN = 8.0
"""Logit of a reading, to either side."""
_MOST_TAKEN = 30.0
"""Odds that a peak is another ion, beyond which they count no more."""
_GOOD_PPM = 4.0
"""Deviation of m/z below which an analyser counts as a good one."""
_OTHER_END = [READINGS.index((1 - terminus, charge)) for terminus, charge in READINGS]
"""Of each reading, the one by which its peak is an ion of the other end."""
_EVEN_GAIN, _GAIN_SCALE = -5.0, 3.0
"""Gain by the exchange at which either way counts as much, and by which the odds rise e-fold: with these, of a few that
were tried, the right peptide was among the best paths most often. A way that is given up wrongly cannot be found again;
one too many costs a path some certainty."""
_LEAST_WHOLE = 1e-300
_SAME_CLEAVAGE_DA = 0.02
_COINCIDING = 3
_ROWS = 32
"""Spectra whose nodes are compared at once: what fits a processor's cache is quicker."""


class GraphReading(NamedTuple):
    """What the graph says of spectra.

    Attributes
    ----------
    mass : (batch, nodes) float32, Da, ascending, +inf where there is no node.
    posterior : (batch, nodes) float32, of a cleavage there: of this node and of those that coincide with it.
    logit : (batch, readings, peaks) float32, of each reading of each peak, before the graph.
    elsewhere : (batch, readings, peaks) float32, 0…1: probability that the peak is read in another way.
    gain : (batch,) float64: logarithm of how much better the charge at the N terminus explains the spectrum.
    """

    mass: Tensor
    posterior: Tensor
    logit: Tensor
    elsewhere: Tensor
    gain: Tensor


class _Edges(NamedTuple):
    """Ratios of likelihoods of the distances that paths are made of.

    Attributes
    ----------
    between : (batch, nodes, nodes) float32, from and to.
    first, last : (batch, nodes) float64, from 0, and to the peptide's mass.
    whole : (batch,) float64, from 0 to there at once.
    """

    between: Tensor
    first: Tensor
    last: Tensor
    whole: Tensor


def no_graph(intensity: Tensor) -> GraphReading:
    """Of spectra, (batch, peaks), without a graph: no nodes, and nothing known of the peaks."""
    unread = intensity.new_zeros(len(intensity), len(READINGS), intensity.shape[1])
    return GraphReading(
        intensity[:, :0], intensity[:, :0], unread, unread, intensity.new_zeros(len(intensity)).double()
    )


class SpectrumGraph(torch.nn.Module):
    """Posterior probabilities of cleavages.

    Parameters
    ----------
    vocabulary : whose residues edges consist of; terminal modifications may stand on the first edge.
    """

    edge: Tensor
    first_edge: Tensor

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        tables = string_tables(vocabulary)
        self.register_buffer("edge", tables.inner, persistent=False)
        self.register_buffer("first_edge", tables.first, persistent=False)
        self.reader = PeakReader(vocabulary)

    @torch.no_grad()
    def forward(
        self,
        mz: Tensor,
        intensity: Tensor,
        peptide_mass: Tensor,
        charge: Tensor,
        tolerance_da: Tensor,
        deviation_ppm: Tensor,
    ) -> GraphReading:
        """Nodes and their posterior probabilities.

        Parameters
        ----------
        mz, intensity, peptide_mass, charge, tolerance_da : as `PeakReader.features`.
        deviation_ppm : (batch,), of the m/z.
        """
        mass, logit, possible = self.reader(mz, intensity, peptide_mass, charge, tolerance_da)
        logit = logit.clamp(-_MOST_CERTAIN, _MOST_CERTAIN).masked_fill(~possible, -_MOST_CERTAIN)
        weight = logit.double().exp()
        weights = torch.stack([weight, weight[:, _OTHER_END]], 1) * possible[:, None]
        ordered, order = mass.flatten(1).sort(dim=1)
        total, is_good = peptide_mass - WATER, (deviation_ppm < _GOOD_PPM).long()
        parts = (part.split(_ROWS) for part in (ordered, order, weights, total, is_good))
        found = [self._of_readings(*part) for part in zip(*parts, strict=True)]
        ways, likelihood = (torch.cat(column, 1) for column in zip(*found, strict=True))
        gain = (likelihood[1] / likelihood[0]).log()
        share = ((gain - _EVEN_GAIN) / _GAIN_SCALE).sigmoid()[:, None, None]
        own = ways[0] * (1 - share) + ways[1] * share
        elsewhere = (own.sum(1, keepdim=True) - own).clamp(0, 1)
        posterior = _with_coinciding(ordered, own.flatten(1).gather(1, order))
        return GraphReading(ordered.float(), posterior.float(), logit.float(), elsewhere.float(), gain)

    def _of_readings(
        self, mass: Tensor, order: Tensor, weight: Tensor, total: Tensor, is_good: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Posteriors of readings both ways, (2, batch, readings, peaks), and likelihoods, (2, batch).

        The weights are (batch, 2, readings, peaks); the masses are ordered.
        """
        edges, order, weight = self._edges(mass, total, is_good), order.expand(2, -1, -1), weight.transpose(0, 1)
        alone, _ = _posterior_by_reading(edges, order, weight)
        odds = alone / (1 - alone).clamp(min=1e-6)
        others = (odds.sum(2, keepdim=True) - odds).clamp(min=0, max=_MOST_TAKEN)
        return _posterior_by_reading(edges, order, weight / (1 + others))

    def _edges(self, mass: Tensor, total: Tensor, is_good: Tensor) -> _Edges:
        """Those of ordered nodes, +inf for none, by the table of each row's analyser."""
        finite = mass.isfinite()
        nodes = int(finite.sum(1).max())
        mass, finite = mass[:, :nodes], finite[:, :nodes]
        place = mass.masked_fill(~finite, 0.0)
        return _Edges(
            between=_ratios(self.edge, place[:, None, :] - place[:, :, None], is_good),
            first=_ratios(self.first_edge, place, is_good).double() * finite,
            last=_ratios(self.edge, total[:, None] - place, is_good).double() * finite,
            whole=_ratios(self.first_edge, total[:, None], is_good)[:, 0].double(),
        )


def _posterior(edges: _Edges, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Share of all paths' weight that leads through each node, (..., batch, nodes) float64, as are the weights.

    And all of that weight, (..., batch), at least a number that can be divided by.
    """
    nodes = edges.first.shape[1]
    padding = weight.shape[-1] - nodes
    weight = weight[..., :nodes]
    forward = edges.first.expand(weight.shape).clone()
    backward, weighted = torch.zeros_like(weight), torch.zeros_like(weight)
    for node in range(nodes):
        forward[..., node] *= weight[..., node]
        forward[..., node + 1 :] += forward[..., node, None] * edges.between[:, node, node + 1 :]
    for node in range(nodes - 1, -1, -1):
        onwards = (edges.between[:, node, node + 1 :] * weighted[..., node + 1 :]).sum(-1)
        backward[..., node] = edges.last[:, node] + onwards
        weighted[..., node] = weight[..., node] * backward[..., node]
    whole = (edges.whole + (forward * edges.last).sum(-1)).clamp(min=_LEAST_WHOLE)
    return functional.pad(forward * backward / whole[..., None], (0, padding)), whole


def _posterior_by_reading(edges: _Edges, order: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """As `_posterior`, of weights of readings of peaks, (..., readings, peaks), whose nodes are so ordered."""
    posterior, whole = _posterior(edges, weight.flatten(-2).gather(-1, order))
    return torch.zeros_like(posterior).scatter(-1, order, posterior).view_as(weight), whole


def _ratios(tables: Tensor, distance: Tensor, which: Tensor) -> Tensor:
    """Of distances, (batch, ...), by the table of each row; tables (2, entries)."""
    first = which.view(-1, *[1] * (distance.dim() - 1)) * tables.shape[1]
    return table_at(tables, distance, first)


def _with_coinciding(mass: Tensor, posterior: Tensor) -> Tensor:
    """Each node's probability and that of the nodes next to it that say the same cleavage; (batch, nodes)."""
    together = posterior.clone()
    for step in range(1, _COINCIDING + 1):
        near = (mass[:, step:] - mass[:, :-step] <= _SAME_CLEAVAGE_DA) & mass[:, step:].isfinite()
        together[:, step:] += posterior[:, :-step] * near
        together[:, :-step] += posterior[:, step:] * near
    return together.clamp(max=1.0)
