"""The spectrum graph: how probable it is that a peptide of the precursor's mass was cleaved where each peak says.

A peak may be a b or a y ion, of one charge or of two: each reading (`model.peak_reading`) places a cleavage at a prefix
mass, a node. A path of nodes from 0 to the precursor's mass whose distances are residues, or strings of residues
between which no cleavage was seen (`model.residue_strings`), is a peptide. Forward and backward sums over all paths
give each node's share of their weight: what a local look at one cleavage cannot tell, for a peak that no path leads
through is no ion. Graphs of this kind are those of Bartels (1990) and Dančík et al. (1999); the sums are those of a
hidden Markov model (Rabiner 1989). No weights of the network take part.
"""

import torch
from torch import Tensor
from torch.nn import functional

from data.chemistry import WATER
from data.vocabulary import Vocabulary
from model.peak_reading import PeakReader
from model.residue_strings import string_tables, table_at

_MOST_CERTAIN = 8.0
"""Logit of a reading, to either side."""
_SAME_CLEAVAGE_DA = 0.02
_COINCIDING = 3
_ROWS = 32
"""Spectra whose nodes are compared at once: what fits a processor's cache is quicker."""


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
        self, mz: Tensor, intensity: Tensor, peptide_mass: Tensor, charge: Tensor, tolerance_da: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Nodes and their posterior probabilities; arguments as `PeakReader.features`.

        Returns
        -------
        mass : (batch, nodes) float32, Da, ascending, +inf where there is no node.
        posterior : (batch, nodes) float32, of a cleavage there: of this node and of those that coincide with it.
        """
        mass, logit, possible = (
            part.flatten(1) for part in self.reader(mz, intensity, peptide_mass, charge, tolerance_da)
        )
        mass, order = mass.sort(dim=1)
        weight = (logit.double().clamp(-_MOST_CERTAIN, _MOST_CERTAIN).exp() * possible).gather(1, order)
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
        between = table_at(self.edge, place[:, None, :] - place[:, :, None])  # (batch, from, to)
        forward = table_at(self.first_edge, place).double() * finite
        end = table_at(self.edge, total[:, None] - place).double() * finite
        whole = (table_at(self.first_edge, total[:, None])[:, 0]).double()
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


def _with_coinciding(mass: Tensor, posterior: Tensor) -> Tensor:
    """Each node's probability and that of the nodes next to it that say the same cleavage; (batch, nodes)."""
    together = posterior.clone()
    for step in range(1, _COINCIDING + 1):
        near = (mass[:, step:] - mass[:, :-step] <= _SAME_CLEAVAGE_DA) & mass[:, step:].isfinite()
        together[:, step:] += posterior[:, :-step] * near
        together[:, :-step] += posterior[:, step:] * near
    return together.clamp(max=1.0)
