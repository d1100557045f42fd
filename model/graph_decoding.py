"""The best peptides of the spectrum graph: of the precursor's mass, by path score.

A hypothesis is a string of residues from the N terminus. Hypotheses of one nominal mass compete by path score
(`model.path_score`), so that all of a batch are extended in the order of their mass (the dynamic programming of Chen et
al. 2001, J. Comput. Biol. 8:325, with a few hypotheses a mass in place of one).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.chemistry import WATER
from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.evidence import MassEvidence, SpectrumIndex
from model.path_score import PathGains, PathScore, fitted_path_score
from model.residue_strings import NOMINAL_DA

PRECURSOR_DEVIATION_PPM = 7.0
_HYPOTHESES = 8
"""Of each nominal mass."""
_ROWS = 16
"""Spectra at once, of like mass: what fits a processor's cache is quicker."""
_SAME_MASS_DA = 0.008
_BELOW_ZERO = 20
"""Terminal modifications may weigh so much less than nothing, in nominal units."""


@dataclass
class GraphAnswers:
    """The best peptides of each spectrum, in falling order of their score.

    Attributes
    ----------
    tokens : (batch, answers, slots) int64, ``PAD`` behind the last residue; all ``PAD`` where there is no answer.
    score : (batch, answers) float32, −inf where there is no answer.
    """

    tokens: Tensor
    score: Tensor


class GraphDecoder:
    """Finds the best peptides of spectrum graphs.

    Parameters
    ----------
    vocabulary : of the network.
    candidates : (tokens,) int64: those that may be answered; gaps are left out.
    tolerance_ppm : of the precursor's mass.
    path : scores the peptides; None: with the weights of the package.
    """

    def __init__(
        self, vocabulary: Vocabulary, candidates: Tensor, tolerance_ppm: float, path: PathScore | None = None
    ) -> None:
        numbers = [int(number) for number in candidates if int(number) not in (PAD, STOP, GAP)]
        terminal = [number for number in numbers if vocabulary.is_terminal[number]]
        residues = [number for number in numbers if not vocabulary.is_terminal[number]]
        self.tolerance_ppm, self.device = tolerance_ppm, candidates.device
        self.terminal = [(number, float(vocabulary.masses[number])) for number in terminal]
        self.residues = torch.tensor(residues, device=self.device)
        self.mass = torch.tensor(vocabulary.masses[residues], dtype=torch.float32, device=self.device)
        self.nominal = (self.mass / NOMINAL_DA).round().long()
        self.path = (path or fitted_path_score(vocabulary)).to(self.device)

    @torch.no_grad()
    def __call__(self, evidence: MassEvidence, index: SpectrumIndex, slots: int, count: int) -> GraphAnswers:
        """The best peptides.

        Parameters
        ----------
        index : of a batch of spectra, with a spectrum graph.
        slots : that an answer may fill.
        count : of answers a spectrum.
        """
        order = index.peptide_mass.argsort()
        parts = [self._decode(evidence, index.select(rows), slots, count) for rows in order.split(_ROWS)]
        back = order.argsort()
        return GraphAnswers(
            torch.cat([part.tokens for part in parts])[back], torch.cat([part.score for part in parts])[back]
        )

    def _decode(self, evidence: MassEvidence, index: SpectrumIndex, slots: int, count: int) -> GraphAnswers:
        gains = self.path.gains(evidence, index)
        tokens, ours = self.path.tokens(), self.residues
        onwards = _Onwards(gains, tokens.pair[:, ours] + tokens.single[ours], tokens.left, tokens.right[ours])
        residue_mass = index.peptide_mass - WATER
        table = _Table(len(residue_mass), int(residue_mass.max() / NOMINAL_DA) + 3, len(self.residues), self.device)
        table.begin(_BELOW_ZERO, 0.0, PAD, onwards.pair[PAD])
        for number, mass in self.terminal:
            score = tokens.single[number] + tokens.pair[PAD, number] + onwards.pair[number]
            table.begin(round(mass / NOMINAL_DA) + _BELOW_ZERO, mass, number, score)
        block = int(self.nominal.min())  # of places that do not follow from each other
        for first in range(block, table.places, block):
            places = torch.arange(first, min(first + block, table.places), device=self.device)
            self._extend(table, places, onwards)
        return self._finish(table, residue_mass, tokens.end[ours], slots, count)

    def _extend(self, table: "_Table", places: Tensor, onwards: "_Onwards") -> None:
        """The best hypotheses of some nominal masses, by one residue from lighter ones; what begins there stays."""
        sources = places[:, None] - self.nominal
        usable = (sources >= 0)[..., None]
        sources = sources.clamp(min=0)
        which = torch.arange(len(self.residues), device=self.device)
        score = table.onward[:, which, sources].masked_fill(~usable, -torch.inf).flatten(2)
        mass = (table.mass[:, sources] + self.mass[:, None]).flatten(2)
        place = onwards.gains.place(mass).flatten(1)
        score += onwards.gains.cleavage.gather(1, place).view(score.shape)
        best, chosen = score.topk(2 * _HYPOTHESES, dim=2)
        masses = mass.gather(2, chosen)
        same = (masses[..., None] - masses[..., None, :]).abs() < _SAME_MASS_DA
        last = chosen // _HYPOTHESES
        same &= last[..., None] == last[..., None, :]
        earlier = torch.ones(same.shape[-2:], dtype=torch.bool, device=self.device).tril(-1)
        best = best.masked_fill((same & earlier).any(3), -torch.inf)
        best, order = best.topk(_HYPOTHESES, dim=2)
        chosen, masses = chosen.gather(2, order), masses.gather(2, order)
        residue, rank = chosen // _HYPOTHESES, chosen % _HYPOTHESES
        source = sources.expand(len(best), -1, -1).gather(2, residue)
        token = self.residues[residue]
        table.put(places, masses, token, source, rank, onwards(best, masses, token))

    def _finish(self, table: "_Table", residue_mass: Tensor, end: Tensor, slots: int, count: int) -> GraphAnswers:
        """The best whole peptides, traced back."""
        batch = len(residue_mass)
        whole = (
            (residue_mass / NOMINAL_DA).round().long()[:, None] + _BELOW_ZERO + torch.arange(-1, 2, device=self.device)
        ).clamp(0, table.places - 1)
        rows = torch.arange(batch, device=self.device)[:, None, None]
        source = whole[:, :, None] - self.nominal  # (batch, 3, residues)
        usable = (source >= 0)[..., None]
        source = source.clamp(min=0)
        which = torch.arange(len(self.residues), device=self.device)
        score = table.onward[rows, which, source] + end[:, None]
        off = table.mass[rows, source] + self.mass[:, None] - residue_mass[:, None, None, None].float()
        unit = residue_mass[:, None, None, None].float() * 1e-6
        score = score - (off / (unit * PRECURSOR_DEVIATION_PPM)).square() / 2
        score = score.masked_fill(~usable | (off.abs() > unit * self.tolerance_ppm), -torch.inf).flatten(1)
        best, chosen = score.topk(min(count, score.shape[1]), dim=1)
        tokens = torch.full((batch, best.shape[1], slots), PAD, device=self.device)
        for row, answer in best.isfinite().nonzero().tolist():
            place, rank = divmod(int(chosen[row, answer]), _HYPOTHESES)
            at, residue = divmod(place, len(self.residues))
            string = [*table.trace(row, int(source[row, at, residue]), rank), int(self.residues[residue])]
            if len(string) < slots:
                tokens[row, answer, : len(string)] = torch.tensor(string, device=self.device)
            else:
                best[row, answer] = -torch.inf
        return GraphAnswers(tokens, best)


