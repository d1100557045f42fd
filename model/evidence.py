"""Mass evidence: what the observed peaks say about every residue in every slot of a hypothesis. Physics, no weights."""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor

from data.chemistry import ION_SERIES, WATER, fragment_mz, neutral_mass
from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.hypothesis import Hypothesis
from model.mass_accuracy import DEVIATIONS_PPM, peak_deviation_ppm
from model.peak_lookup import isotope_marks, strongest_within
from model.settings import NetworkSettings
from model.spectrum_graph import SpectrumGraph, no_graph

SERIES_FEATURES = len(ION_SERIES)
"""The first features of a candidate: intensity per ion series."""

AHEAD_FEATURE = 2 * SERIES_FEATURES
"""Position of the look-ahead among a candidate's features, behind intensities and mass errors."""

CLOSURE_FEATURE = AHEAD_FEATURE + 1

LEFT_FEATURES = CLOSURE_FEATURE + 4
"""Anchored from the left: intensity and mass error per ion series, look-ahead, closure, and the prefix's support."""

RIGHT_FEATURES = 2 * SERIES_FEATURES + 1
"""Anchored from the right: intensity and mass error per ion series, and whether both anchors meet."""

SLOT_FEATURES = 6
"""Per slot: support of the prefix (3), closure, little mass left, too much mass used."""

ISOTOPE_FEATURES = SERIES_FEATURES
"""Per anchor, behind all others: whether each ion's peak looks like the first or a later one of its isotopes."""

GRAPH_FEATURES = 2
"""Per anchor, behind all others: a cleavage's probability in the spectrum graph, as it is and as logarithm."""

_LEAST_POSTERIOR = 1e-4
"""Below it all probabilities count as none."""

_FRAGMENT_CHARGES = tuple(sorted({series.charge for series in ION_SERIES}))
_DEVIATIONS, _LEAST_TOLERANCE_PPM = 4.0, 8.0
"""So many standard deviations off a peak may lie, and so much in any case."""
_LOW_MZ = 400.0
"""Th, below which the tolerance no longer falls: rounded m/z are as far off there as anywhere."""
_SINGLY_CHARGED = tuple(series for series in ION_SERIES if series.charge == 1)


def candidate_features(settings: NetworkSettings) -> int:
    """How many features a candidate has."""
    more = ISOTOPE_FEATURES * settings.isotope_evidence + GRAPH_FEATURES * settings.spectrum_graph
    return LEFT_FEATURES + more + (RIGHT_FEATURES + more) * settings.right_anchor


def posterior_feature(settings: NetworkSettings) -> int:
    """Position of the graph's probability, anchored from the left, among a candidate's features."""
    return LEFT_FEATURES + RIGHT_FEATURES * settings.right_anchor + ISOTOPE_FEATURES * settings.isotope_evidence


def slot_features(settings: NetworkSettings) -> int:
    """How many features a slot has."""
    return SLOT_FEATURES + GRAPH_FEATURES * settings.spectrum_graph


def candidate_channels(settings: NetworkSettings) -> int:
    """How many figures of each candidate the slot's input holds."""
    return 2 + settings.spectrum_graph


