"""The heights that are expected of the ions of the few peptides among which an answer is chosen.

`model.fragmentation` is quick enough for every peptide that a search compares. For the last few MS2PIP itself is asked
(Degroeve & Martens 2013), half a millisecond each: two peptides that differ in the order of two residues differ in few
heights, which a small network tells too roughly. Where MS2PIP is not installed, and for peptides that it does not know,
the small network's heights stand in. How high they stand in one spectrum `model.measured_heights` tells.
"""

import numpy as np
import torch
from torch import Tensor

from data.fragment_intensity import LONGEST, SHORTEST, installed_predictor
from data.vocabulary import GAP, Vocabulary
from model.evidence import SpectrumIndex
from model.fragmentation import MEASURED, PREDICTED, WEIGHTS_FILE, Fragmentation
from model.measured_heights import WEIGHTS_FILE as MEASURED_WEIGHTS_FILE
from model.measured_heights import MeasuredHeights, conditions
from model.tensor_file import fitted_weights


class ExpectedHeights(Fragmentation):
    """Expected intensities of the ions of peptides; those that MS2PIP predicts are its own.

    Parameters
    ----------
    vocabulary : whose tokens peptides consist of.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self.load_state_dict(fitted_weights(WEIGHTS_FILE))
        self.measured = MeasuredHeights()
        self.measured.load_state_dict(fitted_weights(MEASURED_WEIGHTS_FILE))
        self.eval().requires_grad_(False)
        self._letters = [token.residue for token in vocabulary.tokens]

    def forward(self, tokens: Tensor, charge: Tensor) -> Tensor:
        """Root intensities, as `Fragmentation`, in single precision whatever the network's."""
        with torch.autocast(tokens.device.type, enabled=False):
            expected = super().forward(tokens, charge)
        predictor = installed_predictor("the heights of ions are told by the small network alone")
        if predictor is None:
            return expected
        has_gap = (tokens == GAP).any(1).tolist()
        letters = ("".join(self._letters[number] for number in row) for row in tokens.tolist())
        known = {
            row: peptide
            for row, peptide in enumerate(letters)
            if SHORTEST <= len(peptide) <= LONGEST and not has_gap[row]
        }
        if not known:
            return expected
        rows = list(known)
        shares = predictor.predict(list(known.values()), charge[rows].tolist())
        ends = np.cumsum([len(peptide) - 1 for peptide in known.values()])
        heights = np.zeros((len(rows), *expected.shape[2:]), np.float32)
        # rounding makes some predictions less than nothing
        for place, own in enumerate(np.split(np.sqrt(shares.clip(0)), ends[:-1])):
            first = int(tokens[rows[place]].count_nonzero()) - len(known[rows[place]])  # behind a terminal modification
            heights[place, first : first + len(own)] = own
        expected[PREDICTED, rows] = torch.from_numpy(heights).to(expected.device)
        return expected

    def in_spectra(self, index: SpectrumIndex, tokens: Tensor) -> Tensor:
        """Root intensities of the ions of peptides as these spectra should show them.

        Parameters
        ----------
        tokens : (batch, peptides, slots) int64, all ``PAD`` where there are fewer.

        Returns
        -------
        (sources, batch, peptides, slots, series) float32, ``PREDICTED`` and ``MEASURED``.
        """
        peptides, flat = tokens.shape[1], tokens.flatten(0, 1)
        charge = index.charge.repeat_interleave(peptides)
        heights = self(flat, charge)
        with torch.autocast(tokens.device.type, enabled=False):
            condition = conditions(index).repeat_interleave(peptides, 0)
            heights[MEASURED] = self.measured(flat, self.inputs(flat, charge), heights, condition)
        found: Tensor = heights.view(len(heights), *tokens.shape, -1)
        return found
