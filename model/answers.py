"""From the recursion's last state to the answer: candidates of the right mass, the best, a second look, its trust."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.chemistry import WATER
from data.vocabulary import GAP, PAD
from model.ambiguity import ambiguities
from model.calibration import ANSWER_FEATURES, Calibration, sigmoid
from model.decoding import Decoded, DecodingSettings, ExactDecoder
from model.evidence import SpectrumIndex
from model.final_score import fitted_final_score
from model.fragmentation import MEASURED, closeness, correlation, observed_ions
from model.hypothesis import Hypothesis, are_among, peptides_at, with_stop
from model.match_score import fitted_match_score
from model.neighbour_search import ROWS, NeighbourSearch
from model.recursion import EncodedBatch, Network, State
from model.review import ResidueConfidence, ensemble_probability, log_probability, review
from model.spectra import Spectra

PeptideConfidence = Literal["calibrated", "product", "minimum", "mean"]
"""How far to trust a peptide: the calibrated probability of all its features, or a statistic of its residues."""

_LEAD = 20.0
"""Of a candidate without another; a larger lead in log-probability says no more."""

_DROPPED_SHARE = 0.15
_MASS_ERROR = ANSWER_FEATURES.index("mass error")
_OUT_OF_TOLERANCE_FACTOR = 0.5
"""Of the score of a peptide that does not weigh what the precursor weighs: it is certainly wrong somewhere."""


@dataclass(frozen=True, kw_only=True)
class AnswerSettings:
    """How answers are found and trusted.

    Attributes
    ----------
    exact : search the peptides of the precursor's mass; else the most probable token of each slot is the answer.
    neighbours : go on from what was found to peptides near it that explain the spectrum better.
    residue, peptide : where confidence comes from.
    passes : looks at parts of the spectrum, for ``dropout``.
    calibrated : read and use the model's calibration if it has one.
    """

    exact: bool = True
    neighbours: bool = True
    residue: ResidueConfidence | None = None
    peptide: PeptideConfidence = "calibrated"
    passes: int = 8
    calibrated: bool = True


@dataclass
class Answers:
    """Of a batch.

    Attributes
    ----------
    tokens : (batch, slots) int64.
    mass : (batch, slots) float64, Da.
    residue : (batch, slots), 0…1.
    peptide : (batch,), 0…1.
    outlier : (batch,), 0…1; None without a calibration.
    proven : (batch,) bool; None where no search was made.
    ambiguity : what the spectrum cannot tell apart in each peptide.
    feature : (batch, candidates, features), as ``CHOICE_FEATURES``.
    answer_feature : (batch, features), as ``ANSWER_FEATURES``.
    candidates : (batch, candidates, slots) int64.
    chosen : (batch,) int64, which candidate is the answer.
    exists : (batch, candidates) bool: not a place left empty.
    candidate_score : (batch, candidates), 0…1, as `candidate_scores`.
    rank : (batch,) of the answers, the logit that they are right; without a calibration their log-probability.
    raw : confidence source → (batch, slots), before calibration.
    number : (batch,) int64, of the answers in a searched database, -1 where it holds none; None without one.
    """

    tokens: Tensor
    mass: Tensor
    residue: NDArray[np.float64]
    peptide: NDArray[np.float64]
    outlier: NDArray[np.float64] | None
    proven: NDArray[np.bool_] | None
    ambiguity: list[str]
    feature: NDArray[np.float64]
    answer_feature: NDArray[np.float64]
    candidates: Tensor
    chosen: NDArray[np.int64]
    exists: NDArray[np.bool_]
    candidate_score: NDArray[np.float64]
    raw: dict[ResidueConfidence, NDArray[np.float64]]
    rank: NDArray[np.float64]
    number: NDArray[np.int64] | None = None


class Answerer:
    """Finds the answers of batches.

    Parameters
    ----------
    ensemble : further networks, for the confidence of that name; they read the same preprocessed spectra.
    """

    def __init__(
        self,
        network: Network,
        calibration: Calibration | None,
        decoding: DecodingSettings,
        settings: AnswerSettings,
        ensemble: Sequence[Network] = (),
    ) -> None:
        self.network, self.settings, self.ensemble = network, settings, [network, *ensemble]
        self.calibration = calibration
        self.decoding = decoding
        self.final = fitted_final_score(network.vocabulary).to(network.candidates.device)
        self.decoder = ExactDecoder(
            network.vocabulary, network.candidates.tolist(), decoding, str(network.candidates.device)
        )
        self.search = NeighbourSearch(
            network.vocabulary,
            network.candidates,
            decoding.tolerance_ppm,
            decoding.isotope_errors,
            fitted_match_score(network.vocabulary),
        )
        self.single: ResidueConfidence = "probability" if network.confidence is None else "head"
        self.source: ResidueConfidence = settings.residue or ("combined" if self.calibration else self.single)

    @torch.no_grad()
    def answer(
        self,
        spectra: Spectra,
        encoded: EncodedBatch,
        state: State,
        hypothesis: Hypothesis,
        found: Decoded | None = None,
        graph: Tensor | None = None,
    ) -> Answers:
        """Choose the answer of each spectrum.

        Parameters
        ----------
        state, hypothesis : the recursion's last.
        found : candidates to choose from; None: those of the exact search.
        graph : (batch, candidates, slots) int64, the spectrum graph's best peptides, which come to those of the search.
        """
        if found is None:
            found = self._candidates(encoded, state, hypothesis, graph)
        feature = self._features(encoded.index, hypothesis, found)
        exists = found.score.isfinite().cpu().numpy()
        choice = self.calibration.choice(feature) if self.calibration else found.score.double().cpu().numpy()
        choice = np.where(exists, choice, -np.inf)
        best = choice.argmax(1)
        rows, chosen = np.arange(len(best)), torch.from_numpy(best).to(found.tokens.device)
        tokens = found.tokens[torch.arange(len(best), device=found.tokens.device), chosen]
        seen = review(self.network, encoded, state, tokens, hypothesis.gap_mass.float(), self.decoding.tolerance_ppm)
        lead = _lead(torch.from_numpy(choice)).numpy()[rows, best]
        told = [feature[rows, best], lead[:, None], seen.feature.cpu().numpy(), spectra.charge.cpu().numpy()[:, None]]
        answer_feature = np.concatenate(told, 1)
        rank = self.calibration.rank(answer_feature) if self.calibration else choice[rows, best]
        raw = {name: values.double().cpu().numpy() for name, values in seen.residue.items()}
        self._look_often(raw, spectra, encoded, tokens)
        residue = raw[self.source] if self.source in raw else raw[self.single]
        if self.calibration and self.source in self.calibration.residue:
            residue = self.calibration.residue[self.source](raw, np.broadcast_to(rank[:, None], residue.shape))
        mass = self.network.mass_evidence.masses[tokens] + (tokens == GAP) * hypothesis.gap_mass
        peptide = self._peptide_score(rank, residue, tokens, answer_feature)
        return Answers(
            tokens=tokens,
            mass=mass,
            residue=residue,
            peptide=peptide,
            outlier=sigmoid(self.calibration.outlier(answer_feature)) if self.calibration else None,
            proven=found.proven.cpu().numpy() if self.settings.exact else None,
            ambiguity=ambiguities(tokens, mass, encoded.index, self.network, self.decoding.tolerance_ppm),
            feature=feature,
            answer_feature=answer_feature,
            candidates=found.tokens,
            chosen=best,
            exists=exists,
            candidate_score=candidate_scores(choice, best, peptide),
            raw=raw,
            rank=rank,
        )

    def _features(self, index: SpectrumIndex, hypothesis: Hypothesis, found: Decoded) -> NDArray[np.float64]:
        """(batch, candidates, features), as ``CHOICE_FEATURES``."""
        own = (found.tokens == hypothesis.tokens[:, None]).all(-1)
        compared = [
            self._compared(index.select(rows), found.tokens[rows], hypothesis.gap_mass[rows])
            for rows in torch.arange(len(own), device=own.device).split(ROWS)
        ]
        parts = [torch.cat(compared), _lead(found.score)[..., None], own[..., None]]
        return torch.cat([part.double() for part in parts], -1).cpu().numpy()

    def _compared(self, index: SpectrumIndex, tokens: Tensor, gap_mass: Tensor) -> Tensor:
        """(batch, candidates, 5): how close their ions are to the heights expected, the final score, and its lead."""
        tokens = tokens[..., : max(int((tokens != PAD).sum(2).max()), 1)]
        evidence, expected = self.network.mass_evidence, self.final.heights(index, tokens)
        observed, asked = observed_ions(evidence, index, tokens, gap_mass[:, None, : tokens.shape[2]])
        score = torch.zeros_like(tokens[..., 0], dtype=torch.float32)
        if evidence.graph is not None:
            score = self.final.compare(evidence, index, self.search.path(evidence, index, tokens), tokens, expected)
        close = [closeness(heights, observed, asked) for heights in expected]
        alike = correlation(expected[MEASURED], observed, asked)
        return torch.stack([*close, alike, score.nan_to_num(0.0, 0.0, 0.0), _lead(score)], -1)

    def _candidates(self, encoded: EncodedBatch, state: State, hypothesis: Hypothesis, graph: Tensor | None) -> Decoded:
        """The best peptides of the right mass; the recursion's own answer where none is found or it has a gap."""
        own = hypothesis.tokens[:, None]
        probability = log_probability(self.network, state)
        score = (probability.gather(2, own.mT)[..., 0] * (own[:, 0] != PAD)).sum(1, keepdim=True)
        if not self.settings.exact:
            return Decoded(own, score, torch.zeros(len(own), dtype=torch.bool, device=own.device))
        found = self.decoder.decode(probability, encoded.index.peptide_mass)
        kept = ~found.found | (own[:, 0] == GAP).any(1)
        found.tokens[kept, 1:] = PAD
        found.score[kept, 1:] = -torch.inf
        found.tokens[kept, 0], found.score[kept, 0] = own[kept, 0], score[kept, 0]
        if graph is None:
            return found
        found = self._with_graph_answers(found, probability, encoded.index, graph)
        return self._with_neighbours(found, probability, encoded) if self.settings.neighbours else found

    def _with_graph_answers(self, found: Decoded, probability: Tensor, index: SpectrumIndex, more: Tensor) -> Decoded:
        """The candidates, and behind them those of the best peptides of the spectrum graph that are not among them."""
        masses = self.network.mass_evidence.masses
        score = _log_probabilities(probability, more)
        off = (masses[more].sum(2) + WATER - index.peptide_mass[:, None]).abs()
        usable = (more != PAD).any(2) & (off <= index.peptide_mass[:, None] * self.decoding.tolerance_ppm * 1e-6)
        usable &= ~are_among(more, found.tokens)
        usable &= ~(found.tokens[:, :1] == GAP).any(2)
        if self.decoding.max_modifications is not None:
            usable &= self.decoder.modifications(more) <= self.decoding.max_modifications
        return Decoded(
            torch.cat([found.tokens, more.masked_fill(~usable[..., None], PAD)], 1),
            torch.cat([found.score, score.masked_fill(~usable, -torch.inf)], 1),
            found.proven,
        )

    def _with_neighbours(self, found: Decoded, probability: Tensor, encoded: EncodedBatch) -> Decoded:
        """The network's best candidate and the graph's, then of all and their neighbours those of the best match."""
        has_gap = (found.tokens == GAP).any(2).any(1)
        start = found.tokens.masked_fill(has_gap[:, None, None], PAD)
        near, _ = self.search(self.network.mass_evidence, encoded.index, start)
        if self.decoding.max_modifications is not None:
            near[self.decoder.modifications(near) > self.decoding.max_modifications] = PAD
        graph = found.tokens[:, self.decoding.candidates :][:, :1]  # all PAD if it is not one of its own
        kept = torch.cat([found.tokens[:, :1], graph], 1)
        near[are_among(near, kept)] = PAD
        tokens = torch.cat([kept, near], 1)
        order = (tokens == PAD).all(2).long().argsort(dim=1, stable=True)[:, : self.decoding.finalists]
        tokens = peptides_at(tokens, order)
        score = _log_probabilities(probability, tokens)
        score[:, 0] = found.score[:, 0]
        return Decoded(tokens, score.masked_fill((tokens == PAD).all(2), -torch.inf), found.proven)

    def _look_often(
        self, raw: dict[ResidueConfidence, NDArray[np.float64]], spectra: Spectra, encoded: EncodedBatch, tokens: Tensor
    ) -> None:
        """The confidences that take several looks, where one of them is asked for."""
        if self.source == "dropout":
            generator = torch.Generator(device="cpu").manual_seed(0)
            parts = [self.network.encode(_without_some(spectra, generator)) for _ in range(self.settings.passes)]
            looks = ensemble_probability([self.network] * len(parts), parts, tokens)
        elif self.source == "ensemble":
            others = [encoded, *(network.encode(spectra) for network in self.ensemble[1:])]
            looks = ensemble_probability(self.ensemble, others, tokens)
        else:
            return
        raw[self.source] = looks.double().cpu().numpy()

    def _peptide_score(
        self, rank: NDArray[np.float64], residue: NDArray[np.float64], tokens: Tensor, feature: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self.calibration and self.settings.peptide == "calibrated":
            return self.calibration.peptide(rank)
        is_token = (tokens != PAD).cpu().numpy()
        trusted = np.where(is_token, residue, 1.0)
        if self.settings.peptide == "product":
            score = trusted.prod(1)
        elif self.settings.peptide == "minimum":
            score = trusted.min(1)
        else:
            score = (residue * is_token).sum(1) / is_token.sum(1).clip(1)
        fits = feature[:, _MASS_ERROR] <= 1 + 1e-6
        scores: NDArray[np.float64] = score * np.where(fits, 1.0, _OUT_OF_TOLERANCE_FACTOR)
        return scores


def candidate_scores(
    choice: NDArray[np.float64], best: NDArray[np.int64], score: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The answers' scores, and what they leave to the other candidates, in proportion to the choice.

    Only one of them can be right: the scores of a spectrum are together 1 at most, and none is above its answer's.

    Parameters
    ----------
    choice : (batch, candidates), logits; -inf where there is none.
    best : (batch,), of the highest.
    score : (batch,), 0…1, of the answers.
    """
    rows = np.arange(len(best))
    highest = np.nan_to_num(choice[rows, best], neginf=0.0)  # where there is no candidate
    share = np.exp(choice - highest[:, None])
    others = share.sum(1) - 1
    left = np.minimum(score, (1 - score) / np.maximum(others, 1e-300))
    scores: NDArray[np.float64] = share * left[:, None]
    scores[rows, best] = score
    return scores


def _lead(score: Tensor) -> Tensor:
    """(batch, candidates): of each over the best other one."""
    if score.shape[1] == 1:
        return torch.full_like(score, _LEAD)
    first, second = score.topk(2, dim=1).values.split(1, dim=1)
    best_other = torch.where(score == first, second, first)
    return (score - best_other).nan_to_num(_LEAD, _LEAD, -_LEAD).clamp(-_LEAD, _LEAD)


def _log_probabilities(probability: Tensor, tokens: Tensor) -> Tensor:
    """(batch, peptides): sums over their tokens and the stop; (batch, slots, tokens) of a token in each slot."""
    closed = with_stop(tokens.flatten(0, 1)).view(tokens.shape)
    return probability.gather(2, closed.mT).mT.masked_fill(closed == PAD, 0.0).sum(2)


def _without_some(spectra: Spectra, generator: torch.Generator) -> Spectra:
    """The spectra without a random share of their peaks."""
    dropped = (torch.rand(spectra.mz.shape, generator=generator) < _DROPPED_SHARE).to(spectra.mz.device)
    mz, order = spectra.mz.masked_fill(dropped, torch.inf).sort(dim=1)
    part = spectra.select(torch.arange(len(spectra), device=spectra.mz.device))
    part.mz, part.intensity = mz, spectra.intensity.masked_fill(dropped, 0.0).gather(1, order)
    return part
