"""The search among neighbours: from the candidates on to peptides that explain the spectrum better.

Best first: in each round the best peptides that were not yet looked at are replaced, stretch by stretch, by their
neighbours (`model.neighbours`), and all are compared by the match score (`model.match_score`). What the network and the
spectrum graph got nearly right is put right so, where one cleavage misled them.
"""

import torch
from torch import Tensor

from data.vocabulary import PAD, Vocabulary
from model.evidence import MassEvidence, SpectrumIndex
from model.hypothesis import are_among, peptides_at
from model.match_score import MatchScore
from model.neighbours import Neighbourhood
from model.path_score import PathGains

_BASES, _NEIGHBOURS, _KEPT = 3, 32, 24
ROWS = 16
"""Spectra at once: what fits a processor's cache is quicker, and memory stays bounded."""


class NeighbourSearch:
    """Finds the peptides of the highest match score near given ones.

    Parameters
    ----------
    vocabulary : of the network.
    candidates : (tokens,) int64: those that may be answered.
    tolerance_ppm, isotope_errors : of the precursor's mass.
    match : compares the peptides.
    rounds : of replacements. Where the many best paths of the spectrum graph are given, one is enough.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        candidates: Tensor,
        tolerance_ppm: float,
        isotope_errors: int,
        match: MatchScore,
        rounds: int = 1,
    ) -> None:
        self.rounds = rounds
        self.neighbours = Neighbourhood(vocabulary, candidates, tolerance_ppm, isotope_errors)
        self.match = match.to(candidates.device)

    def path(self, evidence: MassEvidence, index: SpectrumIndex, tokens: Tensor) -> Tensor:
        """(batch, peptides, slots): what each slot of peptides adds to their path score."""
        path = self.neighbours.path
        return path.of_peptides(path.gains(evidence, index), evidence, tokens)

    def _scores(self, evidence: MassEvidence, index: SpectrumIndex, gains: PathGains, tokens: Tensor) -> Tensor:
        tokens = tokens[..., : max(int((tokens != PAD).sum(2).max()), 1)]
        path = self.neighbours.path.of_peptides(gains, evidence, tokens)
        return self.match.compare(evidence, index, path, tokens)

    @torch.no_grad()
    def __call__(self, evidence: MassEvidence, index: SpectrumIndex, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The best peptides found, the given ones among them, by falling match score.

        Parameters
        ----------
        index : of a batch of spectra, with a spectrum graph.
        tokens : (batch, peptides, slots) int64, all ``PAD`` where there are fewer.

        Returns
        -------
        tokens : (batch, kept, slots) int64.
        score : (batch, kept), falling, −inf where there are fewer.
        """
        rows = torch.arange(len(tokens), device=tokens.device).split(ROWS)
        found = [self._search(evidence, index.select(some), tokens[some]) for some in rows]
        best, scores = (torch.cat(parts) for parts in zip(*found, strict=True))
        return best, scores

    def _search(self, evidence: MassEvidence, index: SpectrumIndex, tokens: Tensor) -> tuple[Tensor, Tensor]:
        gains = self.neighbours.path.gains(evidence, index)
        score = self._scores(evidence, index, gains, tokens)
        fresh = score.isfinite()
        for _ in range(self.rounds):
            best = score.masked_fill(~fresh, -torch.inf).topk(min(_BASES, score.shape[1]), dim=1)
            bases = peptides_at(tokens, best.indices).masked_fill(~best.values.isfinite()[..., None], PAD)
            fresh = fresh.scatter(1, best.indices, False)
            new, _ = self.neighbours(bases, gains, index, _NEIGHBOURS)
            new = new.masked_fill(are_among(new, tokens)[..., None], PAD)
            found = self._scores(evidence, index, gains, new)
            score, kept = torch.cat([score, found], 1).topk(min(_KEPT, score.shape[1] + found.shape[1]), dim=1)
            tokens = peptides_at(torch.cat([tokens, new], 1), kept)
            fresh = torch.cat([fresh, found.isfinite()], 1).gather(1, kept)
        return tokens, score
