"""Internal fragments: what is left where a peptide is cleaved twice, which tells which residues stand side by side.

HCD spectra are full of them (Michalski et al. 2012, J. Proteome Res. 11, 5479). They need no cleavage to be seen by
itself: where the order of two residues leaves b and y ions the same but for one that is missing, they tell it.
"""

import torch
from torch import Tensor
from torch.nn import functional

from data.chemistry import CARBON_MONOXIDE, PROTON
from model.evidence import MassEvidence, SpectrumIndex
from model.ion_peaks import peaks_at

SLOT_FEATURES, WHOLE_FEATURES = 11, 4

_LONGEST = 8
"""Residues; longer ones are seldom seen and heavy enough to be met by chance."""
_APART = 3
"""Of so many lengths, the shortest, the heights are told one by one; of the others their sum."""


def beside_internal(
    evidence: MassEvidence, index: SpectrumIndex, tokens: Tensor, free: Tensor
) -> tuple[Tensor, Tensor]:
    """What internal fragments say for peptides.

    Parameters
    ----------
    tokens : (batch, peptides, slots) int64, ``PAD`` behind the last residue.
    free : (batch, peptides, peaks) bool: peaks that no b or y ion of the peptide explains.

    Returns
    -------
    slot : (batch, peptides, slots, SLOT_FEATURES): root intensities of the b-type fragments that begin with each
        residue, of two, three, four, and of more residues together; of those that end with it, likewise; of the a-type
        fragment of two residues; how many b-type ones begin, and how many end.
    whole : (batch, peptides, WHOLE_FEATURES): peaks that they explain, and the share of the intensity; peaks that
        nothing explains, and the share of the intensity.
    """
    slots = tokens.shape[2]
    prefix, cleaved = evidence.masses[tokens].cumsum(-1), evidence.is_cleavage(tokens)
    before, begins = functional.pad(prefix, (1, 0))[..., :-1], functional.pad(cleaved, (1, 0))[..., :-1]
    behind, ends = (functional.pad(of, (0, _LONGEST - 1)).unfold(-1, _LONGEST, 1)[..., 1:] for of in (prefix, cleaved))
    exists = begins[..., None] & ends
    mz = behind - before[..., None] + PROTON
    mz = torch.cat([mz, mz[..., :1] - CARBON_MONOXIDE], -1).float()
    exists = torch.cat([exists, exists[..., :1]], -1)
    peaks = peaks_at(evidence, index, mz.masked_fill(~exists, torch.inf))
    position = peaks.position.flatten(2)
    there = exists & (peaks.height > 0) & free.gather(2, position).view(mz.shape)
    height = peaks.height * there
    begun, is_begun = height[..., :-1], there[..., :-1].to(height.dtype)
    ended, is_ended = (
        torch.stack([functional.pad(of[..., k], (k + 1, 0))[..., :slots] for k in range(_LONGEST - 1)], -1)
        for of in (begun, is_begun)
    )
    slot = torch.cat(
        [*(_by_length(of) for of in (begun, ended)), height[..., -1:]]
        + [of.sum(-1, keepdim=True) for of in (is_begun, is_ended)],
        -1,
    )
    used = torch.zeros(free.shape, dtype=height.dtype, device=free.device)
    explained = used.scatter_reduce(2, position, there.to(height.dtype).flatten(2), "amax")
    left = free * (index.intensity > 0)[:, None] * (1 - explained)
    return slot, torch.stack([part for of in (explained, left) for part in _weighed(of, index)], -1)


def _by_length(height: Tensor) -> Tensor:
    return torch.cat([height[..., :_APART], height[..., _APART:].sum(-1, keepdim=True)], -1)


def _weighed(peaks: Tensor, index: SpectrumIndex) -> tuple[Tensor, Tensor]:
    """How many peaks, in tens, and their share of the intensity."""
    intensity = index.intensity[:, None]
    return peaks.sum(2) / 10, (peaks * intensity).sum(2) / intensity.sum(2).clamp(min=1e-6)
