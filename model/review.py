"""The second look: what the network, the peaks and the mass say of answers, and of each of their residues.

The network makes one step from the peptide as its answer. Corrupted truths in training teach it to contradict a wrong
residue there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from data.chemistry import ION_SERIES, WATER, fragment_mz
from data.vocabulary import GAP, PAD
from model.evidence import SpectrumIndex
from model.hypothesis import with_stop
from model.peak_lookup import nearest_distance
from model.recursion import EncodedBatch, Network, State

FEATURES = (
    "answer",
    "least answer",
    "agreement",
    "least agreement",
    "trust",
    "least trust",
    "halting",
    "cleavages seen",
    "ions seen",
    "intensity explained",
    "peaks explained",
    "path",
    "least path",
    "mass error",
    "length",
)
"""Of a peptide: mean and least log-probability of its tokens in the recursion's answer, and in the second look; mean
and least log-probability that a residue is right, by the confidence head; the halting head's logit; shares of
cleavages, of ions a cleavage, of intensity and of peaks; mean and least logarithm of the cleavages' probabilities in
the spectrum graph, 0…1, 0 without one; mass error in tolerances; residues over 10."""

ResidueConfidence = Literal["combined", "head", "probability", "entropy", "path", "dropout", "ensemble"]
"""How far to trust a residue: the confidence head's word; the token's probability in the second look; one minus the
entropy there; the lesser probability of the two cleavages around it in the spectrum graph; that of the token averaged
over looks at the spectrum without some of its peaks; or over several networks; or the calibrated combination of the
first four.
"""


@dataclass
class Review:
    """What is said of a batch of answers.

    Attributes
    ----------
    feature : (batch, features) float32, as ``FEATURES``.
    residue : confidence source → (batch, slots) float32, 0…1.
    """

    feature: Tensor
    residue: dict[ResidueConfidence, Tensor]


@torch.no_grad()
def review(
    network: Network, encoded: EncodedBatch, state: State, tokens: Tensor, gap_mass: Tensor, tolerance_ppm: float
) -> Review:
    """Look again at answers.

    Parameters
    ----------
    state : the recursion's last.
    tokens : (batch, slots) int64, ``PAD`` behind the peptide.
    gap_mass : (batch, slots), Da, of the gaps among them.
    tolerance_ppm : of the precursor, in which the mass error is told.
    """
    length = (tokens != PAD).sum(1)
    closed = with_stop(tokens)
    is_token = closed != PAD
    gap_mass = gap_mass * (tokens == GAP)
    seen = network(encoded, network.look_again(closed, gap_mass, length))
    second = log_probability(network, seen)
    agreement = _of(second, closed)
    entropy = 1 + (second.exp() * second.clamp(min=-50)).sum(-1) / torch.tensor(float(second.shape[-1])).log()
    residue: dict[ResidueConfidence, Tensor] = {"probability": agreement.exp(), "entropy": entropy.clamp(0, 1)}
    trust = agreement
    if network.confidence is not None:
        logit = network.confidence(seen.answer, seen.latent)
        trust, residue["head"] = functional.logsigmoid(logit), torch.sigmoid(logit)
    halting = network.halting(seen.answer, seen.latent) if network.halting is not None else length * 0.0
    first = _of(log_probability(network, state), closed)
    residues = network.mass_evidence.masses[tokens] + gap_mass
    path, on_path = _path(network, encoded.index, residues, tokens)
    if network.mass_evidence.graph is not None:
        residue["path"] = on_path
    error = (residues.sum(1) + WATER - encoded.index.peptide_mass).abs()
    parts = [
        *(statistic for values in (first, agreement, trust) for statistic in _mean_and_least(values, is_token)),
        halting,
        *_spectrum_match(network, encoded.index, residues, tokens),
        *path,
        (error / (encoded.index.peptide_mass * tolerance_ppm * 1e-6)).clamp(max=10),
        length / 10,
    ]
    return Review(torch.stack([part.float() for part in parts], -1), residue)


def log_probability(network: Network, state: State) -> Tensor:
    """(batch, slots, tokens) float32: of a token in each slot, very low where it is forbidden."""
    slots = state.answer.shape[1]
    answer = state.answer.float().masked_fill(network.forbidden[:slots], -1e9)
    answer[..., PAD] = -1e9
    return answer.log_softmax(-1)


def _of(log_probabilities: Tensor, tokens: Tensor) -> Tensor:
    """(batch, slots): the log-probability of each token, not below -20."""
    return log_probabilities.gather(-1, tokens[..., None])[..., 0].clamp(min=-20.0)


def _mean_and_least(values: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Over the slots that count; (batch,) each."""
    mean = (values * counted).sum(1) / counted.sum(1).clamp(min=1)
    return mean, values.masked_fill(~counted, 0.0).amin(1)