@dataclass
class _Onwards:
    """What hypotheses score once a residue is put behind them.

    Attributes
    ----------
    gains : of cleavages.
    pair : (tokens, residues): of a residue, and of a token before it.
    left, right : (tokens, RANK) and (residues, RANK).
    """

    gains: PathGains
    pair: Tensor
    left: Tensor
    right: Tensor

    def __call__(self, score: Tensor, mass: Tensor, token: Tensor) -> Tensor:
        """(batch, places, hypotheses, residues); arguments (batch, places, hypotheses)."""
        node = self.gains.node.gather(1, self.gains.place(mass).flatten(1)).long()
        turn = self.gains.turn.gather(1, node[..., None].expand(-1, -1, self.gains.turn.shape[2]))
        turn = turn.view(*mass.shape, turn.shape[2])
        before = score + (turn * self.left[token]).sum(-1)
        onwards: Tensor = before[..., None] + turn @ self.right.mT + self.pair[token]
        return onwards


class _Table:
    """Hypotheses by nominal mass: score with one more residue, exact mass, last token, and where the rest stands."""

    def __init__(self, batch: int, places: int, residues: int, device: torch.device) -> None:
        self.places = places + _BELOW_ZERO
        shape = (batch, self.places, _HYPOTHESES)
        self.onward = torch.full((batch, residues, self.places, _HYPOTHESES), -torch.inf, device=device)
        self.mass = torch.zeros(shape, device=device)
        self.token = torch.zeros(shape, dtype=torch.int64, device=device)
        self.source = torch.full(shape, -1, dtype=torch.int64, device=device)
        self.rank = torch.zeros(shape, dtype=torch.int64, device=device)
        self.begun: set[int] = set()

    def begin(self, place: int, mass: float, token: int, onward: Tensor) -> None:
        """Let a string begin with a terminal modification, or with none (``PAD``)."""
        self.onward[:, :, place, 0], self.mass[:, place, 0], self.token[:, place, 0] = onward, mass, token
        self.begun.add(place)

    def put(self, places: Tensor, mass: Tensor, token: Tensor, source: Tensor, rank: Tensor, onward: Tensor) -> None:
        """Set the hypotheses of places, (batch, places, hypotheses) each, where none begins."""
        kept = torch.tensor([place not in self.begun for place in places.tolist()], device=places.device)
        places = places[kept]
        self.mass[:, places], self.token[:, places] = mass[:, kept], token[:, kept]
        self.source[:, places], self.rank[:, places] = source[:, kept], rank[:, kept]
        self.onward[:, :, places] = onward[:, kept].permute(0, 3, 1, 2)

    def trace(self, row: int, place: int, rank: int) -> list[int]:
        """The tokens of a hypothesis from the first on."""
        tokens = []
        while place >= 0:
            tokens.append(int(self.token[row, place, rank]))
            place, rank = int(self.source[row, place, rank]), int(self.rank[row, place, rank])
        return [token for token in reversed(tokens) if token != PAD]
