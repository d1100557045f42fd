"""The hypothesis: the current answer read as residues, and where each of them starts and ends in mass."""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.chemistry import WATER
from data.vocabulary import GAP, MAX_GAP_MASS, PAD, STOP


@dataclass
class Hypothesis:
    """The arg max of an answer up to its first stop.

    Attributes
    ----------
    tokens : (batch, slots) int64, ``PAD`` from the first stop on.
    mass : (batch, slots) float64, Da, of each token.
    gap_mass : (batch, slots) float64, Da, that a gap in each slot would weigh.
    prefix_mass : (batch, slots) float64, Da, before each slot.
    suffix_mass : (batch, slots) float64, Da, behind each slot, as far as the stop.
    has_suffix : (batch, slots) bool: there is a stop, and the slot lies before it.
    """

    tokens: Tensor
    mass: Tensor
    gap_mass: Tensor
    prefix_mass: Tensor
    suffix_mass: Tensor
    has_suffix: Tensor

    @property
    def total_mass(self) -> Tensor:
        """(batch,) float64, Da, of the residues, without water."""
        return self.mass.sum(1)


@torch.no_grad()
def read_hypothesis(answer: Tensor, gap_mass: Tensor, peptide_mass: Tensor, masses: Tensor) -> Hypothesis:
    """Read an answer.

    The only gap of a finished answer weighs what the precursor leaves for it, whatever the network proposed, if that
    is a possible mass.

    Parameters
    ----------
    answer : (batch, slots, tokens), logits.
    gap_mass : (batch, slots), Da, that the network proposes for a gap in each slot.
    peptide_mass : (batch,) float64, Da, neutral, water included.
    masses : (tokens,) float64, Da.
    """
    tokens = answer.argmax(-1)
    ended = ((tokens == PAD) | (tokens == STOP)).cumsum(1) > 0
    tokens = tokens.masked_fill(ended, PAD)
    mass, is_gap = masses[tokens], tokens == GAP
    left = (peptide_mass - WATER - mass.sum(1))[:, None]
    determined = (is_gap.sum(1) == 1)[:, None] & ended.any(1, keepdim=True) & (left > 0) & (left <= MAX_GAP_MASS)
    gap_mass = torch.where(is_gap & determined, left, gap_mass.double())
    mass = mass + is_gap * gap_mass
    through = mass.cumsum(1)
    return Hypothesis(
        tokens=tokens,
        mass=mass,
        gap_mass=gap_mass,
        prefix_mass=through - mass,
        suffix_mass=through[:, -1:] - through,
        has_suffix=~ended & ended.any(1, keepdim=True),
    )


def with_stop(tokens: Tensor) -> Tensor:
    """The same answers with a stop behind the last token, where there is a slot for it."""
    length = (tokens != PAD).sum(-1, keepdim=True)
    place = torch.arange(tokens.shape[-1], device=tokens.device)
    return torch.where(place == length, STOP, tokens)


def peptides_at(tokens: Tensor, places: Tensor) -> Tensor:
    """Some of the peptides of each spectrum: (batch, peptides, slots) and (batch, places) to (batch, places, slots)."""
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))


def are_among(peptides: Tensor, others: Tensor) -> Tensor:
    """(batch, peptides) bool: which of each spectrum's peptides are among others of it; (batch, ·, slots) both."""
    return (peptides[:, :, None] == others[:, None]).all(3).any(2)


def are_repeated(peptides: Tensor) -> Tensor:
    """(batch, peptides) bool: which of each spectrum's peptides, (batch, peptides, slots), stand before already."""
    return (peptides[:, :, None] == peptides[:, None]).all(3).tril(-1).any(2)
