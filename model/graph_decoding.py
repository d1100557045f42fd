"""The best peptides of the spectrum graph: of the precursor's mass, through the most probable cleavages.

A hypothesis is a string of residues from the N terminus. It gains, for each cleavage, the logarithm of the cleavage's
posterior probability over that of a place where nothing was seen, less what it misses it by, and pays for each residue,
more for a rare one. Hypotheses of one nominal mass compete, so that all of a batch are extended in the order of their
mass (the dynamic programming of Chen et al. 2001, J. Comput. Biol. 8:325, with a few hypotheses a mass in place of
one).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.residue_strings import CARBAMIDOMETHYL, NOMINAL_DA

_UNSEEN = 1e-4
"""Posterior that counts as nothing seen."""

_RESIDUE_COST, _TERMINAL_COST = 2.0, 4.0
"""Of a residue of mean frequency, and of a terminal modification."""

_FREQUENCY = dict(
    zip(
        "ARNDCQEGHLKMFPSTWYV",
        (
            8.25,
            5.53,
            4.06,
            5.46,
            1.38,
            3.93,
            6.72,
            7.07,
            2.27,
            15.56,
            5.8,
            2.41,
            3.86,
            4.74,
            6.65,
            5.36,
            1.1,
            2.92,
            6.86,
        ),
        strict=True,
    )
)
"""Per cent of the residues of UniProtKB/Swiss-Prot, by its release notes; L with I."""

_MODIFIED = {CARBAMIDOMETHYL: 1.0, "C": 0.02, "M[UNIMOD:35]": 0.15, "N[UNIMOD:7]": 0.03, "S[UNIMOD:21]": 0.01}
"""Share of a residue's occurrences that are so modified, or not: about as in public libraries of tryptic peptides."""
_SELDOM = 0.02
"""Of other modified residues."""

