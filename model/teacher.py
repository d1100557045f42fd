"""The teacher: a trained network whose answers a smaller one learns from, beside the truth.

After Hinton, Vinyals & Dean 2015 (arXiv:1503.02531), at temperature 1: where the spectrum leaves two residues open, the
teacher says how open.
"""

from pathlib import Path

import torch
from torch import Tensor

from model.checkpoint import load_network
from model.spectra import Spectra


class Teacher:
    """A network that is not trained any more."""

    def __init__(self, folder: Path, device: str) -> None:
        self.network = load_network(folder)[0].to(device).eval()

    @torch.no_grad()
    def probabilities(self, spectra: Spectra, slots: int) -> Tensor:
        """(batch, slots, tokens) float32, of each token after the steps that the network takes by default."""
        encoded = self.network.encode(spectra)
        state = self.network.begin(encoded.index, slots)
        for _ in range(self.network.settings.steps):
            state = self.network(encoded, state)
        return state.answer.softmax(-1)