def _path(
    network: Network, index: SpectrumIndex, residues: Tensor, tokens: Tensor
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Mean and least logarithm of the cleavages' probabilities, (batch,) each; the lesser one around each residue.

    Logarithms are scaled to 0…1; a residue has (batch, slots) the probability itself.
    """
    evidence = network.mass_evidence
    if evidence.graph is None:
        nothing = residues.new_zeros(len(residues)).float()
        return (nothing, nothing), torch.zeros_like(residues)
    cleaved = evidence.is_cleavage(tokens)
    probability, logarithm = evidence.posterior(index, residues.cumsum(1)).unbind(-1)
    behind = probability.masked_fill(~cleaved, 1.0)
    before = functional.pad(behind[:, :-1], (1, 0), value=1.0)
    count = cleaved.sum(1).clamp(min=1)
    least = logarithm.masked_fill(~cleaved, 1.0).amin(1)
    return ((logarithm * cleaved).sum(1) / count, least), torch.minimum(behind, before)


def _spectrum_match(network: Network, index: SpectrumIndex, residues: Tensor, tokens: Tensor) -> list[Tensor]:
    """Shares of the cleavages seen, of the ions seen, and of the intensity and the peaks explained; (batch,) each."""
    evidence = network.mass_evidence
    prefix = residues.cumsum(1)
    cleaved, asked = evidence.is_cleavage(tokens), evidence.possible_ions(index, tokens)
    mz = torch.stack(
        [fragment_mz(prefix, index.peptide_mass[:, None], series).float() for series in ION_SERIES], -1
    ).masked_fill(~asked, torch.inf)
    ions = mz.flatten(1).sort(dim=1).values
    tolerance = evidence.tolerance_da_at(index.mz.clamp(max=1e5))
    is_peak = index.intensity > 0
    explained = (nearest_distance(ions, index.mz) <= tolerance) & is_peak
    found = nearest_distance(index.mz, mz.flatten(1)).view(mz.shape) <= evidence.tolerance_da_at(mz.clamp(max=1e5))
    found &= asked
    return [
        (found.any(-1) & cleaved).sum(1) / cleaved.sum(1).clamp(min=1),
        found.sum((1, 2)) / asked.sum((1, 2)).clamp(min=1),
        (index.intensity * explained).sum(1) / index.intensity.sum(1).clamp(min=1e-6),
        explained.sum(1) / is_peak.sum(1).clamp(min=1),
    ]


def ensemble_probability(networks: Sequence[Network], encoded: Sequence[EncodedBatch], tokens: Tensor) -> Tensor:
    """(batch, slots): mean probability of each token of the given answers over several second looks."""
    closed, length = with_stop(tokens), (tokens != PAD).sum(1)
    gap_mass = torch.zeros_like(closed, dtype=torch.float32)
    total = torch.zeros_like(gap_mass)
    for network, spectra in zip(networks, encoded, strict=True):
        seen = network(spectra, network.look_again(closed, gap_mass, length))
        total += _of(log_probability(network, seen), closed).exp()
    return total / len(networks)
