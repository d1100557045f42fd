"""Validation: how the recursion refines its answers on easy (clean) and hard (noisy) spectra."""

import numpy as np
import torch

from data.batches import SpectrumSet
from data.noise import add_noise
from data.preprocessing import preprocess
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import PAD, STOP
from model.recursion import Network
from model.refinement import Refinement, RefinementTracker
from model.spectra import to_spectra

_BATCH = 128


def with_noise(spectra: SpectrumSet, noise: NoiseSettings, rng: np.random.Generator) -> SpectrumSet:
    """The spectra with noise of level 1, drawn once, so that every validation sees the same."""
    peptides = np.where(spectra.tokens > STOP, spectra.tokens, PAD)
    return SpectrumSet(add_noise(spectra.peaks, peptides, noise, np.ones(len(spectra)), rng), spectra.tokens)


@torch.no_grad()
def refinement(
    network: Network, spectra: SpectrumSet, preprocessing: PreprocessingSettings, steps: int, device: str
) -> Refinement:
    """Run the recursion and follow its answers from step to step."""
    network.eval()
    tracker = RefinementTracker(steps)
    for first in range(0, len(spectra), _BATCH):
        part = spectra.select(np.arange(first, min(first + _BATCH, len(spectra))))
        peaks = to_spectra(preprocess(part.peaks, preprocessing), preprocessing.max_peaks, device)
        target = torch.from_numpy(part.tokens).to(device)
        encoded = network.encode(peaks)
        state = network.begin(encoded.index, min(network.settings.slots, target.shape[1] + 1))
        answers = []
        for _ in range(steps):
            state = network(encoded, state)
            answers.append(state.answer[:, : target.shape[1]])
        tracker.add(answers, target)
    return tracker.result()
