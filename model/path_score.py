"""The path score: what cleavages, residues and neighbouring residues add to a path through the spectrum graph.

It is a sum over the cleavages and residues of a peptide, so that the best peptide can be found by dynamic programming
(`model.graph_decoding`) and what a replaced stretch gains needs the stretch alone (`model.neighbours`). A small network
reads, at each node of the graph, the ions of its cleavage, their losses, and its posterior probability; which residues
stand on either side counts through a product of low rank. What small fragments say of residues and of neighbouring
pairs (`model.small_fragments`) is added. Untrained, it is the logarithm of the posterior over that of
a place where nothing was seen, less the residues' costs by their frequency. Fitted by
``python -m benchmarks.path_score`` to make the right peptide probable among others of its mass, as a conditional random
field is (Lafferty et al. 2001).
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.chemistry import ION_SERIES, fragment_mz
from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.evidence import MassEvidence, SpectrumIndex
from model.ion_peaks import LOSSES, peaks_at, readings_at
from model.residue_strings import CARBAMIDOMETHYL
from model.small_fragments import SmallFragmentGains, SmallFragments, small_fragments
from model.tensor_file import fitted_weights

WEIGHTS_FILE = Path(__file__).with_suffix(".safetensors")

GRID_DA = 0.005
_REACH = 4
"""Places of the grid, to either side, at which a cleavage is still that of a node."""

_UNSEEN = 1e-4
"""Posterior that counts as nothing seen."""
_LEAST_POSTERIOR = 1e-6
_NODES = 256
"""Of a spectrum, the most probable."""
_DEVIATION_DA, _MOST_DEVIATION_DA = 0.002, 0.006
_FRAGMENT_MZ = 600.0
"""Th, of a usual fragment: of so much the accuracy of a spectrum, in ppm, is taken."""
_RESIDUE_COST, _TERMINAL_COST = 2.0, 4.0
"""Of a residue of mean frequency, and of a terminal modification."""

_LETTERS = "ARNDCQEGHLKMFPSTWYV"
_FREQUENCY = dict(
    zip(
        _LETTERS,
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

FEATURES = 6 * len(ION_SERIES) + len(LOSSES) + 9
_WIDTH, RANK = 48, 8
_SCALE = 0.25
_KINDS = len(_LETTERS) + 3
"""Of what stands beside a cleavage: a residue; and whether it is modified, a terminal modification, or nothing."""


class Nodes(NamedTuple):
    """Of spectrum graphs, (batch, nodes) each: prefix mass, Da, and posterior probability; both 0 for none."""

    mass: Tensor
    posterior: Tensor


@dataclass
class PathGains:
    """What cleavages of a batch of spectra gain, by their mass, and what residues and pairs gain wherever they stand.

    Attributes
    ----------
    cleavage : (batch, grid) float32, whatever stands on either side; the grid is one of ``GRID_DA``.
    node : (batch, grid) int32, of the turn that belongs to it.
    turn : (batch, nodes, RANK) float32: to be multiplied with what the residues on either side are; zeros for no node.
        No columns where nothing is learned.
    small : what residues and neighbouring pairs gain in each spectrum; zeros where nothing is learned.
    """

    cleavage: Tensor
    node: Tensor
    turn: Tensor
    small: SmallFragments

    def place(self, mass: Tensor) -> Tensor:
        """Of masses, Da, on the grid."""
        return (mass * (1 / GRID_DA)).round().long().clamp(0, self.cleavage.shape[1] - 1)

    def cleavage_at(self, row: Tensor, mass: Tensor) -> Tensor:
        """What cleavages at masses, Da, of rows gain, whatever stands on either side; shapes alike."""
        return self.cleavage[row, self.place(mass)]

    def turn_at(self, row: Tensor, mass: Tensor) -> Tensor:
        """(..., RANK): the turns of cleavages at masses, Da, of rows; shapes alike."""
        return self.turn[row, self.node[row, self.place(mass)].long()]

    def select(self, rows: Tensor) -> "PathGains":
        """Those of the spectra of these rows."""
        small = SmallFragments(*(part[rows] for part in self.small))
        return PathGains(self.cleavage[rows], self.node[rows], self.turn[rows], small)

    def less(self, mass: Tensor, is_cleavage: Tensor, by: float) -> "PathGains":
        """The same, but that cleavages near masses gain less.

        Parameters
        ----------
        mass, is_cleavage : (batch, cleavages), Da, and which of them there are.
        """
        near = torch.arange(-_REACH, _REACH + 1, device=mass.device)
        place = (self.place(mass)[..., None] + near).clamp(0, self.cleavage.shape[1] - 1)
        # what is no cleavage points at the first place, where no peptide is cleaved
        place = place.masked_fill(~is_cleavage[..., None], 0).flatten(1)
        taken = torch.zeros_like(self.cleavage).scatter(1, place, by)
        return replace(self, cleavage=self.cleavage - taken)


class TokenScores(NamedTuple):
    """What tokens add to a path's score.

    Attributes
    ----------
    single, end : (tokens,), wherever a token stands, and as the last.
    pair : (tokens, tokens), of one before another; ``PAD`` stands before the first.
    left, right : (tokens, RANK), to be multiplied with the turn of the cleavage behind and before a token.
    """

    single: Tensor
    end: Tensor
    pair: Tensor
    left: Tensor
    right: Tensor


class PathScore(nn.Module):
    """Scores of paths.

    Parameters
    ----------
    vocabulary : whose tokens peptides consist of.
    learned : with weights that are to be fitted or loaded; else posterior and costs alone.
    """

    kind: Tensor
    cost: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, vocabulary: Vocabulary, *, learned: bool = True) -> None:
        super().__init__()
        self.learned, rank = learned, RANK if learned else 0
        self.register_buffer("kind", _kinds(vocabulary), persistent=False)
        cost = torch.zeros(len(vocabulary))
        for number in range(STOP + 1, len(vocabulary)):
            cost[number] = 0.0 if number == GAP else _token_cost(vocabulary, number)
        self.register_buffer("cost", cost, persistent=False)
        if learned:
            self.register_buffer("mean", torch.zeros(FEATURES))
            self.register_buffer("deviation", torch.ones(FEATURES))
            self.first, self.second = nn.Linear(FEATURES, _WIDTH), nn.Linear(_WIDTH, _WIDTH)
            self.last = nn.Linear(_WIDTH, 1 + RANK)
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)
            self.small = SmallFragmentGains(self.kind, torch.as_tensor(vocabulary.is_residue))
        self.left, self.right = (nn.Parameter(torch.randn(_KINDS, rank) * 0.3) for _ in range(2))
        self.scale = nn.Parameter(torch.tensor(_SCALE))
        self.pair = nn.Parameter(torch.zeros(_KINDS, _KINDS))
        self.residue = nn.Parameter(torch.zeros(_KINDS))
        self.end = nn.Parameter(torch.zeros(_KINDS))
        self.missed = nn.Parameter(torch.tensor(_SCALE / 2))

    @torch.no_grad()
    def features(self, evidence: MassEvidence, index: SpectrumIndex, nodes: Nodes) -> Tensor:
        """What speaks for and against each node of the graph; (batch, nodes, FEATURES) float32."""
        mass = nodes.mass.double()
        whole = index.peptide_mass[:, None]
        mz = torch.stack([fragment_mz(mass, whole, series) for series in ION_SERIES], -1)
        charges = torch.tensor([series.charge for series in ION_SERIES], device=mass.device)
        asked = (index.fragment_charge[:, None, None] >= charges).expand(mz.shape)
        peaks = peaks_at(evidence, index, mz.float())
        height, error, _ = peaks
        losses = torch.stack([mz[..., series] - loss for series, loss in LOSSES], -1)
        lost = peaks_at(evidence, index, losses.float()).height
        posterior = nodes.posterior
        z = index.charge[:, None]
        places = [
            posterior,
            (posterior + _UNSEEN).log() / -math.log(_UNSEEN) + 1,
            mass / whole,
            mass / 1000,
            (whole - mass) / 1000,
            *((z == number).expand_as(mass) for number in (2, 3)),
            (z > 3).expand_as(mass),
            index.deviation_ppm.log()[:, None].expand_as(mass),
        ]
        read = [of * asked for of in readings_at(index, peaks)]
        columns = [height * asked, error.abs() * asked, asked, (height > 0) & asked, *read, lost]
        return torch.cat([*(column.float() for column in columns), torch.stack([p.float() for p in places], -1)], -1)

    def of_nodes(self, feature: Tensor, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """What each node gains, (batch, nodes), and its turn, (batch, nodes, RANK); of a learned score."""
        x = (feature - self.mean) / self.deviation
        x = self.last(functional.silu(self.second(functional.silu(self.first(x)))))
        return self.scale * _seen(posterior, _UNSEEN) + x[..., 0], x[..., 1:]

    def _read(self, evidence: MassEvidence, index: SpectrumIndex, nodes: Nodes) -> tuple[Tensor, Tensor]:
        if self.learned:
            return self.of_nodes(self.features(evidence, index, nodes), nodes.posterior)
        return self.scale * _seen(nodes.posterior, _UNSEEN), nodes.posterior.new_zeros(*nodes.posterior.shape, 0)

    @torch.no_grad()
    def gains(self, evidence: MassEvidence, index: SpectrumIndex) -> PathGains:
        """What cleavages gain, in single precision whatever the network's."""
        with torch.autocast(index.mz.device.type, enabled=False):
            nodes = most_probable(index)
            gain, turn = self._read(evidence, index, nodes)
            gain, turn = (
                functional.pad(gain, (0, 1)),
                functional.pad(turn, (0, 0, 0, 1)),
            )  # behind them what no node gains
            deviation_da = node_deviation_da(index)
            node, there = node_grid(nodes, index.peptide_mass, deviation_da)
            near = node.gather(1, there).long()
            missed = (there * GRID_DA - functional.pad(nodes.mass, (0, 1)).gather(1, near)) / deviation_da
            value = gain.gather(1, near) - self.missed * missed.square() * (near < nodes.mass.shape[1])
            cleavage = torch.zeros(node.shape, device=node.device).scatter(1, there, value)
            return PathGains(cleavage, node, turn, self._of_small_fragments(evidence, index))

    def _of_small_fragments(self, evidence: MassEvidence, index: SpectrumIndex) -> SmallFragments:
        if self.learned:
            gained: SmallFragments = self.small(small_fragments(evidence, index))
            return gained
        tokens = len(self.kind)
        return SmallFragments(*(index.mz.new_zeros(len(index.mz), *shape) for shape in ((tokens,), (tokens, tokens))))

    def tokens(self) -> TokenScores:
        """Of all tokens of the vocabulary."""
        kind = self.kind
        return TokenScores(
            single=kind @ self.residue - self.scale * self.cost,
            end=kind @ self.end,
            pair=kind @ self.pair @ kind.mT,
            left=kind @ self.left,
            right=kind @ self.right,
        )

    def by_slot(self, tokens: Tensor, cleavage: Tensor, turn: Tensor, small: SmallFragments) -> Tensor:
        """What each slot of peptides adds to their scores; (batch, peptides, slots).

        Parameters
        ----------
        tokens : (batch, peptides, slots) int64, ``PAD`` behind the last residue.
        cleavage, turn : (batch, peptides, slots) and (batch, peptides, slots, RANK), of the cleavage behind each slot;
            0 where there is none.
        small : what residues and neighbouring pairs gain in each spectrum.
        """
        of = self.tokens()
        before, behind = functional.pad(tokens, (1, 0))[..., :-1], functional.pad(tokens, (0, 1))[..., 1:]
        is_token = tokens != PAD
        is_last = is_token & (behind == PAD)
        alone = of.single[tokens] + of.pair[before, tokens] + of.end[tokens] * is_last + small.by_slot(tokens, before)
        beside = (turn * (of.left[tokens] + of.right[behind])).sum(-1)
        return (alone + cleavage + beside) * is_token

    @torch.no_grad()
    def of_peptides(self, gains: PathGains, evidence: MassEvidence, tokens: Tensor) -> Tensor:
        """As `by_slot`, of peptides of the spectra that the gains are of; (batch, peptides, slots)."""
        with torch.autocast(tokens.device.type, enabled=False):
            mass, is_cleavage = evidence.masses[tokens].cumsum(-1), evidence.is_cleavage(tokens)
            row = torch.arange(len(tokens), device=tokens.device)[:, None, None].expand_as(tokens)
            turn = gains.turn_at(row, mass) * is_cleavage[..., None]
            return self.by_slot(tokens, gains.cleavage_at(row, mass) * is_cleavage, turn, gains.small)


