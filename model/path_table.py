"""The table of the dynamic programming over spectrum graphs, and the best paths through it, read back from their ends.

Of hypotheses that weigh the same and end alike only the best is in the table: what comes behind them is the same. Those
that were beaten are met again on the way back: each hypothesis says what the best way to it scores, so that the paths
that are not yet read to their beginning can be compared by what the best whole of each scores. As no way to a
hypothesis is better than its best, none of the best so many paths is lost if so many are kept.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from data.vocabulary import PAD

SAME_MASS_DA = 0.008


class Ends(NamedTuple):
    """Peptides by how they end; (batch, peptides) each.

    Attributes
    ----------
    place, rank : of the hypothesis before the last residue.
    last : the last residue, as a token.
    score : of the best such peptide, −inf where there is none.
    """

    place: Tensor
    rank: Tensor
    last: Tensor
    score: Tensor


class PathTable:
    """Hypotheses by nominal mass: score with one more residue, exact mass, last token, and where the rest stands.

    Parameters
    ----------
    batch, places : spectra, and nominal masses of each.
    residues : (residues,) int64, tokens that hypotheses are extended by.
    masses : (tokens,) float32, Da.
    hypotheses : of each nominal mass.
    """

    def __init__(self, batch: int, places: int, residues: Tensor, masses: Tensor, hypotheses: int) -> None:
        self.places, self.masses, self.hypotheses, device = places, masses, hypotheses, residues.device
        shape = (batch, self.places, hypotheses)
        self.onward = torch.full((batch, len(residues), self.places, hypotheses), -torch.inf, device=device)
        self.mass = torch.zeros(shape, device=device)
        self.token = torch.zeros(shape, dtype=torch.int64, device=device)
        self.source = torch.full(shape, -1, dtype=torch.int64, device=device)
        self.rank = torch.zeros(shape, dtype=torch.int64, device=device)
        self.begun: dict[int, tuple[float, int, Tensor]] = {}
        self._which = torch.zeros(len(masses), dtype=torch.int64, device=device)
        self._which[residues] = torch.arange(len(residues), device=device)
        self._rows = torch.arange(batch, device=device)[:, None]

    def begin(self, place: int, mass: float, token: int, onward: Tensor) -> None:
        """Let a string begin with a terminal modification, or with none (``PAD``)."""
        self.begun[place] = mass, token, onward
        self.onward[:, :, place], self.source[:, place] = -torch.inf, -1
        self.onward[:, :, place, 0], self.mass[:, place, 0], self.token[:, place, 0] = onward, mass, token

    def put(self, places: slice, mass: Tensor, token: Tensor, source: Tensor, rank: Tensor, onward: Tensor) -> None:
        """Set the hypotheses of places, (batch, places, hypotheses) each, where none begins."""
        self.mass[:, places], self.token[:, places], self.rank[:, places] = mass, token, rank
        self.source[:, places], self.onward[:, :, places] = source, onward
        for place, beginning in self.begun.items():
            if places.start <= place < places.stop:
                self.begin(place, *beginning)

    def read(self, ends: Ends, slots: int, count: int) -> tuple[Tensor, Tensor]:
        """The best peptides.

        Parameters
        ----------
        ends : all that there are.
        slots : that a peptide may fill but for one.
        count : of peptides a spectrum.

        Returns
        -------
        tokens : (batch, count, slots) int64, all ``PAD`` where there are fewer.
        score : (batch, count), falling, −inf where there are fewer.
        """
        score, chosen = ends.score.topk(min(count, ends.score.shape[1]), dim=1)
        place, rank, last = (part.gather(1, chosen) for part in ends[:3])
        backwards = torch.full((*score.shape, slots), PAD, device=last.device)
        backwards[:, :, 0] = last
        for slot in range(1, slots):
            at = self._rows, place, rank
            backwards[:, :, slot] = self.token[at].masked_fill(place < 0, PAD)
            place = place.masked_fill(self.source[at] < 0, -1)
            if bool((place < 0).all()):
                break
            score, path, place, rank = self._back(score, place, rank, count)
            backwards = backwards.gather(1, path[..., None].expand(-1, -1, slots))
        score = score.masked_fill((place >= 0) | (backwards[..., -1] != PAD), -torch.inf)
        return _forwards(backwards).masked_fill(score.isinf()[..., None], PAD), score

    def _back(self, score: Tensor, place: Tensor, rank: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One token back along all ways: the best scores, of which paths they are, and the hypotheses there."""
        at = self._rows, place.clamp(min=0), rank
        token, before = self.token[at], self.source[at].clamp(min=0)
        onward, mass = self.onward[self._rows, self._which[token], before], self.mass[self._rows, before]
        is_same = (mass + self.masses[token][..., None] - self.mass[at][..., None]).abs() < SAME_MASS_DA
        loss = (onward - onward.gather(2, self.rank[at][..., None])).nan_to_num(-torch.inf, neginf=-torch.inf)
        done = torch.full_like(loss, -torch.inf)
        done[..., 0] = 0.0
        every = score[..., None] + torch.where((place < 0)[..., None], done, loss.masked_fill(~is_same, -torch.inf))
        best, chosen = every.flatten(1).topk(min(count, every[0].numel()), dim=1)
        path, hypothesis = chosen // self.hypotheses, chosen % self.hypotheses
        onto = torch.where(place < 0, place, before).gather(1, path)
        return best, path, onto, hypothesis


def _forwards(backwards: Tensor) -> Tensor:
    """Strings, (..., slots), in the order from their last token that is one to the first."""
    slots = backwards.shape[-1]
    place = (backwards != PAD).sum(-1, keepdim=True) - 1 - torch.arange(slots, device=backwards.device)
    return backwards.gather(-1, place.clamp(min=0)).masked_fill(place < 0, PAD)
