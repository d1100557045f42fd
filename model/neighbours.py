"""Neighbours of peptides: peptides of the same mass that differ from them in one stretch of one to three residues.

A stretch is replaced by any string of residues that lets the whole weigh what the precursor weighs; at the beginning of
a peptide either may have a terminal modification in front. What a replacement gains is by how much the path score rises
(`model.path_score`).
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from data.chemistry import ISOTOPE_SPACING, WATER
from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.evidence import SpectrumIndex
from model.hypothesis import are_among, are_repeated, peptides_at
from model.path_score import PathGains, PathScore, fitted_path_score

LONGEST = 3
"""Residues of a stretch, and of what replaces it."""

_WIDTH = LONGEST + 1
"""Tokens: a terminal modification may stand before the residues."""

_RARE_COST = 5.0
"""A string holds at most one residue that costs more."""


@dataclass
class _Stretches:
    """Of peptides, each of the same length along the first axis.

    Attributes
    ----------
    row, peptide : which spectrum, and which of its peptides.
    first, end : slots of the stretch, the second exclusive.
    left, right : Da, of the residues before it, and with it.
    before, behind : the tokens next to it, ``PAD`` at the ends of the peptide.
    """

    row: Tensor
    peptide: Tensor
    first: Tensor
    end: Tensor
    left: Tensor
    right: Tensor
    before: Tensor
    behind: Tensor

    def select(self, places: Tensor) -> "_Stretches":
        return _Stretches(*(getattr(self, field.name)[places] for field in fields(self)))


@dataclass
class _Replacements:
    """Of stretches by strings; ``stretch`` says which one, ``string`` is a position in the table of strings."""

    stretch: Tensor
    string: Tensor


class Neighbourhood:
    """Finds the best neighbours of peptides.

    Parameters
    ----------
    vocabulary : of the network.
    candidates : (tokens,) int64: those that may be answered; gaps are not put in.
    tolerance_ppm : of the precursor's mass.
    isotope_errors : the precursor may be the peak of up to so many 13C atoms; a neighbour has as many as its peptide.
    path : scores the replacements; None: with the weights of the package.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        candidates: Tensor,
        tolerance_ppm: float,
        isotope_errors: int = 0,
        path: PathScore | None = None,
    ) -> None:
        self.tolerance_ppm, self.isotope_errors, self.device = tolerance_ppm, isotope_errors, candidates.device
        self.path = (path or fitted_path_score(vocabulary)).to(self.device)
        self.tokens = self.path.tokens()
        self.masses = torch.as_tensor(vocabulary.masses, device=self.device)
        self.is_terminal = torch.as_tensor(vocabulary.is_terminal, device=self.device)
        self.is_residue = ~self.is_terminal & (torch.arange(len(vocabulary), device=self.device) > STOP)
        residues = candidates[self.is_residue[candidates] & (candidates != GAP)]
        inner = torch.cat([_strings(residues, self.path.cost, length) for length in range(1, LONGEST + 1)])
        usual = inner[(self.path.cost[inner] <= _RARE_COST).all(1)]
        first = torch.cat(
            [_behind(terminal, usual) for terminal in candidates[self.is_terminal[candidates]]] or [inner[:0]]
        )
        orders = [self.masses[tokens].sum(1).argsort(stable=True) for tokens in (inner, first)]
        self.string = torch.cat([inner[orders[0]], first[orders[1]]])
        self.string_mass = self.masses[self.string].sum(1).split([len(inner), len(first)])
        self.string_length = (self.string != PAD).sum(1)

    @torch.no_grad()
    def __call__(self, peptides: Tensor, gains: PathGains, index: SpectrumIndex, count: int) -> tuple[Tensor, Tensor]:
        """The neighbours that gain most, each once; what is among the peptides is left out.

        Parameters
        ----------
        peptides : (batch, peptides, slots) int64, ``PAD`` behind the last residue; all ``PAD`` for none.
        gains : of the spectra's cleavages, by the path score.
        index : of the spectra.
        count : of neighbours a spectrum.

        Returns
        -------
        tokens : (batch, count, slots) int64, all ``PAD`` where there are fewer.
        gain : (batch, count) float32, falling, −inf where there are fewer.
        """
        stretches, made = self._replacements(peptides, index)
        of = stretches.select(made.stretch)
        with torch.autocast(self.device.type, enabled=False):
            gain = self._gain(stretches, made, peptides, gains)
        gain = gain.masked_fill(self._is_idle(of, made.string, peptides), -torch.inf)
        best, gain = _best_of_rows(of.row, gain, len(peptides), 2 * count)
        tokens = peptides.new_full((*gain.shape, peptides.shape[2]), PAD)
        row, place = gain.isfinite().nonzero(as_tuple=True)
        kept = best[row, place]
        tokens[row, place] = self._replaced(of.select(kept), made.string[kept], peptides)
        known = are_among(tokens, peptides) | are_repeated(tokens)
        gain, order = gain.masked_fill(known, -torch.inf).topk(count, dim=1)
        tokens = peptides_at(tokens, order)
        return tokens.masked_fill(~gain.isfinite()[..., None], PAD), gain

    def _replacements(self, peptides: Tensor, index: SpectrumIndex) -> tuple[_Stretches, _Replacements]:
        """All stretches, and all that may replace them."""
        row, peptide, first = ((peptides != PAD) & (peptides != GAP)).nonzero(as_tuple=True)
        length = (peptides != PAD).sum(2)[row, peptide]
        begin = first + self.is_terminal[peptides[row, peptide, first]]
        ends = [begin + residues for residues in range(1, LONGEST + 1)]
        inside = torch.cat([end <= length for end in ends])
        row, peptide, first = (part.repeat(LONGEST)[inside] for part in (row, peptide, first))
        end = torch.cat(ends)[inside]
        through = self.masses[peptides].cumsum(2)
        left = through[row, peptide, first] - self.masses[peptides[row, peptide, first]]
        right = through[row, peptide, end - 1]
        around = functional.pad(peptides, (1, 1), value=PAD)
        before, behind = around[row, peptide, first], around[row, peptide, end + 1]
        stretches = _Stretches(row, peptide, first, end, left, right, before, behind)
        whole, target = through[row, peptide, -1], (index.peptide_mass - WATER)[row]
        isotopes = ((target - whole) / ISOTOPE_SPACING).round().clamp(0, self.isotope_errors)
        wanted = target - isotopes * ISOTOPE_SPACING - (whole - (right - left))
        tolerance_da = index.peptide_mass[row] * self.tolerance_ppm * 1e-6
        inner, terminal = (_within(masses, wanted, tolerance_da) for masses in self.string_mass)
        parts = [_every(*inner), _every(terminal[0] + len(self.string_mass[0]), terminal[1] * (first == 0))]
        return stretches, _Replacements(*(torch.cat(places) for places in zip(*parts, strict=True)))

    def _gain(self, of: _Stretches, made: _Replacements, peptides: Tensor, gains: PathGains) -> Tensor:
        """(replacements,): by how much each scores more than the stretch that it replaces."""
        slot = of.first[:, None] + torch.arange(_WIDTH, device=self.device)
        old = peptides[of.row[:, None], of.peptide[:, None], slot.clamp(max=peptides.shape[2] - 1)]
        every = torch.arange(len(old), device=self.device)
        before = self._score(of, gains, every, old, of.end - of.first)
        new = self._score(of, gains, made.stretch, self.string[made.string], self.string_length[made.string])
        return new - before[made.stretch]

    def _score(self, of: _Stretches, gains: PathGains, stretch: Tensor, string: Tensor, length: Tensor) -> Tensor:
        """(strings,): what strings, (strings, _WIDTH), score in the places of stretches."""
        tokens, row = self.tokens, of.row[stretch]
        ends = torch.stack([of.left, of.right], 1)
        turn = gains.turn_at(of.row[:, None].expand_as(ends), ends)  # of the cleavages at either end of a stretch
        turn = turn * torch.stack([self.is_residue[of.before], of.behind != PAD], 1)[..., None]
        at_left, at_right = turn[:, 0] @ tokens.right.mT, turn[:, 1] @ tokens.left.mT
        last = string.gather(1, length[:, None] - 1)[:, 0]
        first, behind = string[:, 0], of.behind[stretch]
        score = at_left[stretch, first] + at_right[stretch, last]
        score += self._pair(gains, row, of.before[stretch], first)
        score += torch.where(behind == PAD, tokens.end[last], self._pair(gains, row, last, behind))
        mass = of.left[stretch]
        for place in range(_WIDTH):
            token = string[:, place]
            score += (tokens.single[token] + gains.small.residue[row, token]) * (place < length)
            if place + 1 < _WIDTH:
                mass = mass + self.masses[token]
                score += self._inner(gains, row, mass, token, string[:, place + 1]) * (place + 1 < length)
        return score

    def _inner(self, gains: PathGains, row: Tensor, mass: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """(cleavages,): what cleavages between two tokens score; there is none behind a terminal modification."""
        turn = (gains.turn_at(row, mass) * (self.tokens.left[left] + self.tokens.right[right])).sum(-1)
        return (gains.cleavage_at(row, mass) + turn) * self.is_residue[left] + self._pair(gains, row, left, right)

    def _pair(self, gains: PathGains, row: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """(pairs,): what a token before another scores."""
        return self.tokens.pair[left, right] + gains.small.pair[row, left, right]

    def _is_idle(self, of: _Stretches, which: Tensor, peptides: Tensor) -> Tensor:
        """(replacements,) bool: those that leave an end of the stretch as it was, or make the peptide too long."""
        string, length = self.string[which], self.string_length[which]
        last = string.gather(1, length[:, None] - 1)[:, 0]
        idle = string[:, 0] == peptides[of.row, of.peptide, of.first]
        idle |= last == peptides[of.row, of.peptide, of.end - 1]
        total = (peptides != PAD).sum(2)[of.row, of.peptide] - (of.end - of.first) + length
        return idle | (total >= peptides.shape[2])

    def _replaced(self, of: _Stretches, which: Tensor, peptides: Tensor) -> Tensor:
        """(replacements, slots): the peptides with their stretches replaced."""
        string, length = self.string[which], self.string_length[which]
        slot = torch.arange(peptides.shape[2], device=self.device)
        longer = length - (of.end - of.first)
        source = torch.where(slot < (of.first + length)[:, None], slot, slot - longer[:, None])
        tokens = peptides[of.row, of.peptide].gather(1, source.clamp(0, peptides.shape[2] - 1))
        tokens = tokens.masked_fill(source >= peptides.shape[2], PAD)
        within = slot - of.first[:, None]
        put = string.gather(1, within.clamp(0, _WIDTH - 1))
        return torch.where((within >= 0) & (within < length[:, None]), put, tokens)


def _strings(residues: Tensor, cost: Tensor, length: int) -> Tensor:
    """(strings, _WIDTH): all of so many residues with at most one rare one, ``PAD`` behind them."""
    strings = torch.cartesian_prod(*[residues] * length).view(-1, length)
    strings = strings[(cost[strings] > _RARE_COST).sum(1) <= 1]
    return functional.pad(strings, (0, _WIDTH - length), value=PAD)


def _behind(terminal: Tensor, strings: Tensor) -> Tensor:
    """Strings, (strings, _WIDTH), with a terminal modification in front."""
    return torch.cat([terminal.expand(len(strings), 1), strings[:, :LONGEST]], 1)


def _within(masses: Tensor, wanted: Tensor, tolerance_da: Tensor) -> tuple[Tensor, Tensor]:
    """The place of the first of ascending masses that are as wanted, and how many are."""
    lowest = torch.searchsorted(masses, wanted - tolerance_da)
    return lowest, torch.searchsorted(masses, wanted + tolerance_da, right=True) - lowest


def _every(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Runs of so many places from first ones on, one after the other: which run, and the place."""
    which = torch.repeat_interleave(count)
    return which, first[which] + torch.arange(len(which), device=which.device) - (count.cumsum(0) - count)[which]


def _best_of_rows(rows_of: Tensor, gain: Tensor, rows: int, count: int) -> tuple[Tensor, Tensor]:
    """Positions of the replacements that gain most in each row, and their gains, falling; (rows, count) each."""
    order = gain.argsort(descending=True, stable=True)
    order = order[rows_of[order].argsort(stable=True)]
    row = rows_of[order]
    begin = torch.bincount(row, minlength=rows).cumsum(0)
    rank = torch.arange(len(order), device=gain.device) - functional.pad(begin, (1, 0))[row]
    kept = rank < count
    best = torch.zeros(rows, count, dtype=torch.int64, device=gain.device)
    gains = torch.full((rows, count), -torch.inf, device=gain.device)
    best[row[kept], rank[kept]] = order[kept]
    gains[row[kept], rank[kept]] = gain[order[kept]]
    return best, gains
