"""The weights of the match score: fitted in three rounds to tell the right peptide from others of its mass.

PEPTRM_MIRROR=DIR python -m benchmarks.match_score --params FILE --shards DIR [--write]

The heights that are expected of the ions of measured spectra are those of a predictor that was fitted to other ones: on
its own it is better than it will be. In the first round the other peptides are those of the spectrum graph and their
and the right peptide's neighbours; in later ones also those that the search finds with the weights of the round before.
What was asked in earlier rounds is asked again. The parameters name the measured files and what may be trained on;
``profiles/base.yaml`` is made for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.fitting import Material, arguments, keep, material
from benchmarks.fragmentation import examples, fitted_to, some_predicted
from benchmarks.spectrum_graph import Batch, Judge, measured, predicted, with_noise
from data.batches import SpectrumSet
from data.peaks import pack
from data.preprocessing import rank_in_group
from data.settings import UniformNoise
from data.splits import merged_sequence, sequence_hashes
from data.vocabulary import PAD, VOCABULARY
from model.decoding import DecodingSettings
from model.evidence import SpectrumIndex
from model.fragmentation import Fragmentation
from model.graph_decoding import GraphDecoder
from model.hypothesis import are_repeated, peptides_at
from model.match_score import WEIGHTS_FILE, MatchScore
from model.neighbour_search import NeighbourSearch
from model.path_score import PathGains, plain_path_score
from model.spectra import Spectra
from tasks.params import Params, load_params

PEPTIDES = 32
"""Of a spectrum, the right one among them."""
_GRAPH_ANSWERS = 8
"""That are asked about, of those that the search begins with."""
_ROUNDS = 3
"""Of the search for wrong peptides: the better they explain the spectrum, the more they teach."""
_MEASURED_SHARE = 0.4
_ROWS, _RATE, _WEIGHT_DECAY = 48, 3e-3, 0.1
LIGHT = UniformNoise(noise_peaks=4, peak_dropout=0.12, peak_error_ppm=1.0, intensity_sigma=0.2)
"""Of further copies of the measured spectra: there are few."""
_LEAST_KEPT, _FEWEST_PEAKS = 0.25, 20
"""Of the peaks of such a copy: a spectrum that is published has between all of its peaks and its strongest ones."""


@dataclass(frozen=True)
class Round:
    """What a round is fitted to.

    Attributes
    ----------
    copies : of the measured spectra, all but the first with light noise.
    predicted : spectra.
    every : as in `Examiner.ask`.
    updates : of ``_ROWS`` spectra.
    """

    copies: int
    predicted: int
    every: int
    updates: int


_FITTING = Round(1, 3000, 1, 400), Round(3, 8000, 2, 800), Round(3, 5000, 4, 2400)
_SEEN_WHOLE, _DROPPED = 0.5, 0.2
"""Share of the questions in which all features are seen, and of the features that are not seen in the others."""


@dataclass
class Questions:
    """Spectra, each with peptides of which the first is the right one.

    Attributes
    ----------
    tokens : (spectra, peptides, slots) uint8, all ``PAD`` where there are fewer.
    slot, whole : their features, as `MatchScore.features`; the first in half precision.
    """

    tokens: Tensor
    slot: Tensor
    whole: Tensor

    def drawn(self, count: int, generator: torch.Generator) -> "Questions":
        """So many of them."""
        rows = torch.randint(len(self.tokens), (count,), generator=generator)
        return Questions(self.tokens[rows], self.slot[rows], self.whole[rows])


def joined(parts: Iterable[Questions]) -> Questions:
    """All of them."""
    every = list(parts)
    return Questions(*(torch.cat([getattr(part, name) for part in every]) for name in ("tokens", "slot", "whole")))


class Examiner:
    """Asks which of several peptides is right, as a network with these parameters sees the spectra.

    Parameters
    ----------
    score : finds the others.
    asked : whose features the questions have; None: that of the search.
    rounds : of the search for wrong peptides.
    again : paths of a second reading of highly charged spectra that the search begins with, too.
    """

    def __init__(
        self,
        params: Params,
        score: MatchScore,
        asked: MatchScore | None = None,
        rounds: int = _ROUNDS,
        again: int = 0,
    ) -> None:
        self.asked, self.again = asked or score, again
        self.judge = Judge(params)
        self.evidence = self.judge.evidence
        self.score, self.settings = score, DecodingSettings()
        tolerance_ppm = params.network.closure_tolerance_ppm
        self.search = NeighbourSearch(VOCABULARY, self.judge.answered, tolerance_ppm, 0, score, rounds)
        self.decoders = [
            GraphDecoder(VOCABULARY, self.judge.answered, tolerance_ppm, path)
            for path in (plain_path_score(VOCABULARY), self.search.neighbours.path)
        ]

    def ask(self, of: list[Batch], every: int = 0, expected: Fragmentation | None = None) -> Questions:
        """Questions of batches of spectra.

        Parameters
        ----------
        expected : tells the heights of ions; None: that of the package.
        every : one batch in so many keeps to neighbours, the others are searched; 0: all are searched.
        """
        usual, self.score.expected = self.score.expected, expected or self.score.expected
        try:
            return joined(self._ask(*batch, not every or place % every > 0) for place, batch in enumerate(of))
        finally:
            self.score.expected = usual

    @torch.no_grad()
    def _ask(self, spectra: Spectra, tokens: NDArray[np.int64], searching: bool) -> Questions:
        index = self.evidence.index(spectra.mz, spectra.intensity, spectra.precursor_mz, spectra.charge)
        gains = self.search.neighbours.path.gains(self.evidence, index)
        peptides = self._asked_about(index, gains, self.judge.peptides(tokens)[:, None], searching)
        path = self.search.neighbours.path.of_peptides(gains, self.evidence, peptides)
        slot, whole = self.asked.features(self.evidence, index, path, peptides)
        asked = (peptides[:, 0] != PAD).any(1)
        return Questions(peptides[asked].to(torch.uint8), slot[asked].half(), whole[asked])

    def _asked_about(self, index: SpectrumIndex, gains: PathGains, own: Tensor, searching: bool) -> Tensor:
        """(batch, peptides, slots): the right ones in front; without them all ``PAD``, and nothing is asked."""
        graph = self._graph_answers(index)
        others = self._others(index, gains, own, graph, searching)
        return each_once(torch.cat([own, graph[:, :_GRAPH_ANSWERS], *others], 1))

    def _graph_answers(self, index: SpectrumIndex) -> Tensor:
        """What the search begins with, the best by either path score in front."""
        counts = self.settings.candidates, self.settings.paths
        plain, learned = (
            decode(self.evidence, index, self.judge.slots, count, again).tokens
            for decode, count, again in zip(self.decoders, counts, (0, self.again), strict=True)
        )
        both = torch.stack([plain, learned[:, : plain.shape[1]]], 2).flatten(1, 2)
        return each_once(torch.cat([both, learned[:, plain.shape[1] :]], 1), sum(counts) + self.again)

    def _others(
        self, index: SpectrumIndex, gains: PathGains, own: Tensor, graph: Tensor, searching: bool
    ) -> list[Tensor]:
        """Wrong peptides that are near to right: in front those that are to be kept."""
        neighbours = self.search.neighbours
        if searching:
            found, _ = self.search(self.evidence, index, torch.cat([graph, own], 1))
            return [found, neighbours(own, gains, index, 6)[0]]
        near, _ = neighbours(own, gains, index, 11)
        return [near, neighbours(graph[:, :2], gains, index, 8)[0], neighbours(near[:, :3], gains, index, 6)[0]]


def each_once(peptides: Tensor, count: int = PEPTIDES) -> Tensor:
    """The first different ones of peptides, (batch, peptides, slots); all ``PAD`` where there are fewer."""
    peptides = peptides.masked_fill(are_repeated(peptides)[..., None], PAD)
    order = (peptides == PAD).all(2).long().argsort(dim=1, stable=True)[:, :count]
    peptides = peptides_at(peptides, order)
    return functional.pad(peptides, (0, 0, 0, count - peptides.shape[1]))


def scores(score: MatchScore, of: Questions) -> Tensor:
    """(spectra, peptides, members), −inf for peptides that are missing."""
    tokens = of.tokens.long()
    longest = int((tokens != PAD).sum(2).max())
    found = score.by_member(tokens[..., :longest], of.slot[:, :, :longest].float(), of.whole)
    return found.masked_fill((tokens == PAD).all(2)[..., None], -torch.inf)


def halves(given: Material, params: Params) -> list[tuple[SpectrumSet, Fragmentation]]:
    """The measured spectra, each half of the peptides with a predictor of heights that was fitted to the other."""
    of_predicted, ours = some_predicted(given, params), given.ours
    peptides = (merged_sequence(VOCABULARY.decode(tokens)) for tokens in ours.tokens)
    is_second = (sequence_hashes(peptides) & 1).astype(bool)
    parts = [ours.select(np.flatnonzero(is_second == side)) for side in (False, True)]
    predictors = [fitted_to(of_predicted, examples(part, params.network), params.seed) for part in reversed(parts)]
    return list(zip(parts, predictors, strict=True))


def measured_copies(spectra: SpectrumSet, copies: int, rng: np.random.Generator) -> list[Batch]:
    """Measured spectra as they are, and further copies, thinned and with light noise."""
    found, of_thinning = measured(spectra), rng.spawn(1)[0]
    for _ in range(copies - 1):
        found += copied(spectra, of_thinning, rng)
    return found


def copied(spectra: SpectrumSet, of_thinning: np.random.Generator, rng: np.random.Generator) -> list[Batch]:
    """Spectra once more, thinned and with light noise."""
    level = rng.uniform(0.2, 1.0, len(spectra))
    return with_noise(thinned(spectra, of_thinning), LIGHT.settings(), level, rng)


def thinned(spectra: SpectrumSet, rng: np.random.Generator) -> SpectrumSet:
    """Spectra of which only the strongest peaks were kept, as in many libraries: some share, by its logarithm."""
    peaks = spectra.peaks
    share = np.exp(rng.uniform(np.log(_LEAST_KEPT), 0.0, len(peaks)))
    there = np.isfinite(peaks.mz)
    kept = np.maximum(np.round(share * there.sum(1)), _FEWEST_PEAKS)
    rank = rank_in_group(np.zeros_like(peaks.mz), peaks.intensity, there)
    return replace(spectra, peaks=pack(peaks.mz, peaks.intensity, there & (rank < kept[:, None]), peaks))


def begin(score: MatchScore, of: Iterable[Questions], seed: int) -> None:
    """New weights."""
    torch.manual_seed(seed)
    score.load_state_dict(MatchScore(VOCABULARY).state_dict())
    every = torch.cat([part.whole[(part.tokens != PAD).any(2)] for part in of])
    score.mean, score.deviation = every.mean(0), every.std(0) + 1e-3


def fit(
    score: MatchScore,
    measured: Questions,
    predicted: Questions,
    updates: int,
    seed: int,
    *,
    rate: float = _RATE,
    measured_share: float = _MEASURED_SHARE,
    weight_decay: float = _WEIGHT_DECAY,
) -> None:
    """Cross-entropy of the choice of the right peptide, from the weights that it has."""
    generator = torch.Generator().manual_seed(seed)
    weights = [weight for name, weight in score.named_parameters() if name in score.weights]
    optimizer = torch.optim.AdamW(weights, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=updates, pct_start=0.1)
    from_measured = round(_ROWS * measured_share)
    score.train()
    for _ in range(updates):
        asked = joined(
            part.drawn(count, generator)
            for part, count in ((measured, from_measured), (predicted, _ROWS - from_measured))
        )
        by_member = scores(score, with_gaps(asked, score.mean, generator))
        loss = -by_member.log_softmax(1)[:, 0].sum(1).mean()  # each member's own
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 2.0)
        optimizer.step()
        schedule.step()
    score.eval()
    score.load_state_dict({name: weight.bfloat16().float() for name, weight in score.state_dict().items()})


def with_gaps(of: Questions, mean: Tensor, generator: torch.Generator) -> Questions:
    """Questions some features of which are not seen, so that no few of them decide alone."""
    count = len(of.tokens)
    slot, whole = (
        (torch.rand(count, 1, features, generator=generator) < _DROPPED)
        & (torch.rand(count, 1, 1, generator=generator) >= _SEEN_WHOLE)
        for features in (of.slot.shape[-1], of.whole.shape[-1])
    )
    return Questions(of.tokens, of.slot.masked_fill(slot[:, None], 0.0), torch.where(whole, mean, of.whole))


@torch.no_grad()
def judged(score: MatchScore, of: Questions) -> str:
    """How often the right peptide has the highest score of all."""
    parts = zip(of.tokens.split(64), of.slot.split(64), of.whole.split(64), strict=True)
    best = torch.cat([scores(score, Questions(*part)).mean(2).argmax(1) for part in parts])
    return f"{len(best)} spectra: {float((best == 0).float().mean()):.3f}"


def report(score: MatchScore, examiner: Examiner, given: Material, params: Params, rng: np.random.Generator) -> None:
    """Print how often the right peptide has the highest score, of spectra of other peptides."""
    others = predicted(given.unseen.select(rng.permutation(len(given.unseen))[:600]), params, rng)
    for name, of in ({"measured": measured(given.held_out)} | others).items():
        print(f"{name}, the right peptide has the highest score, {judged(score, examiner.ask(of))}")


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE)
    params = load_params(options.params)
    rng = np.random.default_rng(params.seed)
    given = material(params, options.shards)
    order, score = rng.permutation(len(given.training)), MatchScore(VOCABULARY).eval()
    examiner, of_either, drawn, asked = Examiner(params, score), halves(given, params), 0, []
    for what in _FITTING:
        some = given.training.select(order[drawn : drawn + what.predicted])
        drawn += what.predicted
        batches = [batch for of in predicted(some, params, rng).values() for batch in of]
        of_halves = []
        for spectra, expected in of_either:
            of_halves.append(examiner.ask(measured_copies(spectra, what.copies, rng), what.every, expected))
        asked.append([joined(of_halves), examiner.ask(batches, what.every)])
        of_measured, of_predicted = (joined(parts) for parts in zip(*asked, strict=True))
        begin(score, (of_measured, of_predicted), params.seed)
        fit(score, of_measured, of_predicted, what.updates, params.seed)
    keep(options, WEIGHTS_FILE, score.weights)
    report(score, examiner, given, params, rng)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
