"""The recursion: one small transformer applied again and again to its own answer, anchored in that answer's masses.

Per supervision step: look up the evidence of the current answer, n latent steps ``z ← f(x, y, z)``, one answer step
``y ← (1 − g)·y + g·(head(z) + candidate_score(evidence, z))``. Answer and state are detached between steps
(deep supervision; Jolicoeur-Martineau 2025, "Less is More: Recursive Reasoning with Tiny Networks").
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.vocabulary import PAD, STOP, Vocabulary
from model.encoder import SpectrumEncoder
from model.evidence import (
    AHEAD_FEATURE,
    CANDIDATE_FEATURES,
    SERIES_FEATURES,
    SLOT_FEATURES,
    Evidence,
    MassEvidence,
    SpectrumIndex,
)
from model.layers import CoreLayer, MassSinusoids
from model.settings import NetworkSettings

FORBIDDEN_LOGIT = -30.0
"""Of an N-terminal modification behind the first slot, and of padding."""

_TOKEN_WIDTH = 16
_STEP_EMBEDDINGS = 32


@dataclass
class Spectra:
    """A batch of preprocessed spectra.

    Attributes
    ----------
    mz : (batch, peaks) float64, Th, ascending, padded with +inf.
    intensity : (batch, peaks) float32, base peak = 1, padded with 0.
    precursor_mz : (batch,) float64, Th.
    charge : (batch,) int64.
    """

    mz: Tensor
    intensity: Tensor
    precursor_mz: Tensor
    charge: Tensor


@dataclass
class EncodedBatch:
    """What all steps share: the spectrum's keys and values for each core layer, and the index of its peaks."""

    keys_values: list[tuple[Tensor, Tensor]]
    mask: Tensor
    index: SpectrumIndex | None

    def select(self, rows: Tensor) -> "EncodedBatch":
        """The spectra of these rows."""
        index = None if self.index is None else self.index.select(rows)
        return EncodedBatch([(k[rows], v[rows]) for k, v in self.keys_values], self.mask[rows], index)


@dataclass
class State:
    """The recursion's memory between steps.

    Attributes
    ----------
    answer : (batch, slots, tokens) float32, logits.
    latent : (batch, slots, width) float32.
    step : (batch,) int64, steps done.
    """

    answer: Tensor
    latent: Tensor
    step: Tensor

    def detach(self) -> "State":
        """The same state without its history of gradients."""
        return State(self.answer.detach(), self.latent.detach(), self.step)

    def select(self, rows: Tensor) -> "State":
        """The state of these rows."""
        return State(self.answer[rows], self.latent[rows], self.step[rows])


class CandidateScore(nn.Module):
    """One small network shared by all residues: scores a candidate by its evidence, its mass and the slot's state.

    Shared, so that a modification unseen in training is a new mass and not a new column of a weight matrix.
    """

    def __init__(self, settings: NetworkSettings, residues: int) -> None:
        super().__init__()
        width = settings.candidate_width
        self.token = nn.Embedding(residues, _TOKEN_WIDTH)
        self.evidence = nn.Linear(CANDIDATE_FEATURES + _TOKEN_WIDTH, width)
        self.latent = nn.Linear(settings.width, width, bias=False)
        self.hidden = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)

    def forward(self, evidence: Tensor, latent: Tensor) -> Tensor:
        """evidence (batch, slots, residues, features) and latent (batch, slots, width) to (batch, slots, residues)."""
        token = functional.linear(self.token.weight, self.evidence.weight[:, CANDIDATE_FEATURES:], self.evidence.bias)
        seen = functional.linear(evidence, self.evidence.weight[:, :CANDIDATE_FEATURES])
        hidden = functional.gelu(seen + token + self.latent(latent)[:, :, None])
        scores: Tensor = self.score(functional.gelu(self.hidden(hidden))).squeeze(-1)
        return scores


