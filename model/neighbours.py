"""Neighbours of peptides: peptides of the same mass that differ from them in one stretch of one to three residues.

A stretch is replaced by any string of residues that lets the whole weigh what the precursor weighs. What a replacement
gains is what its cleavages gain in the spectrum graph, less what its residues cost there (`model.graph_decoding`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.chemistry import ISOTOPE_SPACING, WATER
from data.vocabulary import GAP, PAD, Vocabulary
from model.evidence import SpectrumIndex
from model.graph_decoding import GraphDecoder
from model.hypothesis import peptides_at

LONGEST = 3
"""Residues of a stretch, and of what replaces it."""

_RARE_COST = 5.0
"""A string holds at most one residue that costs more."""


@dataclass
class _Replacements:
    """Of stretches of peptides by strings, each of the same length along the first axis.

    Attributes
    ----------
    row, peptide : which spectrum, and which of its peptides.
    first, end : slots of the stretch, the second exclusive.
    string : position in the table of strings.
    """

    row: Tensor
    peptide: Tensor
    first: Tensor
    end: Tensor
    string: Tensor

    def select(self, places: Tensor) -> "_Replacements":
        parts = (self.row, self.peptide, self.first, self.end, self.string)
        return _Replacements(*(part[places] for part in parts))


class Neighbourhood:
    """Finds the best neighbours of peptides.

    Parameters
    ----------
    vocabulary : of the network.
    candidates : (tokens,) int64: those that may be answered; neither gaps nor terminal modifications are put in.
    tolerance_ppm : of the precursor's mass.
    isotope_errors : the precursor may be the peak of up to so many 13C atoms; a neighbour has as many as its peptide.
    """

    def __init__(
        self, vocabulary: Vocabulary, candidates: Tensor, tolerance_ppm: float, isotope_errors: int = 0
    ) -> None:
        self.tolerance_ppm, self.isotope_errors, self.device = tolerance_ppm, isotope_errors, candidates.device
        self.graph = GraphDecoder(vocabulary, candidates, tolerance_ppm)
        self.masses = torch.as_tensor(vocabulary.masses, device=self.device)
        self.is_terminal = torch.as_tensor(vocabulary.is_terminal, device=self.device)
        self.cost = torch.zeros(len(vocabulary), device=self.device)
        self.cost[self.graph.residues] = self.graph.cost
        tokens = torch.cat([_strings(self.graph.residues, self.cost, length) for length in range(1, LONGEST + 1)])
        mass, order = self.masses[tokens].sum(1).sort(stable=True)
        self.string, self.string_mass = tokens[order], mass
        self.string_length = (self.string != PAD).sum(1)

    def gains(self, index: SpectrumIndex) -> Tensor:
        """What cleavages of the spectra gain, (batch, grid); made once for all calls."""
        return self.graph.gains(index.node_mass, index.node_posterior, index.peptide_mass - WATER)

    @torch.no_grad()
    def __call__(self, peptides: Tensor, index: SpectrumIndex, gains: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """The neighbours that gain most, each once; what is among the peptides is left out.

        Parameters
        ----------
        peptides : (batch, peptides, slots) int64, ``PAD`` behind the last residue; all ``PAD`` for none.
        index : of the spectra.
        gains : of them, as `gains`.
        count : of neighbours a spectrum.

        Returns
        -------
        tokens : (batch, count, slots) int64, all ``PAD`` where there are fewer.
        gain : (batch, count) float32, falling, −inf where there are fewer.
        """
        made = self._replacements(peptides, index)
        gain = self._gain(made, peptides, gains)
        gain = gain.masked_fill(self._is_idle(made, peptides), -torch.inf)
        best, gain = _best_of_rows(made, gain, len(peptides), 2 * count)
        tokens = peptides.new_full((*gain.shape, peptides.shape[2]), PAD)
        row, place = gain.isfinite().nonzero(as_tuple=True)
        tokens[row, place] = self._replaced(made.select(best[row, place]), peptides)
        known = (tokens[:, :, None] == peptides[:, None]).all(3).any(2)
        twice = (tokens[:, :, None] == tokens[:, None]).all(3).tril(-1).any(2)
        gain, order = gain.masked_fill(known | twice, -torch.inf).topk(count, dim=1)
        tokens = peptides_at(tokens, order)
        return tokens.masked_fill(~gain.isfinite()[..., None], PAD), gain

    def _replacements(self, peptides: Tensor, index: SpectrumIndex) -> _Replacements:
        """All of all stretches."""
        is_residue = (peptides != PAD) & (peptides != GAP) & ~self.is_terminal[peptides]
        row, peptide, first = is_residue.nonzero(as_tuple=True)
        length = (peptides != PAD).sum(2)[row, peptide]
        ends = [first + residues for residues in range(1, LONGEST + 1)]
        inside = torch.cat([end <= length for end in ends])
        row, peptide, first = (part.repeat(LONGEST)[inside] for part in (row, peptide, first))
        end = torch.cat(ends)[inside]
        through = self.masses[peptides].cumsum(2)
        left = through[row, peptide, first] - self.masses[peptides[row, peptide, first]]
        stretch = through[row, peptide, end - 1] - left
        whole, target = through[row, peptide, -1], (index.peptide_mass - WATER)[row]
        isotopes = ((target - whole) / ISOTOPE_SPACING).round().clamp(0, self.isotope_errors)
        wanted = target - isotopes * ISOTOPE_SPACING - (whole - stretch)
        tolerance_da = index.peptide_mass[row] * self.tolerance_ppm * 1e-6
        lowest = torch.searchsorted(self.string_mass, wanted - tolerance_da)
        count = torch.searchsorted(self.string_mass, wanted + tolerance_da, right=True) - lowest
        which = torch.repeat_interleave(count)
        string = lowest[which] + torch.arange(len(which), device=self.device) - (count.cumsum(0) - count)[which]
        return _Replacements(row[which], peptide[which], first[which], end[which], string)

    def _gain(self, made: _Replacements, peptides: Tensor, table: Tensor) -> Tensor:
        """(replacements,): what each gains over the stretch that it replaces."""
        through = self.masses[peptides].cumsum(2)
        left = through[made.row, made.peptide, made.first] - self.masses[peptides[made.row, made.peptide, made.first]]
        string, length = self.string[made.string], self.string_length[made.string]
        behind = left[:, None] + self.masses[string].cumsum(1)
        gain = -self.cost[string].sum(1)
        for residue in range(LONGEST):
            slot = (made.first + residue).clamp(max=peptides.shape[2] - 1)
            old, inside = peptides[made.row, made.peptide, slot], made.first + residue < made.end
            gain += self.cost[old] * inside
            gain += self.graph.gain_at(table, made.row, behind[:, residue]) * (residue + 1 < length)
            gain -= self.graph.gain_at(table, made.row, through[made.row, made.peptide, slot]) * (
                made.first + residue + 1 < made.end
            )
        return gain

    def _is_idle(self, made: _Replacements, peptides: Tensor) -> Tensor:
        """(replacements,) bool: those that leave an end of the stretch as it was, or make the peptide too long."""
        string, length = self.string[made.string], self.string_length[made.string]
        last = string.gather(1, length[:, None] - 1)[:, 0]
        idle = string[:, 0] == peptides[made.row, made.peptide, made.first]
        idle |= last == peptides[made.row, made.peptide, made.end - 1]
        total = (peptides != PAD).sum(2)[made.row, made.peptide] - (made.end - made.first) + length
        return idle | (total >= peptides.shape[2])

    def _replaced(self, made: _Replacements, peptides: Tensor) -> Tensor:
        """(replacements, slots): the peptides with their stretches replaced."""
        string, length = self.string[made.string], self.string_length[made.string]
        slot = torch.arange(peptides.shape[2], device=self.device)
        longer = length - (made.end - made.first)
        source = torch.where(slot < (made.first + length)[:, None], slot, slot - longer[:, None])
        tokens = peptides[made.row, made.peptide].gather(1, source.clamp(0, peptides.shape[2] - 1))
        tokens = tokens.masked_fill(source >= peptides.shape[2], PAD)
        within = slot - made.first[:, None]
        put = string.gather(1, within.clamp(0, LONGEST - 1))
        return torch.where((within >= 0) & (within < length[:, None]), put, tokens)


def _strings(residues: Tensor, cost: Tensor, length: int) -> Tensor:
    """(strings, LONGEST): all of so many residues with at most one rare one, ``PAD`` behind them."""
    strings = torch.cartesian_prod(*[residues] * length).view(-1, length)
    strings = strings[(cost[strings] > _RARE_COST).sum(1) <= 1]
    return torch.nn.functional.pad(strings, (0, LONGEST - length), value=PAD)


def _best_of_rows(made: _Replacements, gain: Tensor, rows: int, count: int) -> tuple[Tensor, Tensor]:
    """Positions of the replacements that gain most in each row, and their gains, falling; (rows, count) each."""
    order = gain.argsort(descending=True, stable=True)
    order = order[made.row[order].argsort(stable=True)]
    row = made.row[order]
    begin = torch.bincount(row, minlength=rows).cumsum(0)
    rank = torch.arange(len(order), device=gain.device) - torch.nn.functional.pad(begin, (1, 0))[row]
    kept = rank < count
    best = torch.zeros(rows, count, dtype=torch.int64, device=gain.device)
    gains = torch.full((rows, count), -torch.inf, device=gain.device)
    best[row[kept], rank[kept]] = order[kept]
    gains[row[kept], rank[kept]] = gain[order[kept]]
    return best, gains
