"""Small fragments: immonium ions tell which residues a peptide holds, fragments of two which of them are neighbours.

Neither needs to be known where in the peptide the residues stand, so that they speak, too, where no cleavage is seen.
What they say is a sum over the residues and over the neighbouring pairs, as the path score is (`model.path_score`).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from data.chemistry import CARBON_MONOXIDE, PROTON
from model.evidence import MassEvidence, SpectrumIndex
from model.ion_peaks import IonPeaks, peaks_at, readings_at

ION_FEATURES, PAIR_FEATURES = 3, 6


class SmallFragments(NamedTuple):
    """Features of residues and of neighbouring pairs in spectra, or what each gains.

    Attributes
    ----------
    residue : (batch, tokens, ION_FEATURES), or (batch, tokens).
    pair : (batch, tokens, tokens, PAIR_FEATURES), of one before another, or (batch, tokens, tokens).
    """

    residue: Tensor
    pair: Tensor

    def by_slot(self, tokens: Tensor, before: Tensor) -> Tensor:
        """What is gained by tokens of each spectrum, and by what stands before them; all (batch, peptides, slots)."""
        row = torch.arange(len(tokens), device=tokens.device)[:, None, None].expand_as(tokens)
        gained: Tensor = self.residue[row, tokens] + self.pair[row, before, tokens]
        return gained


@torch.no_grad()
def small_fragments(evidence: MassEvidence, index: SpectrumIndex) -> SmallFragments:
    """Features, float32.

    Of a residue: whether its immonium ion is there, its root intensity, and whether it is missing where lighter peaks
    are. Of a pair: whether its b-type fragment is there, and its root intensity; of the a-type likewise; whether both
    are; and how probable it is that the peak of the first is a b or y ion.
    """
    mass, count = evidence.masses, len(index.mz)
    immonium = (mass - CARBON_MONOXIDE + PROTON).float().expand(count, -1).contiguous()
    height = peaks_at(evidence, index, immonium).height
    missing = (height <= 0) & (immonium >= index.mz[:, :1])
    residue = torch.stack([(height > 0).float(), height, missing.float()], -1)
    tokens = len(mass)
    heavier, lighter = torch.triu_indices(tokens, tokens, device=mass.device)
    whole = mass[heavier] + mass[lighter] + PROTON
    b, a = (
        peaks_at(evidence, index, (whole - loss).float().expand(count, -1).contiguous())
        for loss in (0.0, CARBON_MONOXIDE)
    )
    is_b, is_a = (peaks.height > 0 for peaks in (b, a))
    every = (*b.height.shape, index.elsewhere.shape[1])
    _, elsewhere = readings_at(index, IonPeaks(*(part[..., None].expand(every) for part in b)))
    columns = [is_b.float(), b.height, is_a.float(), a.height, (is_b & is_a).float(), elsewhere.amax(-1)]
    of_pairs = torch.stack(columns, -1).float()
    pair = of_pairs.new_zeros(count, tokens, tokens, PAIR_FEATURES)
    pair[:, heavier, lighter] = of_pairs
    pair[:, lighter, heavier] = of_pairs
    return SmallFragments(residue.float(), pair)


class SmallFragmentGains(nn.Module):
    """What residues and neighbouring pairs gain by small fragments.

    Parameters
    ----------
    kind : (tokens, kinds), what each token is; terminal ones and those that are none gain nothing.
    is_residue : (tokens,) bool.
    """

    kind: Tensor
    is_residue: Tensor

    def __init__(self, kind: Tensor, is_residue: Tensor) -> None:
        super().__init__()
        self.register_buffer("kind", kind, persistent=False)
        self.register_buffer("is_residue", is_residue, persistent=False)
        kinds = kind.shape[1]
        self.ion = nn.Parameter(torch.zeros(kinds, ION_FEATURES))
        self.pair = nn.Parameter(torch.zeros(PAIR_FEATURES))
        self.left, self.right = (nn.Parameter(torch.zeros(kinds)) for _ in range(2))

    def forward(self, of: SmallFragments) -> SmallFragments:
        """Gains of features."""
        residue = (of.residue * (self.kind @ self.ion)).sum(-1) * self.is_residue
        beside = (self.kind @ self.left)[:, None] + self.kind @ self.right
        pair = (of.pair @ self.pair + of.pair[..., 0] * beside) * (self.is_residue[:, None] & self.is_residue)
        return SmallFragments(residue, pair)
