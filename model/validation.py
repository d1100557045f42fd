"""Validation during training: token accuracy after each refinement step."""

import numpy as np
import torch

from data.batches import SpectrumSet
from data.preprocessing import preprocess
from data.settings import PreprocessingSettings
from data.vocabulary import PAD
from model.carry import to_spectra
from model.recursion import Network

_BATCH = 128


@torch.no_grad()
def accuracy_by_step(
    network: Network, spectra: SpectrumSet, preprocessing: PreprocessingSettings, steps: int, device: str
) -> tuple[list[float], float]:
    """Share of right tokens (residues and the stop) after each step, and of whole peptides after the last."""
    network.eval()
    right, wanted, solved = np.zeros(steps), 0, 0
    for first in range(0, len(spectra), _BATCH):
        rows = np.arange(first, min(first + _BATCH, len(spectra)))
        part = spectra.select(rows)
        peaks = to_spectra(preprocess(part.peaks, preprocessing), preprocessing.max_peaks, device)
        target = torch.from_numpy(part.tokens).to(device)
        encoded = network.encode(peaks)
        state = network.start(len(rows), min(network.settings.slots, target.shape[1] + 1))
        for step in range(steps):
            state = network(encoded, state)
            equal = state.answer.argmax(-1)[:, : target.shape[1]] == target
            right[step] += int((equal & (target != PAD)).sum())
        wanted += int((target != PAD).sum())
        solved += int((equal | (target == PAD)).all(1).sum())
    return [float(count / wanted) for count in right], solved / len(spectra)
