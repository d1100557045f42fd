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
from model.hypothesis import are_among, are_repeated, peptides_at
from model.path_score import PathGains, PathScore
from model.path_table import SAME_MASS_DA, Ends, PathTable
from model.residue_strings import NOMINAL_DA

PRECURSOR_DEVIATION_PPM = 7.0
HYPOTHESES = 8
"""Of each nominal mass."""
_ROWS = 16
"""Spectra at once, of like mass: what fits a processor's cache is quicker."""
_BELOW_ZERO = 20
"""Terminal modifications may weigh so much less than nothing, in nominal units."""
_READ_AGAIN_CHARGE, _LESS = 3, 1.0
"""From so high a precursor's charge on spectra are read again, and what the best peptide's cleavages gain less then."""


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

    def and_then(self, others: "GraphAnswers") -> "GraphAnswers":
        """These, and behind them those of others, of the same spectra, that are not among them."""
        known = are_among(others.tokens, self.tokens)
        tokens = others.tokens.masked_fill(known[..., None], PAD)
        score = others.score.masked_fill(known, -torch.inf)
        return GraphAnswers(torch.cat([self.tokens, tokens], 1), torch.cat([self.score, score], 1))


class GraphDecoder:
    """Finds the best peptides of spectrum graphs.

    Parameters
    ----------
    vocabulary : of the network.
    candidates : (tokens,) int64: those that may be answered; gaps are left out.
    tolerance_ppm : of the precursor's mass.
    path : scores the peptides.
    hypotheses : kept of each nominal mass, one of those that weigh the same and end alike.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        candidates: Tensor,
        tolerance_ppm: float,
        path: PathScore,
        hypotheses: int = HYPOTHESES,
    ) -> None:
        numbers = [int(number) for number in candidates if int(number) not in (PAD, STOP, GAP)]
        terminal = [number for number in numbers if vocabulary.is_terminal[number]]
        residues = [number for number in numbers if not vocabulary.is_terminal[number]]
        self.tolerance_ppm, self.hypotheses, self.device = tolerance_ppm, hypotheses, candidates.device
        self.terminal = [(number, float(vocabulary.masses[number])) for number in terminal]
        self.residues = torch.tensor(residues, device=self.device)
        self.masses = torch.as_tensor(vocabulary.masses, dtype=torch.float32, device=self.device)
        self.mass = self.masses[self.residues]
        self.nominal = (self.mass / NOMINAL_DA).round().long()
        # so many places before that of no mass that every residue has somewhere to come from
        self.zero = max(self.nominal.tolist(), default=0) + _BELOW_ZERO
        self.path = path.to(self.device)

    @torch.no_grad()
    def __call__(
        self, evidence: MassEvidence, index: SpectrumIndex, slots: int, count: int, again: int = 0
    ) -> GraphAnswers:
        """The best peptides.

        Of a long peptide many paths are nearly as good as the best and differ from it in the same few places. A second
        reading, in which the cleavages of the best gain less, brings up others.

        Parameters
        ----------
        index : of a batch of spectra, with a spectrum graph.
        slots : that an answer may fill.
        count : of answers a spectrum.
        again : answers more, of a second reading of highly charged spectra, behind the others and with the scores of
            that reading; a spectrum that is not read again has none.
        """
        order = index.peptide_mass.argsort()
        with torch.autocast(self.device.type, enabled=False):
            parts = [self._decode(evidence, index.select(rows), slots, count, again) for rows in order.split(_ROWS)]
        back = order.argsort()
        return GraphAnswers(
            torch.cat([part.tokens for part in parts])[back], torch.cat([part.score for part in parts])[back]
        )

    def _decode(self, evidence: MassEvidence, index: SpectrumIndex, slots: int, count: int, again: int) -> GraphAnswers:
        gains = self.path.gains(evidence, index)
        answers = self._best(gains, index, slots, count)
        if again:
            answers = answers.and_then(self._read_again(gains, evidence, index, answers.tokens[:, 0], again))
        return answers

    def _read_again(
        self, gains: PathGains, evidence: MassEvidence, index: SpectrumIndex, best: Tensor, count: int
    ) -> GraphAnswers:
        """So many answers to the highly charged of the spectra, others than the best, (batch, slots)."""
        shape = len(best), count
        tokens = best.new_full((*shape, best.shape[1]), PAD)
        score = torch.full(shape, -torch.inf, device=best.device)
        high = (index.charge >= _READ_AGAIN_CHARGE).nonzero()[:, 0]
        if len(high):
            best = best[high]
            less = gains.select(high).less(evidence.masses[best].cumsum(1), evidence.is_cleavage(best), _LESS)
            found = self._best(less, index.select(high), best.shape[1], count)
            tokens[high], score[high] = found.tokens, found.score
        return GraphAnswers(tokens, score)

    def _best(self, gains: PathGains, index: SpectrumIndex, slots: int, count: int) -> GraphAnswers:
        tokens, ours = self.path.tokens(), self.residues
        beside = (tokens.pair + tokens.single + gains.small.pair + gains.small.residue[:, None])[..., ours]
        onwards = _Onwards(gains, beside, tokens.left, tokens.right[ours])
        residue_mass = index.peptide_mass - WATER
        places = int(residue_mass.max() / NOMINAL_DA) + 3 + self.zero
        table = PathTable(len(residue_mass), places, self.residues, self.masses, self.hypotheses)
        table.begin(self.zero, 0.0, PAD, onwards.pair[:, PAD])
        for number, mass in self.terminal:
            score = tokens.single[number] + tokens.pair[PAD, number] + onwards.pair[:, number]
            table.begin(round(mass / NOMINAL_DA) + self.zero, mass, number, score)
        block = int(self.nominal.min())  # of places that do not follow from each other
        for first in range(self.zero - _BELOW_ZERO + block, table.places, block):
            self._extend(table, first, min(first + block, table.places), onwards)
        return self._finish(table, residue_mass, tokens.end[ours], slots, count)

    def _extend(self, table: PathTable, first: int, end: int, onwards: "_Onwards") -> None:
        """The best hypotheses of some nominal masses, by one residue from lighter ones; what begins there stays."""
        parts = [
            (slice(first - nominal, end - nominal), number) for number, nominal in enumerate(self.nominal.tolist())
        ]
        score = torch.stack([table.onward[:, number, sources] for sources, number in parts], 2).flatten(2)
        mass = (torch.stack([table.mass[:, sources] for sources, _ in parts], 2) + self.mass[:, None]).flatten(2)
        place = onwards.gains.place(mass).flatten(1)
        score += onwards.gains.cleavage.gather(1, place).view(score.shape)
        best, chosen = score.topk(2 * self.hypotheses, dim=2)
        masses = mass.gather(2, chosen)
        same = (masses[..., None] - masses[..., None, :]).abs() < SAME_MASS_DA
        last = chosen // self.hypotheses
        same &= last[..., None] == last[..., None, :]
        earlier = torch.ones(same.shape[-2:], dtype=torch.bool, device=self.device).tril(-1)
        best = best.masked_fill((same & earlier).any(3), -torch.inf)
        best, order = best.topk(self.hypotheses, dim=2)
        chosen, masses = chosen.gather(2, order), masses.gather(2, order)
        residue, rank = chosen // self.hypotheses, chosen % self.hypotheses
        source = torch.arange(first, end, device=self.device)[:, None] - self.nominal[residue]
        token = self.residues[residue]
        table.put(slice(first, end), masses, token, source, rank, onwards(best, masses, token))

    def _finish(self, table: PathTable, residue_mass: Tensor, end: Tensor, slots: int, count: int) -> GraphAnswers:
        """The best whole peptides."""
        batch = len(residue_mass)
        whole = (
            (residue_mass / NOMINAL_DA).round().long()[:, None] + self.zero + torch.arange(-1, 2, device=self.device)
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
        score = score.masked_fill(~usable | (off.abs() > unit * self.tolerance_ppm), -torch.inf)
        rank = torch.arange(self.hypotheses, device=self.device)
        parts = source[..., None], rank, self.residues[:, None], score
        ends = Ends(*(part.expand(score.shape).flatten(1) for part in parts))
        tokens, score = table.read(ends, slots, count)
        # those that were met on the way back weigh about the same
        off = (self.masses[tokens].sum(2) - residue_mass[:, None].float()).abs()
        lost = are_repeated(tokens) | (off > residue_mass[:, None] * 1e-6 * self.tolerance_ppm)
        score, order = score.masked_fill(lost, -torch.inf).sort(dim=1, descending=True, stable=True)
        return GraphAnswers(peptides_at(tokens, order).masked_fill(score.isinf()[..., None], PAD), score)


@dataclass
class _Onwards:
    """What hypotheses score once a residue is put behind them.

    Attributes
    ----------
    gains : of cleavages.
    pair : (batch, tokens, residues): of a residue, and of a token before it.
    left, right : (tokens, RANK) and (residues, RANK).
    """

    gains: PathGains
    pair: Tensor
    left: Tensor
    right: Tensor

    def __call__(self, score: Tensor, mass: Tensor, token: Tensor) -> Tensor:
        """(batch, residues, places, hypotheses); arguments (batch, places, hypotheses)."""
        node = self.gains.node.gather(1, self.gains.place(mass).flatten(1)).long()
        turn = self.gains.turn.gather(1, node[..., None].expand(-1, -1, self.gains.turn.shape[2]))
        token = token.flatten(1)
        before = score.flatten(1) + (turn * self.left[token]).sum(-1)
        beside = self.pair.mT.gather(2, token[:, None].expand(-1, self.pair.shape[2], -1))
        onwards = (self.right @ turn.mT).add_(beside).add_(before[:, None])
        return onwards.view(*onwards.shape[:2], *score.shape[1:])
