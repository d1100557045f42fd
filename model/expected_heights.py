"""The heights that are expected of the ions of the few peptides among which an answer is chosen.

`model.fragmentation` is quick enough for every peptide that a search compares. For the last few MS2PIP itself is asked
(Degroeve & Martens 2013), half a millisecond each: two peptides that differ in the order of two residues differ in few
heights, which a small network tells too roughly. Where MS2PIP is not installed, and for peptides that it does not know,
the small network's heights stand in.
"""

import logging
from functools import cache

import numpy as np
import torch
from torch import Tensor

from data.chemistry import ION_SERIES
from data.errors import PepTRMError
from data.fragment_intensity import LONGEST, SHORTEST, IntensityPredictor
from data.vocabulary import GAP, Vocabulary
from model.fragmentation import PREDICTED, fitted

log = logging.getLogger(__name__)

_MODEL = "HCDch2"


class ExpectedHeights:
    """Expected intensities of the ions of peptides, by source.

    Parameters
    ----------
    vocabulary : whose tokens peptides consist of.
    device : of the tokens.
    """

    def __init__(self, vocabulary: Vocabulary, device: torch.device) -> None:
        self.fragmentation = fitted(vocabulary).to(device)
        self._letters = [token.residue for token in vocabulary.tokens]

    def __call__(self, tokens: Tensor, charge: Tensor) -> Tensor:
        """Root intensities, each source's up to a factor of each peptide.

        Parameters
        ----------
        tokens : (batch, slots) int64, ``PAD`` behind the peptide.
        charge : (batch,) int64, of the precursor.

        Returns
        -------
        (sources, batch, slots, series) float32, as `model.fragmentation.Fragmentation`.
        """
        expected: Tensor = self.fragmentation(tokens, charge)
        predictor = _installed()
        if predictor is None:
            return expected
        peptides = ["".join(self._letters[number] for number in row) for row in tokens.tolist()]
        has_gap = (tokens == GAP).any(1).tolist()
        known = [
            row for row, peptide in enumerate(peptides) if SHORTEST <= len(peptide) <= LONGEST and not has_gap[row]
        ]
        if not known:
            return expected
        shares = predictor.predict([peptides[row] for row in known], charge[known].tolist())
        heights = np.zeros((len(known), *expected.shape[2:]), np.float32)
        for place, (row, own) in enumerate(zip(known, _split(shares, [peptides[row] for row in known]), strict=True)):
            first = int(tokens[row].count_nonzero()) - len(peptides[row])  # behind a terminal modification
            heights[place, first : first + len(own)] = own
        expected[PREDICTED, known] = torch.from_numpy(heights).to(expected.device)
        return expected


def _split(shares: np.ndarray, peptides: list[str]) -> list[np.ndarray]:
    """Root intensities of each peptide, (cleavages, series); rounding makes some predictions less than nothing."""
    return np.split(np.sqrt(shares.clip(0)), np.cumsum([len(peptide) - 1 for peptide in peptides])[:-1])


@cache
def _installed() -> IntensityPredictor | None:
    """MS2PIP's model of beam-type fragmentation, where it is installed."""
    try:
        predictor = IntensityPredictor(_MODEL)
    except PepTRMError as error:
        log.warning("the heights of ions are told by the small network alone: %s", error)
        return None
    assert len(predictor.series) == len(ION_SERIES)
    return predictor
