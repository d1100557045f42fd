"""The final score: how well each of the few peptides among which an answer is chosen explains the spectrum.

A match score (`model.match_score`) that knows MS2PIP's own heights, and how high ions stand in this very spectrum
(`model.expected_heights`), and of each ion by what factor it is off them. Noise and what no predictor knows move
heights by factors; an ion that is missing speaks against a peptide by how high it should stand. It also sees what sets
each peptide apart from the others (`model.rivals`). Fitted by ``python -m benchmarks.final_score``, from the weights of
the match score on.
"""

from pathlib import Path

import torch
from torch import Tensor

from data.chemistry import ION_SERIES
from data.vocabulary import Vocabulary
from model.evidence import MassEvidence, SpectrumIndex
from model.expected_heights import ExpectedHeights
from model.match_score import HEIGHTS, POSTERIOR, SLOT_FEATURES, WHOLE_FEATURES, MatchScore
from model.rivals import RIVAL_FEATURES, beside_mean, beside_rivals

WEIGHTS_FILE = Path(__file__).with_suffix(".safetensors")

_OFF_FEATURES = 4 * len(ION_SERIES)
_LEAST_HEIGHT = 0.01
"""Root intensity, beside which less is nothing."""
_FARTHEST = 3.0
_ABSENCE_SCALE = 2.0


class FinalScore(MatchScore):
    """Scores of peptides, to be compared among those of one spectrum.

    Parameters
    ----------
    vocabulary : whose tokens peptides consist of.
    """

    slot_features = SLOT_FEATURES + _OFF_FEATURES + RIVAL_FEATURES
    whole_features = 2 * WHOLE_FEATURES
    expected: ExpectedHeights

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary, ExpectedHeights(vocabulary))

    def heights(self, index: SpectrumIndex, tokens: Tensor) -> Tensor:
        """(sources, batch, peptides, slots, series): those that are expected of the ions in these spectra."""
        return self.expected.in_spectra(index, tokens)

    def off_expected(self, height: Tensor, expected: Tensor, asked: Tensor) -> list[Tensor]:
        """By what factor each ion is higher than expected, and how high each that is missing should be; logarithms."""
        there, features = height > 0, []
        for source in expected:
            over = source + _LEAST_HEIGHT
            factor = ((height + _LEAST_HEIGHT) / over).log().clamp(-_FARTHEST, _FARTHEST)
            missing = (over / _LEAST_HEIGHT).log() / _ABSENCE_SCALE
            features += [factor * (asked & there), missing * (asked & ~there)]
        return features

    def beside_others(
        self, evidence: MassEvidence, tokens: Tensor, slot: Tensor, whole: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What sets each peptide apart, and the features of the whole less their mean; shapes as `features`."""
        rivals = beside_rivals(evidence, tokens, slot[..., HEIGHTS], slot[..., POSTERIOR])
        return torch.cat([slot, rivals.float()], -1), torch.cat([whole, beside_mean(whole, tokens)], -1)


def fitted_final_score(vocabulary: Vocabulary) -> FinalScore:
    """The score with the weights of the package, fitted by ``python -m benchmarks.final_score``."""
    return FinalScore(vocabulary).with_weights(WEIGHTS_FILE)