def most_probable(index: SpectrumIndex) -> Nodes:
    """The nodes of a spectrum graph that have the highest posterior."""
    posterior, place = index.node_posterior.topk(min(_NODES, index.node_posterior.shape[1]), dim=1)
    mass = index.node_mass.gather(1, place)
    there = mass.isfinite() & (mass > 0)
    return Nodes(mass.masked_fill(~there, 0.0), posterior.masked_fill(~there, 0.0))


def node_deviation_da(index: SpectrumIndex) -> Tensor:
    """How far from a node its cleavage's mass usually lies; (batch, 1), Da."""
    deviation_da = _DEVIATION_DA + index.deviation_ppm[:, None] * (1e-6 * _FRAGMENT_MZ)
    return deviation_da.clamp(max=_MOST_DEVIATION_DA)


def node_grid(nodes: Nodes, peptide_mass: Tensor, deviation_da: Tensor) -> tuple[Tensor, Tensor]:
    """Which node the cleavages of each mass belong to: the most probable one near it.

    Returns
    -------
    node : (batch, grid) int32, the number of nodes where there is none; the grid is one of ``GRID_DA``.
    there : (batch, places) int64: all places of the grid that belong to a node, and others.
    """
    mass, count = nodes.mass / GRID_DA, nodes.mass.shape[1]
    shape, device = (len(mass), int(peptide_mass.max() / GRID_DA) + 8), mass.device
    offsets = torch.arange(-_REACH, _REACH + 1, device=device)[:, None]
    there = (mass.round().long()[:, None] + offsets).clamp(0, shape[1] - 1)
    missed = (there - mass[:, None]) * (GRID_DA / deviation_da[..., None])
    worth = (_seen(nodes.posterior, _LEAST_POSTERIOR)[:, None] - missed.square() / 2).flatten(1)
    there = there.flatten(1)
    best = torch.zeros(shape, device=device).scatter_reduce(1, there, worth, "amax")
    number = torch.arange(count, dtype=torch.int32, device=device).repeat(len(offsets)).expand_as(there)
    loses = (worth <= 0) | (worth < best.gather(1, there))
    node = torch.full(shape, count, dtype=torch.int32, device=device)
    return node.scatter_reduce(1, there, number.masked_fill(loses, count), "amin"), there


