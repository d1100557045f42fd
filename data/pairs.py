"""Measured spectra and the predictions of the same peptides, row by row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.peaks import PeakBatch


@dataclass(frozen=True)
class Pairs:
    """Measured spectra, each with the prediction of its peptide.

    Attributes
    ----------
    measured, predicted : the same rows.
    tokens : (rows, slots), padded with 0.
    """

    measured: PeakBatch
    predicted: PeakBatch
    tokens: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tokens)

    def select(self, rows: NDArray[np.int64]) -> "Pairs":
        """Some of the rows."""
        return Pairs(self.measured.select(rows), self.predicted.select(rows), self.tokens[rows])
