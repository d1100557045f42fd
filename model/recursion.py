"""The recursion: one small transformer applied again and again to its own answer, anchored in that answer's masses.

Per supervision step: look up the evidence of the current answer, n latent steps ``z ← f(x, y, z)``, one answer step
``y ← (1 − g)·y + g·(head(z) + candidate_score(evidence, z))``. Answer and state are detached between steps
(deep supervision; Jolicoeur-Martineau 2025, "Less is More: Recursive Reasoning with Tiny Networks").
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.encoder import SpectrumEncoder
from model.evidence import (
    AHEAD_FEATURE,
    SERIES_FEATURES,
    Evidence,
    MassEvidence,
    SpectrumIndex,
    candidate_channels,
    candidate_features,
    posterior_feature,
    slot_features,
)
from model.graph_decoding import HYPOTHESES, GraphAnswers, GraphDecoder
from model.heads import ConfidenceHead, GapHead, HaltingHead
from model.hypothesis import Hypothesis, read_hypothesis, with_stop
from model.layers import CoreLayer, MassSinusoids
from model.path_score import PathScore, plain_path_score
from model.residual import ResidualEncoder, residual_spectrum
from model.settings import NetworkSettings
from model.spectra import Spectra

FORBIDDEN_LOGIT = -30.0
"""Of a token that may not stand in a slot: never trained, padding, or a terminal modification behind the first slot."""

GUIDE_LOGIT = 6.0
"""Logit of the tokens of a given answer: about 93% of 30 tokens."""

_PLAIN_HYPOTHESES = 4
"""Of each nominal mass, on the way to the spectrum graph's best peptides by posteriors alone: more found right peptides
no more often."""
_TOKEN_WIDTH = 16
_STEP_EMBEDDINGS = 32


@dataclass
class EncodedBatch:
    """What all steps share.

    Attributes
    ----------
    keys_values : of the spectrum, for each core layer.
    mask : (batch, 1 + peaks) bool.
    index : of the peaks, for look-ups.
    pooled : (batch, width), mean of the peaks' tokens.
    """

    keys_values: list[tuple[Tensor, Tensor]]
    mask: Tensor
    index: SpectrumIndex
    pooled: Tensor

    def select(self, rows: Tensor) -> "EncodedBatch":
        """The spectra of these rows."""
        keys_values = [(keys[rows], values[rows]) for keys, values in self.keys_values]
        return EncodedBatch(keys_values, self.mask[rows], self.index.select(rows), self.pooled[rows])


@dataclass
class State:
    """The recursion's memory between steps.

    Attributes
    ----------
    answer : (batch, slots, tokens) float32, logits.
    latent : (batch, slots, width) float32.
    step : (batch,) int64, steps done.
    gap_mass : (batch, slots) float32, Da, that a gap in each slot would weigh.
    """

    answer: Tensor
    latent: Tensor
    step: Tensor
    gap_mass: Tensor

    def detach(self) -> "State":
        """The same state without its history of gradients."""
        return State(*(getattr(self, field.name).detach() for field in fields(self)))

    def clone(self) -> "State":
        """A state that shares no memory with this one."""
        return State(*(getattr(self, field.name).clone() for field in fields(self)))

    def select(self, rows: Tensor) -> "State":
        """The state of these rows."""
        return State(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, places: Tensor, other: "State") -> None:
        """Let the rows at these places be the other's."""
        for field in fields(self):
            getattr(self, field.name)[places] = getattr(other, field.name)


class CandidateScore(nn.Module):
    """One small network shared by all residues: scores a candidate by its evidence, its embedding and the slot's state.

    Shared, so that a modification unseen in training is a new mass and not a new column of a weight matrix.
    """

    def __init__(self, settings: NetworkSettings, residues: int) -> None:
        super().__init__()
        self.features, width = candidate_features(settings), settings.candidate_width
        self.token = nn.Embedding(residues, _TOKEN_WIDTH)
        self.evidence = nn.Linear(self.features + _TOKEN_WIDTH, width)
        self.latent = nn.Linear(settings.width, width, bias=False)
        self.hidden = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)

    def forward(self, evidence: Tensor, latent: Tensor, residues: Tensor) -> Tensor:
        """Score candidates.

        Parameters
        ----------
        evidence : (batch, slots, candidates, features).
        latent : (batch, slots, width).
        residues : (candidates,) int64, places of the candidates among the residues.

        Returns
        -------
        (batch, slots, candidates).
        """
        weight = self.evidence.weight
        token = functional.linear(self.token(residues), weight[:, self.features :], self.evidence.bias)
        seen = functional.linear(evidence, weight[:, : self.features])
        hidden = functional.gelu(seen + token + self.latent(latent)[:, :, None])
        scores: Tensor = self.score(functional.gelu(self.hidden(hidden))).squeeze(-1)
        return scores