def _seen(posterior: Tensor, nothing: float) -> Tensor:
    return ((posterior + nothing) / nothing).log()


def _kinds(vocabulary: Vocabulary) -> Tensor:
    kind = torch.zeros(len(vocabulary), _KINDS)
    for number, token in enumerate(vocabulary.tokens):
        if token.residue and token.residue in _LETTERS:
            kind[number, _LETTERS.index(token.residue)] = 1
        kind[number, -3] = token.is_modified and token.text != CARBAMIDOMETHYL
        kind[number, -2] = token.is_terminal
    kind[PAD] = 0
    kind[PAD, -1] = 1
    return kind


def _token_cost(vocabulary: Vocabulary, number: int) -> float:
    """Minus the logarithm of a token's frequency, and so much that a residue of mean frequency costs the usual."""
    token = vocabulary.tokens[number]
    if token.is_terminal:
        return _TERMINAL_COST
    share = _MODIFIED.get(token.text, _SELDOM if token.is_modified else 1.0)
    mean = sum(_FREQUENCY.values()) / 20
    return _RESIDUE_COST - math.log(share * _FREQUENCY.get(token.residue, mean) / mean)


def plain_path_score(vocabulary: Vocabulary) -> PathScore:
    """The score of posterior and costs alone."""
    return PathScore(vocabulary, learned=False).eval().requires_grad_(False)


def fitted_path_score(vocabulary: Vocabulary) -> PathScore:
    """The score with the weights of the package, fitted by ``python -m benchmarks.path_score``."""
    score = PathScore(vocabulary)
    score.load_state_dict(fitted_weights(WEIGHTS_FILE))
    return score.eval().requires_grad_(False)