_CLEAVAGE_DEVIATION_DA, _PRECURSOR_DEVIATION_PPM = 0.006, 7.0
"""Standard deviations of the distance from a node, and of the precursor's mass."""
_GRID_DA = 0.01
_HYPOTHESES = 6
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
    """

    def __init__(self, vocabulary: Vocabulary, candidates: Tensor, tolerance_ppm: float) -> None:
        numbers = [int(number) for number in candidates if int(number) not in (PAD, STOP, GAP)]
        terminal = [number for number in numbers if vocabulary.is_terminal[number]]
        residues = [number for number in numbers if not vocabulary.is_terminal[number]]
        self.tolerance_ppm, self.device = tolerance_ppm, candidates.device
        self.terminal = [(number, float(vocabulary.masses[number])) for number in terminal]
        self.residues = torch.tensor(residues, device=self.device)
        self.mass = torch.tensor(vocabulary.masses[residues], dtype=torch.float32, device=self.device)
        self.nominal = (self.mass / NOMINAL_DA).round().long()
        self.cost = torch.tensor([_cost(vocabulary, number) for number in residues], device=self.device)

    @torch.no_grad()
    def __call__(
        self, node_mass: Tensor, node_posterior: Tensor, residue_mass: Tensor, slots: int, count: int
    ) -> GraphAnswers:
        """The best peptides.

        Parameters
        ----------
        node_mass, node_posterior : (batch, nodes), of `model.spectrum_graph`.
        residue_mass : (batch,) float64, Da, of all residues.
        slots : that an answer may fill.
        count : of answers a spectrum.
        """
        order = residue_mass.argsort()
        parts = [
            self._decode(node_mass[rows], node_posterior[rows], residue_mass[rows], slots, count)
            for rows in order.split(_ROWS)
        ]
        back = order.argsort()
        tokens, score = (torch.cat(columns)[back] for columns in zip(*parts, strict=True))
        return GraphAnswers(tokens, score)

    def _decode(
        self, node_mass: Tensor, node_posterior: Tensor, residue_mass: Tensor, slots: int, count: int
    ) -> tuple[Tensor, Tensor]:
        gain = self.gains(node_mass, node_posterior, residue_mass)
        table = _Table(len(residue_mass), int(residue_mass.max() / NOMINAL_DA) + 3, self.device)
        for number, mass in [(PAD, 0.0), *self.terminal]:
            table.begin(round(mass / NOMINAL_DA) + _BELOW_ZERO, mass, number, _TERMINAL_COST * (number != PAD))
        block = int(self.nominal.min())  # of places that do not follow from each other
        for first in range(block, table.places, block):
            self._extend(table, torch.arange(first, min(first + block, table.places), device=self.device), gain)
        return self._finish(table, residue_mass, slots, count)

    def gains(self, node_mass: Tensor, node_posterior: Tensor, residue_mass: Tensor) -> Tensor:
        """(batch, grid): what a cleavage at each mass gains, to be read by `gain_at`; arguments as `__call__`."""
        width = int(residue_mass.max() / _GRID_DA) + 8
        gain = torch.zeros(len(node_mass), width, device=self.device)
        value = ((node_posterior + _UNSEEN) / _UNSEEN).log()
        finite = node_mass.isfinite() & (node_mass > 0)
        place = (node_mass.masked_fill(~finite, 0.0) / _GRID_DA).round().long()
        for offset in (-2, -1, 0, 1, 2):
            there = (place + offset).clamp(0, width - 1)
            missed = (there * _GRID_DA - node_mass.masked_fill(~finite, 0.0)) / _CLEAVAGE_DEVIATION_DA
            gain.scatter_reduce_(1, there, (value - missed.square() / 2).clamp(min=0) * finite, "amax")
        return gain

    def gain_at(self, gain: Tensor, row: Tensor, mass: Tensor) -> Tensor:
        """What cleavages at masses, Da, of rows gain; (cleavages,) each."""
        return gain[row, (mass * (1 / _GRID_DA)).round().long().clamp(0, gain.shape[1] - 1)]

    def _extend(self, table: "_Table", places: Tensor, gain: Tensor) -> None:
        """The best hypotheses of some nominal masses, by one residue from lighter ones; what begins there stays."""
        sources = places[:, None] - self.nominal
        usable = (sources >= 0)[..., None]
        sources = sources.clamp(min=0)
        score = (table.score[:, sources] - self.cost[:, None]).masked_fill(~usable, -torch.inf).flatten(2)
        mass = (table.mass[:, sources] + self.mass[:, None]).flatten(2)
        at = (mass * (1 / _GRID_DA)).round_().long().clamp_(0, gain.shape[1] - 1)
        score += gain.gather(1, at.flatten(1)).view(score.shape)
        best, chosen = score.topk(2 * _HYPOTHESES, dim=2)
        masses = mass.gather(2, chosen)
        same = (masses[..., None] - masses[..., None, :]).abs() < _SAME_MASS_DA
        earlier = torch.ones(same.shape[-2:], dtype=torch.bool, device=self.device).tril(-1)
        best = best.masked_fill((same & earlier).any(3), -torch.inf)
        best, order = best.topk(_HYPOTHESES, dim=2)
        chosen, masses = chosen.gather(2, order), masses.gather(2, order)
        begun = table.score[:, places, :1].isfinite()
        residue, rank = chosen // _HYPOTHESES, chosen % _HYPOTHESES
        source = sources.expand(len(best), -1, -1).gather(2, residue)
        for held, new in (
            (table.score, best),
            (table.mass, masses),
            (table.token, self.residues[residue]),
            (table.source, source),
            (table.rank, rank),
        ):
            held[:, places] = torch.where(begun, held[:, places], new)

    def _finish(self, table: "_Table", residue_mass: Tensor, slots: int, count: int) -> tuple[Tensor, Tensor]:
        """The best whole peptides, traced back, and their scores."""
        batch = len(residue_mass)
        whole = (
            (residue_mass / NOMINAL_DA).round().long()[:, None] + _BELOW_ZERO + torch.arange(-1, 2, device=self.device)
        )
        whole = whole.clamp(0, table.places - 1)
        rows = torch.arange(batch, device=self.device)[:, None]
        score, mass = table.score[rows, whole].flatten(1), table.mass[rows, whole].flatten(1)
        unit = residue_mass[:, None].float() * 1e-6
        off = (mass - residue_mass[:, None].float()).abs()
        score = score - (off / (unit * _PRECURSOR_DEVIATION_PPM)).square() / 2
        score = score.masked_fill(off > unit * self.tolerance_ppm + _GRID_DA, -torch.inf)
        best, chosen = score.topk(min(count, score.shape[1]), dim=1)
        tokens = torch.full((batch, best.shape[1], slots), PAD, device=self.device)
        for row, answer in (best.isfinite()).nonzero().tolist():
            place, rank = int(whole[row, chosen[row, answer] // _HYPOTHESES]), int(chosen[row, answer] % _HYPOTHESES)
            string = table.trace(row, place, rank)
            if len(string) < slots:
                tokens[row, answer, : len(string)] = torch.tensor(string, device=self.device)
            else:
                best[row, answer] = -torch.inf
        return tokens, best


def _cost(vocabulary: Vocabulary, number: int) -> float:
    """Minus the logarithm of a token's frequency, and so much that a residue of mean frequency costs the usual."""
    token = vocabulary.tokens[number]
    share = _MODIFIED.get(token.text, _SELDOM if token.is_modified else 1.0)
    mean = sum(_FREQUENCY.values()) / 20
    return _RESIDUE_COST - math.log(share * _FREQUENCY.get(token.residue, mean) / mean)


class _Table:
    """Hypotheses by nominal mass: score, exact mass, last token, and where the string before it stands."""

    def __init__(self, batch: int, places: int, device: torch.device) -> None:
        self.places = places + _BELOW_ZERO
        shape = (batch, self.places, _HYPOTHESES)
        self.score = torch.full(shape, -torch.inf, device=device)
        self.mass = torch.zeros(shape, device=device)
        self.token = torch.zeros(shape, dtype=torch.int64, device=device)
        self.source = torch.full(shape, -1, dtype=torch.int64, device=device)
        self.rank = torch.zeros(shape, dtype=torch.int64, device=device)

    def begin(self, place: int, mass: float, token: int, cost: float) -> None:
        """Let a string begin with a terminal modification, or with none (``PAD``)."""
        self.score[:, place, 0], self.mass[:, place, 0], self.token[:, place, 0] = -cost, mass, token

    def trace(self, row: int, place: int, rank: int) -> list[int]:
        """The tokens of a hypothesis from the first on."""
        tokens = []
        while place >= 0:
            tokens.append(int(self.token[row, place, rank]))
            place, rank = int(self.source[row, place, rank]), int(self.rank[row, place, rank])
        return [token for token in reversed(tokens) if token != PAD]