class Network(nn.Module):
    """Encoder, evidence, recursive core and heads.

    ``settings.evidence = False`` gives the plain Tiny Recursive Model: the same core with no view of the masses.

    Attributes
    ----------
    candidates : (candidates,) int64, the residue tokens that the network may answer; all but ``GAP`` at first.
    """

    forbidden: Tensor
    candidates: Tensor

    def __init__(self, settings: NetworkSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.settings, self.vocabulary = settings, vocabulary
        width, tokens = settings.width, len(vocabulary)
        residues = tokens - STOP - 1
        self.register_buffer("forbidden", torch.empty(0), persistent=False)
        self.register_buffer("candidates", torch.empty(0), persistent=False)
        self.allow(number for number in range(STOP + 1, tokens) if number != GAP or settings.gap)
        self.encoder = SpectrumEncoder(settings)
        every_layer = settings.step_embedding == "every layer"
        self.core = nn.ModuleList(
            CoreLayer(width, settings.heads, takes_step=every_layer, adapter_width=settings.adapter_width)
            for _ in range(settings.core_layers)
        )
        self.latent_norm = nn.RMSNorm(width)
        self.answer_in = nn.Linear(tokens, width, bias=False)
        self.slot = nn.Embedding(settings.slots, width)
        self.step = nn.Embedding(_STEP_EMBEDDINGS, width)
        self.head = nn.Linear(width, tokens)
        self.gate = nn.Linear(width, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, settings.gate_bias)
        nn.init.normal_(self.slot.weight, std=0.02)
        nn.init.normal_(self.step.weight, std=0.02)
        self.mass_evidence = MassEvidence(settings, vocabulary)
        if settings.evidence:
            self.sinusoids = MassSinusoids(width)
            self.prefix_in, self.remaining_in = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
            seen = candidate_channels(settings) * residues
            self.evidence_in = nn.Linear(slot_features(settings) + seen, width, bias=False)
            self.candidate_score = CandidateScore(settings, residues)
            self.stop_score = nn.Linear(slot_features(settings), 1)
        self.residual = ResidualEncoder(width) if settings.residual_encoder else None
        self.gap = GapHead(width) if settings.gap else None
        self.confidence = ConfidenceHead(width) if settings.confidence else None
        self.halting = HaltingHead(width) if settings.halting else None

    def allow(self, tokens: Iterable[int]) -> None:
        """Let the network answer these residue tokens, the gap if it has one, and no others."""
        allowed = {number for number in tokens if number > STOP} | ({GAP} if self.settings.gap else set())
        slots, total = self.settings.slots, len(self.vocabulary)
        forbidden = torch.as_tensor(self.vocabulary.is_terminal).expand(slots, -1).clone()
        forbidden[0] = False
        forbidden[:, [number for number in range(total) if number not in allowed | {STOP}]] = True
        device = self.candidates.device
        self.candidates = torch.tensor(sorted(allowed), dtype=torch.int64, device=device)
        self.forbidden = forbidden.to(device)

    def forbid_gap(self) -> None:
        """Let the network answer known residues alone."""
        self.candidates = self.candidates[self.candidates != GAP]
        self.forbidden[:, GAP] = True

    def index(self, spectra: Spectra, *, doubly_charged: bool = True) -> SpectrumIndex:
        """What look-ups need of the spectra, made once for all steps."""
        return self.mass_evidence.index(
            spectra.mz, spectra.intensity, spectra.precursor_mz, spectra.charge, doubly_charged=doubly_charged
        )

    def encode(self, spectra: Spectra, index: SpectrumIndex | None = None) -> EncodedBatch:
        """Encode spectra once for all steps; an ``index`` made before is taken over."""
        encoded = self.encoder(spectra)
        return EncodedBatch(
            keys_values=[layer.spectrum_keys_values(encoded.tokens) for layer in self.core_layers],
            mask=encoded.mask,
            index=self.index(spectra) if index is None else index,
            pooled=encoded.pooled(),
        )

    @property
    def core_layers(self) -> list[CoreLayer]:
        """The layers of the core, in order."""
        return [layer for layer in self.core if isinstance(layer, CoreLayer)]

    def start(self, batch: int, slots: int | None = None) -> State:
        """The empty answer."""
        slots = slots or self.settings.slots
        device = self.candidates.device
        return State(
            answer=torch.zeros(batch, slots, len(self.vocabulary), device=device),
            latent=torch.zeros(batch, slots, self.settings.width, device=device),
            step=torch.zeros(batch, dtype=torch.int64, device=device),
            gap_mass=torch.zeros(batch, slots, device=device),
        )

    def look_again(self, tokens: Tensor, gap_mass: Tensor, step: Tensor) -> State:
        """The state of a given answer, as the first answers of training are given.

        Parameters
        ----------
        tokens : (batch, slots) int64, ``PAD`` where the answer says nothing.
        gap_mass : (batch, slots), Da, of the gaps among them.
        step : (batch,) int64, steps that count as done.
        """
        state = self.start(*tokens.shape)
        known = tokens != PAD
        answer = functional.one_hot(tokens, len(self.vocabulary)) * (GUIDE_LOGIT * known[..., None])
        return State(answer.float(), state.latent, step, gap_mass.float() * known)

    def first_answer(self, index: SpectrumIndex, slots: int) -> Tensor:
        """What the recursion starts from: nothing, or the best peptide of the spectrum graph; (batch, slots) int64."""
        if self.settings.start == "empty":
            return torch.full((len(index.peptide_mass), slots), PAD, device=self.candidates.device)
        return with_stop(self.graph_answers(index, slots, 1).tokens[:, 0])

    def graph_answers(
        self, index: SpectrumIndex, slots: int, count: int, path: PathScore | None = None, again: int = 0
    ) -> GraphAnswers:
        """The best peptides of the spectrum graph; of a network that has one.

        Parameters
        ----------
        path : what they are best by; None: posteriors of cleavages and frequencies of residues alone.
        again : as in `GraphDecoder`.
        """
        path = path or plain_path_score(self.vocabulary)
        hypotheses = HYPOTHESES if path.learned else _PLAIN_HYPOTHESES
        tolerance_ppm = self.settings.closure_tolerance_ppm
        decoder = GraphDecoder(self.vocabulary, self.candidates, tolerance_ppm, path, hypotheses)
        return decoder(self.mass_evidence, index, slots, count, again)

    def begin(self, index: SpectrumIndex, slots: int | None = None, graph: Tensor | None = None) -> State:
        """The state that the recursion starts from.

        Parameters
        ----------
        graph : (batch, candidates, slots) int64, the spectrum graph's best peptides where they are known already.
        """
        if graph is None or self.settings.start == "empty":
            first = self.first_answer(index, slots or self.settings.slots)
        else:
            first = with_stop(graph[:, 0])
        nothing = torch.zeros(first.shape, device=first.device)
        return self.look_again(first, nothing, torch.zeros(len(first), dtype=torch.int64, device=first.device))

    def hypothesis(self, encoded: EncodedBatch, state: State) -> Hypothesis:
        """The state's answer read as residues and masses."""
        return read_hypothesis(state.answer, state.gap_mass, encoded.index.peptide_mass, self.mass_evidence.masses)

    def forward(self, encoded: EncodedBatch, state: State) -> State:
        """One supervision step."""
        latent, answer = state.latent, state.answer
        slots = answer.shape[1]
        x = self.answer_in(answer.softmax(-1)) + self.slot.weight[:slots]
        step = self.step(state.step.clamp(max=_STEP_EMBEDDINGS - 1))[:, None]
        if self.settings.step_embedding == "input":
            x = x + step
        evidence = None
        if self.settings.evidence or self.residual is not None:
            hypothesis = self.hypothesis(encoded, state)
            if self.settings.evidence:
                evidence = self.mass_evidence(encoded.index, hypothesis, self.candidates)
                x = x + self._anchor(evidence, hypothesis)
            if self.residual is not None:
                x = x + self.residual(residual_spectrum(encoded.index, hypothesis))[:, None]
        for _ in range(self.settings.latent_steps):
            latent = self._think(x + latent, step, encoded)
        proposal = self.head(latent)
        if evidence is not None:
            proposal = proposal + self._score(evidence, latent)
        proposal = proposal.float().masked_fill(self.forbidden[:slots], FORBIDDEN_LOGIT)
        gate = torch.sigmoid(self.gate(latent).float())
        return State(
            answer=(1 - gate) * answer + gate * proposal,
            latent=latent.float(),
            step=state.step + 1,
            gap_mass=state.gap_mass if self.gap is None else self.gap(latent),
        )

    def _think(self, h: Tensor, step: Tensor, encoded: EncodedBatch) -> Tensor:
        """One latent step: the core's layers, normed."""
        for layer, keys_values in zip(self.core_layers, encoded.keys_values, strict=True):
            h = layer(h, step, keys_values, encoded.mask)
        normed: Tensor = self.latent_norm(h)
        return normed

    def _anchor(self, evidence: Evidence, hypothesis: Hypothesis) -> Tensor:
        """Where each slot starts, how much mass is left, and what the candidates' strongest ions are."""
        figures = [evidence.candidate[..., :SERIES_FEATURES].amax(-1), evidence.candidate[..., AHEAD_FEATURE]]
        if self.settings.spectrum_graph:
            figures.append(evidence.candidate[..., posterior_feature(self.settings)])
        residues = len(self.vocabulary) - STOP - 1
        seen = evidence.slot.new_zeros(*evidence.slot.shape[:2], len(figures), residues)
        for channel, figure in enumerate(figures):
            seen[:, :, channel, self.candidates - STOP - 1] = figure
        masses: Tensor = self.prefix_in(self.sinusoids(hypothesis.prefix_mass))
        masses = masses + self.remaining_in(self.sinusoids(evidence.remaining_mass))
        anchored: Tensor = masses + self.evidence_in(torch.cat([evidence.slot, seen.flatten(2)], -1))
        return anchored

    def _score(self, evidence: Evidence, latent: Tensor) -> Tensor:
        """Scores of the candidates by their evidence, of the stop token by the mass that is left; none for padding."""
        score = evidence.slot.new_zeros(*evidence.slot.shape[:2], len(self.vocabulary))
        score[..., STOP : STOP + 1] = self.stop_score(evidence.slot).float()
        score[..., self.candidates] = self.candidate_score(
            evidence.candidate, latent, self.candidates - STOP - 1
        ).float()
        return score