class Network(nn.Module):
    """Encoder, evidence, recursive core and heads.

    ``settings.evidence = False`` gives the plain Tiny Recursive Model: the same core with no view of the masses.
    """

    forbidden: Tensor

    def __init__(self, settings: NetworkSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.settings, self.vocabulary = settings, vocabulary
        forbidden = torch.as_tensor(vocabulary.is_terminal).expand(settings.slots, -1).clone()
        forbidden[0] = False
        forbidden[:, PAD] = True
        self.register_buffer("forbidden", forbidden, persistent=False)
        width, tokens = settings.width, len(vocabulary)
        residues = tokens - STOP - 1
        self.encoder = SpectrumEncoder(settings)
        self.core = nn.ModuleList(CoreLayer(width, settings.heads) for _ in range(settings.core_layers))
        self.latent_norm = nn.RMSNorm(width)
        self.answer_in = nn.Linear(tokens, width, bias=False)
        self.slot = nn.Embedding(settings.slots, width)
        self.step = nn.Embedding(_STEP_EMBEDDINGS, width)
        self.first_latent = nn.Parameter(torch.zeros(width))
        self.head = nn.Linear(width, tokens)
        self.gate = nn.Linear(width, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, settings.gate_bias)
        nn.init.normal_(self.slot.weight, std=0.02)
        nn.init.normal_(self.step.weight, std=0.02)
        if settings.evidence:
            self.mass_evidence = MassEvidence(settings, vocabulary)
            self.sinusoids = MassSinusoids(width)
            self.prefix_in, self.remaining_in = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
            self.evidence_in = nn.Linear(SLOT_FEATURES + 2 * residues, width, bias=False)
            self.candidate_score = CandidateScore(settings, residues)
            self.stop_score = nn.Linear(SLOT_FEATURES, 1)

    def index(self, spectra: Spectra) -> SpectrumIndex | None:
        """What the evidence needs of the spectra, made once for all steps; None for the plain network."""
        if not self.settings.evidence:
            return None
        return self.mass_evidence.index(spectra.mz, spectra.intensity, spectra.precursor_mz, spectra.charge)

    def encode(self, spectra: Spectra, index: SpectrumIndex | None = None) -> EncodedBatch:
        """Encode spectra once for all steps; an ``index`` made before is taken over."""
        encoded = self.encoder(spectra.mz, spectra.intensity, spectra.precursor_mz, spectra.charge)
        return EncodedBatch(
            keys_values=[layer.spectrum_keys_values(encoded.tokens) for layer in self.core_layers],
            mask=encoded.mask,
            index=self.index(spectra) if index is None else index,
        )

    @property
    def core_layers(self) -> list[CoreLayer]:
        """The layers of the core, in order."""
        return [layer for layer in self.core if isinstance(layer, CoreLayer)]

    def start(self, batch: int, slots: int | None = None) -> State:
        """The empty answer."""
        slots = slots or self.settings.slots
        device = self.first_latent.device
        return State(
            answer=torch.zeros(batch, slots, len(self.vocabulary), device=device),
            latent=self.first_latent.expand(batch, slots, -1),
            step=torch.zeros(batch, dtype=torch.int64, device=device),
        )

    def forward(self, encoded: EncodedBatch, state: State) -> State:
        """One supervision step."""
        latent, answer = state.latent, state.answer
        slots = answer.shape[1]
        x = self.answer_in(answer.softmax(-1)) + self.slot.weight[:slots]
        evidence = None if encoded.index is None else self.mass_evidence(encoded.index, answer)
        if evidence is not None:
            x = x + self._anchor(evidence)
        step = self.step(state.step.clamp(max=_STEP_EMBEDDINGS - 1))[:, None]
        for _ in range(self.settings.latent_steps):
            latent = self._think(x + latent, step, encoded)
        proposal = self.head(latent)
        if evidence is not None:
            proposal = proposal + self._score(evidence, latent)
        proposal = proposal.float().masked_fill(self.forbidden[:slots], FORBIDDEN_LOGIT)
        gate = torch.sigmoid(self.gate(latent).float())
        return State((1 - gate) * answer + gate * proposal, latent.float(), state.step + 1)

    def _think(self, h: Tensor, step: Tensor, encoded: EncodedBatch) -> Tensor:
        """One latent step: the core's layers, normed."""
        for layer, keys_values in zip(self.core_layers, encoded.keys_values, strict=True):
            h = layer(h, step, keys_values, encoded.mask)
        normed: Tensor = self.latent_norm(h)
        return normed

    def _anchor(self, evidence: Evidence) -> Tensor:
        """Where each slot starts, how much mass is left, and what the candidates' strongest ions are."""
        seen = torch.cat(
            [evidence.candidate[..., :SERIES_FEATURES].amax(-1), evidence.candidate[..., AHEAD_FEATURE]], -1
        )
        masses: Tensor = self.prefix_in(self.sinusoids(evidence.prefix_mass))
        masses = masses + self.remaining_in(self.sinusoids(evidence.remaining_mass))
        anchored: Tensor = masses + self.evidence_in(torch.cat([evidence.slot, seen], -1))
        return anchored

    def _score(self, evidence: Evidence, latent: Tensor) -> Tensor:
        """Scores of the residues by their evidence, of the stop token by the mass that is left; none for padding."""
        residues = self.candidate_score(evidence.candidate, latent)
        stop = self.stop_score(evidence.slot)
        return torch.cat([torch.zeros_like(stop), stop, residues], -1)