@dataclass
class SpectrumIndex:
    """What the look-ups need of a batch of spectra, computed once and reused by every step.

    Attributes
    ----------
    mz : (batch, peaks) float32, Th, ascending, padded with +inf.
    intensity : (batch, peaks) float32, base peak = 1, padded with 0.
    peptide_mass : (batch,) float64, Da, neutral, water included.
    charge : (batch,) int64, of the precursor.
    fragment_charge : (batch,) int64, the highest charge of a fragment that is looked up.
    ahead_mass : (batch, nodes) float32, Da, ascending: prefix masses that lie one residue before an observed cleavage;
        no nodes for a network without evidence.
    ahead_intensity : (batch, nodes) float32: intensity of the peak that shows that cleavage.
    isotope : (batch, charges × peaks) float32: for each fragment charge, 1 for a peak that has an isotope behind it,
        −1 for one that is itself a later isotope, 0 for neither or both; none for a network without isotope evidence.
    node_mass, node_posterior : (batch, nodes) float32, Da and 0…1, of `model.spectrum_graph`; none where it is off.
    reading, elsewhere : (batch, readings, peaks) float32, of the same: `GraphReading.logit` and ``elsewhere``; 0 where
        it is off.
    deviation_ppm : (batch,) float32, of the m/z of peaks, by `model.mass_accuracy`; the largest where the graph is off.
    """

    mz: Tensor
    intensity: Tensor
    peptide_mass: Tensor
    charge: Tensor
    fragment_charge: Tensor
    ahead_mass: Tensor
    ahead_intensity: Tensor
    isotope: Tensor
    node_mass: Tensor
    node_posterior: Tensor
    reading: Tensor
    elsewhere: Tensor
    deviation_ppm: Tensor

    def select(self, rows: Tensor) -> "SpectrumIndex":
        """The spectra of these rows."""
        return SpectrumIndex(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass
class Evidence:
    """Evidence of one step.

    Attributes
    ----------
    candidate : (batch, slots, candidates, features) float32; the features are those of ``candidate_features``.
    slot : (batch, slots, features) float32; the features are those of ``slot_features``.
    remaining_mass : (batch, slots) float64, Da: residue mass of the peptide not yet used before each slot.
    """

    candidate: Tensor
    slot: Tensor
    remaining_mass: Tensor


class Ions(NamedTuple):
    """What was observed where the ions of some cleavages would be; each (batch, ..., series).

    Attributes
    ----------
    intensity : 0 where there is no peak.
    closeness : 1 exact, 0 at the tolerance.
    isotope : as `SpectrumIndex.isotope` for the ion's charge; no series where there is none.
    """

    intensity: Tensor
    closeness: Tensor
    isotope: Tensor


class MassEvidence(torch.nn.Module):
    """Looks up, for every slot and candidate, the ions of the cleavage that this candidate would make.

    Anchored from the left, slot i starts at the sum of the masses before it, P_i: candidate a would cleave at
    P_i + m_a. Anchored from the right, it ends where the slots behind it begin, at M − S_i: candidate a would cleave
    before itself, at M − S_i − m_a; that needs a hypothesis with an end.
    """

    masses: Tensor
    is_terminal: Tensor

    def __init__(self, settings: NetworkSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("masses", torch.as_tensor(vocabulary.masses, dtype=torch.float64), persistent=False)
        self.register_buffer("is_terminal", torch.as_tensor(vocabulary.is_terminal), persistent=False)
        self.graph = SpectrumGraph(vocabulary) if settings.spectrum_graph else None

    @torch.no_grad()
    def index(
        self, mz: Tensor, intensity: Tensor, precursor_mz: Tensor, charge: Tensor, *, doubly_charged: bool = True
    ) -> SpectrumIndex:
        """Prepare a batch of spectra for the look-ups.

        Parameters
        ----------
        mz : (batch, peaks) float64, Th, ascending, padded with +inf.
        intensity : (batch, peaks) float32.
        precursor_mz : (batch,) float64, Th.
        charge : (batch,) int64.
        doubly_charged : whether doubly charged fragments are looked up, where the precursor has two charges or more.
        """
        peptide_mass = neutral_mass(precursor_mz, charge)
        nodes, heights = self._ahead_nodes(mz, intensity, peptide_mass)
        graph = no_graph(intensity)
        deviation = torch.full_like(intensity[:, 0], DEVIATIONS_PPM[-1])
        if self.graph is not None:
            deviation = peak_deviation_ppm(mz, intensity, charge, self.graph.reader.residues)
            graph = self.graph(*self.graph_arguments(mz, intensity, peptide_mass, charge, deviation))
        return SpectrumIndex(
            mz=mz.float().contiguous(),
            intensity=intensity,
            peptide_mass=peptide_mass,
            charge=charge,
            fragment_charge=charge.clamp(max=2 if doubly_charged else 1),
            ahead_mass=nodes,
            ahead_intensity=heights,
            isotope=self._isotopes(mz, intensity),
            node_mass=graph.mass,
            node_posterior=graph.posterior,
            reading=graph.logit,
            elsewhere=graph.elsewhere,
            deviation_ppm=deviation,
        )

    def graph_arguments(
        self, mz: Tensor, intensity: Tensor, peptide_mass: Tensor, charge: Tensor, deviation: Tensor
    ) -> tuple[Tensor, ...]:
        """What the graph reads of spectra whose m/z deviate so, ppm."""
        tolerance_da = self.narrow_da_at(mz.float().clamp(max=1e5), deviation)
        return mz, intensity, peptide_mass, charge, tolerance_da, deviation

    def _isotopes(self, mz: Tensor, intensity: Tensor) -> Tensor:
        """Which peaks have an isotope behind them, and which are one; as `SpectrumIndex.isotope`."""
        if not self.settings.isotope_evidence:
            return intensity[:, :0]
        tolerance_da = self.tolerance_da_at(mz.float().clamp(max=1e5))
        return torch.cat([isotope_marks(mz, intensity, charge, tolerance_da) for charge in _FRAGMENT_CHARGES], 1)

    def _ahead_nodes(self, mz: Tensor, intensity: Tensor, peptide_mass: Tensor) -> tuple[Tensor, Tensor]:
        """Prefix masses one residue before each observed cleavage, ascending, and the intensity that shows it."""
        if not self.settings.evidence:
            return intensity[:, :0], intensity[:, :0]
        residues = self.masses[STOP + 1 : GAP][~self.is_terminal[STOP + 1 : GAP]].unique()
        cleavages = torch.cat(
            [_prefix_mass(mz, peptide_mass[:, None], series.terminus) for series in _SINGLY_CHARGED], 1
        )
        nodes = (cleavages[..., None] - residues).flatten(1).float()
        heights = intensity.repeat(1, len(_SINGLY_CHARGED)).repeat_interleave(len(residues), 1)
        usable = nodes.isfinite() & (nodes > -1)
        nodes, order = nodes.masked_fill(~usable, torch.inf).sort(dim=1, stable=True)
        return nodes, self._share_with_neighbours(nodes, (heights * usable).gather(1, order))

    def _share_with_neighbours(self, nodes: Tensor, heights: Tensor) -> Tensor:
        """The stronger height of nodes that coincide, as those of a b ion and its y ion do; (batch, nodes)."""
        near = nodes[:, 1:] - nodes[:, :-1] <= self.settings.fragment_tolerance_min_da
        shared = heights.clone()
        shared[:, 1:] = torch.where(near, torch.maximum(heights[:, 1:], heights[:, :-1]), shared[:, 1:])
        shared[:, :-1] = torch.where(near, torch.maximum(shared[:, :-1], heights[:, 1:]), shared[:, :-1])
        return shared

    @torch.no_grad()
    def forward(self, index: SpectrumIndex, hypothesis: Hypothesis, candidates: Tensor) -> Evidence:
        """Evidence for the current answer.

        Parameters
        ----------
        index : of ``batch`` spectra.
        hypothesis : of the same spectra.
        candidates : (candidates,) int64, the tokens to look up.
        """
        residue_mass = (index.peptide_mass - WATER)[:, None]
        remaining = residue_mass - hypothesis.prefix_mass
        closure_da = residue_mass * (self.settings.closure_tolerance_ppm * 1e-6)
        mass = self.masses[candidates] + (candidates == GAP) * hypothesis.gap_mass[..., None]
        support = self._support(index, hypothesis.prefix_mass)
        parts, last = self._from_left(index, hypothesis.prefix_mass[..., None] + mass, closure_da)
        parts.append(support[:, :, None, :].expand(-1, -1, len(candidates), -1))
        if self.settings.right_anchor:
            from_right, last_from_right = self._from_right(index, hypothesis, mass, closure_da)
            parts += from_right
            last += last_from_right
        parts += last
        slot = torch.stack([remaining.abs() < closure_da, remaining < 50.0, remaining < -closure_da], -1).float()
        if self.graph is not None:
            slot = torch.cat([slot, self._path(index, hypothesis.prefix_mass)], -1)
        return Evidence(torch.cat(parts, -1), torch.cat([support, slot], -1), remaining)

    def _path(self, index: SpectrumIndex, prefix: Tensor) -> Tensor:
        """The graph's probability of the cleavage before each slot, and the mean of those so far; (batch, slots, 2)."""
        here = self.posterior(index, prefix)[..., 0].masked_fill(prefix == 0, 1.0)
        count = torch.arange(1, prefix.shape[1] + 1, device=prefix.device)
        return torch.stack([here, here.cumsum(1) / count], -1)

    def _from_left(
        self, index: SpectrumIndex, cleavage: Tensor, closure_da: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Ions of the cleavages behind the candidates, what lies one residue further, and closure on the precursor.

        Isotopes and posteriors come by themselves, for their features stand last.
        """
        residue_mass = (index.peptide_mass - WATER)[:, None, None]
        intensity, error, isotope = self.ions(index, cleavage)
        closes = ((cleavage - residue_mass).abs() < closure_da[..., None]).float()
        return [intensity, error, self._ahead(index, cleavage)[..., None], closes[..., None]], [
            isotope,
            self.posterior(index, cleavage),
        ]

    def _from_right(
        self, index: SpectrumIndex, hypothesis: Hypothesis, mass: Tensor, closure_da: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Ions of the cleavages before the candidates, whether both meet; the rest as from the left."""
        residue_mass = (index.peptide_mass - WATER)[:, None, None]
        cleavage = residue_mass - hypothesis.suffix_mass[..., None] - mass
        meets = (cleavage - hypothesis.prefix_mass[..., None]).abs() < closure_da[..., None]
        intensity, error, isotope = self.ions(index, cleavage)
        anchored = hypothesis.has_suffix[..., None, None]
        more = [isotope, self.posterior(index, cleavage)]
        parts = [intensity, error, meets[..., None].float()]
        return [part * anchored for part in parts], [part * anchored for part in more]

    def posterior(self, index: SpectrumIndex, cleavage: Tensor, tolerance_da: Tensor | None = None) -> Tensor:
        """The graph's probability of cleavages, Da, (batch, ...), as it is and as logarithm; (..., GRAPH_FEATURES).

        Parameters
        ----------
        tolerance_da : (batch, ...); None: as that of peaks at these m/z.
        """
        if self.graph is None:
            return cleavage.new_zeros(*cleavage.shape, 0, dtype=torch.float32)
        query = cleavage.float().flatten(1)
        within = self.tolerance_da_at(query) if tolerance_da is None else tolerance_da.flatten(1)
        found = strongest_within(index.node_mass, index.node_posterior, query, within).value
        logarithm = (found + _LEAST_POSTERIOR).log10() / -math.log10(_LEAST_POSTERIOR) + 1
        return torch.stack([found, logarithm], -1).view(*cleavage.shape, GRAPH_FEATURES)

    def is_cleavage(self, tokens: Tensor) -> Tensor:
        """Whether peptides can be cleaved behind each slot, (..., slots): not at the end or behind a terminal token."""
        length = (tokens != PAD).sum(-1, keepdim=True)
        is_inner: Tensor = torch.arange(tokens.shape[-1], device=tokens.device) < length - 1
        return is_inner & ~self.is_terminal[tokens]

    def possible_ions(self, index: SpectrumIndex, tokens: Tensor) -> Tensor:
        """Which ions a spectrum's charge and the peptide's cleavages allow, (batch, ..., slots, series) bool."""
        charged = torch.tensor([series.charge for series in ION_SERIES], device=tokens.device)
        most = index.fragment_charge.view(-1, *[1] * tokens.dim())
        return self.is_cleavage(tokens)[..., None] & (charged <= most)

    def ions(self, index: SpectrumIndex, cleavage: Tensor) -> Ions:
        """What was observed at each ion series of cleavages, Da, (batch, ...)."""
        peptide_mass = index.peptide_mass.view(-1, *[1] * (cleavage.dim() - 1))
        found: list[tuple[Tensor, ...]] = []
        for series in ION_SERIES:
            query = fragment_mz(cleavage, peptide_mass, series).float().flatten(1)
            tolerance_da = self.tolerance_da_at(query)
            intensity, distance, position = strongest_within(index.mz, index.intensity, query, tolerance_da)
            intensity = intensity * (index.fragment_charge >= series.charge)[:, None]
            closeness = (1 - distance / tolerance_da) * (intensity > 0)
            found.append((intensity, closeness, *self._isotope_at(index, position, series.charge, intensity)))
        intensity, closeness, *isotope = (
            torch.stack([part.view(cleavage.shape) for part in parts], -1) for parts in zip(*found, strict=True)
        )
        return Ions(intensity, closeness, isotope[0] if isotope else intensity[..., :0])

    def _isotope_at(self, index: SpectrumIndex, position: Tensor, charge: int, intensity: Tensor) -> tuple[Tensor, ...]:
        """The isotope mark of the peaks found, (batch, queries); nothing without isotope evidence."""
        if not self.settings.isotope_evidence:
            return ()
        first = _FRAGMENT_CHARGES.index(charge) * index.mz.shape[1]
        return (index.isotope.gather(1, first + position) * (intensity > 0),)

    def tolerance_da_at(self, mz: Tensor) -> Tensor:
        """How far from each m/z a peak may lie; never below the least tolerance."""
        tolerance = self.settings.fragment_tolerance
        if self.settings.fragment_tolerance_unit == "Da":
            return torch.full_like(mz, max(tolerance, self.settings.fragment_tolerance_min_da))
        return (mz * (tolerance * 1e-6)).clamp(min=self.settings.fragment_tolerance_min_da)

    def narrow_da_at(self, mz: Tensor, deviation_ppm: Tensor) -> Tensor:
        """As `tolerance_da_at`, and no more than the accuracy of each spectrum asks for.

        Parameters
        ----------
        mz : (batch, ...).
        deviation_ppm : (batch,), as `SpectrumIndex.deviation_ppm`.
        """
        widest = (_DEVIATIONS * deviation_ppm).clamp(min=_LEAST_TOLERANCE_PPM).view(-1, *[1] * (mz.dim() - 1))
        narrow: Tensor = widest * 1e-6 * mz.clamp(min=_LOW_MZ)
        return torch.minimum(narrow, self.tolerance_da_at(mz))

    def _ahead(self, index: SpectrumIndex, cleavage: Tensor) -> Tensor:
        """Strongest peak that one more residue would explain; shape of ``cleavage``."""
        query = cleavage.float().flatten(1)
        tolerance_da = torch.full_like(query, 2 * self.settings.fragment_tolerance_min_da)
        intensity = strongest_within(index.ahead_mass, index.ahead_intensity, query, tolerance_da).value
        return intensity.view(cleavage.shape)

    def _support(self, index: SpectrumIndex, prefix: Tensor) -> Tensor:
        """How well the cleavages so far are seen: here, mean intensity, share seen; (batch, slots, 3)."""
        here = self.ions(index, prefix).intensity.amax(-1).masked_fill(prefix == 0, 1.0)
        count = torch.arange(1, prefix.shape[1] + 1, device=prefix.device)
        return torch.stack([here, here.cumsum(1) / count, (here > 0).float().cumsum(1) / count], -1)


def _prefix_mass(mz: Tensor, peptide_mass: Tensor, terminus: str) -> Tensor:
    """Residue mass before the cleavage that a singly charged fragment of this terminus shows."""
    neutral = neutral_mass(mz, 1)
    return neutral if terminus == "N" else peptide_mass - neutral
