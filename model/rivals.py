"""What sets the peptides apart among which an answer is chosen: what each has and lacks beside the others.

Peptides of one spectrum share most of their cleavages, and of these nothing can be learned. The choice hangs on the
ions that some have and the others lack, and on what the others have in the midst of a residue.
"""

import torch
from torch import Tensor
from torch.nn import functional

from data.chemistry import ION_SERIES
from data.vocabulary import PAD
from model.evidence import MassEvidence

RIVAL_FEATURES = 1 + len(ION_SERIES) + 2

_SAME_DA = 0.03
"""Prefix masses within it are of one cleavage."""


def beside_rivals(evidence: MassEvidence, tokens: Tensor, height: Tensor, posterior: Tensor) -> Tensor:
    """Of the cleavage behind each slot, and of the residue in it.

    Parameters
    ----------
    tokens : (batch, peptides, slots) int64, ``PAD`` behind the last residue; all ``PAD`` where there are fewer.
    height : (batch, peptides, slots, series), root intensities of their ions.
    posterior : (batch, peptides, slots), logarithms of the cleavages' probabilities, scaled to 0…1.

    Returns
    -------
    (batch, peptides, slots, RIVAL_FEATURES): share of the other peptides that have this cleavage, too; root intensities
    of its ions times the share that lacks it; the most that ions sum up to, and the highest posterior, of cleavages of
    others within the residue.
    """
    slots = tokens.shape[2]
    prefix, cleaved = evidence.masses[tokens].cumsum(-1).float(), evidence.is_cleavage(tokens)
    before = functional.pad(prefix[..., :-1], (1, 0))
    others = ((tokens != PAD).any(2).sum(1) - 1).clamp(min=1)[:, None, None]
    theirs = prefix.masked_fill(~cleaved, -torch.inf).flatten(1)[:, None, None]
    here = ((prefix[..., None] - theirs).abs() < _SAME_DA).unflatten(-1, (-1, slots)).any(-1).sum(-1)
    share = (here - 1) / others * cleaved
    inside = (theirs > before[..., None] + _SAME_DA) & (theirs < prefix[..., None] - _SAME_DA)
    inside &= (tokens != PAD)[..., None]
    most = [(inside * of.flatten(1)[:, None, None]).amax(-1) for of in (height.sum(-1), posterior)]
    own = height * ((1 - share) * cleaved)[..., None]
    return torch.stack([share, *own.unbind(-1), *most], -1)


def beside_mean(whole: Tensor, tokens: Tensor) -> Tensor:
    """Features of peptides, (batch, peptides, features), less their mean over the peptides of the spectrum."""
    exists = (tokens != PAD).any(2)[..., None]
    mean = (whole * exists).sum(1, keepdim=True) / exists.sum(1, keepdim=True).clamp(min=1)
    return (whole - mean) * exists
