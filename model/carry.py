"""The carry: a training batch whose rows have different ages, each replaced when solved or too old.

After TRM's training loop (Jolicoeur-Martineau 2025): a row keeps its answer and latent state between updates, so a
few steps with gradient an update are enough to train many steps of recursion.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.batches import LengthBalancedSampler, SpectrumSet
from data.peaks import PeakBatch
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import PAD, STOP
from model.evidence import SpectrumIndex
from model.recursion import Network, Spectra, State
from model.settings import StageSettings, TrainingSettings

GUIDE_LOGIT = 6.0
"""Logit of the correct token in the prefix that a guided row starts from: about 93% of 30 tokens."""


@dataclass
class Carry:
    """The rows under training.

    Attributes
    ----------
    spectra, index : of the rows; ``index`` is None for a network without evidence.
    target : (batch, slots) int64: tokens, one stop, padding.
    state : the recursion's memory of each row.
    finished : (batch,) bool: rows to replace before the next update.
    """

    spectra: Spectra
    index: SpectrumIndex | None
    target: Tensor
    state: State
    finished: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, for a checkpoint."""
        parts = {"spectra": self.spectra, "index": self.index, "state": self.state}
        named = {
            f"{part}.{f.name}": getattr(value, f.name)
            for part, value in parts.items()
            if value is not None
            for f in fields(value)
        }
        return named | {"target": self.target, "finished": self.finished}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Carry":
        """The inverse of ``tensors``."""

        def part(name: str) -> dict[str, Tensor]:
            return {key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{name}.")}

        index = part("index")
        return cls(
            Spectra(**part("spectra")),
            SpectrumIndex(**index) if index else None,
            tensors["target"],
            State(**part("state")),
            tensors["finished"],
        )


class RowSource:
    """Makes rows for the carry: a spectrum with fresh noise, and the state it starts from."""

    def __init__(
        self,
        spectra: SpectrumSet,
        network: Network,
        training: TrainingSettings,
        noise: NoiseSettings,
        preprocessing: PreprocessingSettings,
    ) -> None:
        self.spectra, self.network, self.training = spectra, network, training
        self.noise, self.preprocessing = noise, preprocessing
        self.sampler = LengthBalancedSampler(spectra.lengths)
        self.slots = min(network.settings.slots, spectra.tokens.shape[1] + 1)

    def rows(self, count: int, stage: StageSettings, rng: np.random.Generator, device: str) -> Carry:
        """``count`` new rows for a stage of the curriculum."""
        low, high = stage.noise_level
        level = np.where(rng.random(count) < stage.clean_share, 0.0, rng.uniform(low, high, count))
        rows = self.sampler.draw(count, rng)
        peaks, tokens = self.spectra.draw(rows, level, self.noise, self.preprocessing, rng)
        spectra = to_spectra(peaks, self.preprocessing.max_peaks, device)
        target = torch.full((count, self.slots), PAD, dtype=torch.int64)
        target[:, : tokens.shape[1]] = torch.from_numpy(tokens)
        target = target.to(device)
        return Carry(
            spectra,
            self.network.index(spectra),
            target,
            self._first_state(target, rng),
            torch.zeros(count, dtype=torch.bool, device=device),
        )

    def replace(self, carry: Carry, stage: StageSettings, rng: np.random.Generator) -> None:
        """Put new rows in the place of the finished ones."""
        places = carry.finished.nonzero()[:, 0]
        if len(places) == 0:
            return
        new = self.rows(len(places), stage, rng, str(carry.target.device)).tensors()
        for name, tensor in carry.tensors().items():
            tensor[places] = new[name]

    def _first_state(self, target: Tensor, rng: np.random.Generator) -> State:
        """The empty answer, or for guided rows a correct prefix of random length, as old as it takes to find it.

        So the network learns to extend a correct prefix of any length before it can make one of its own.
        """
        count = len(target)
        state = self.network.start(count, self.slots)
        length = (target > STOP).sum(1)
        guided = torch.from_numpy(rng.random(count) < self.training.guided_share).to(target.device)
        share = torch.from_numpy(rng.random(count)).to(target.device)
        known = ((length + 1) * share).long() * guided
        here = torch.arange(self.slots, device=target.device) < known[:, None]
        answer = torch.nn.functional.one_hot(target, state.answer.shape[-1]) * here[..., None] * GUIDE_LOGIT
        youngest = self.training.max_age - self.training.steps_per_update
        return State(answer.float(), state.latent.clone(), known.clamp(max=youngest))


def to_spectra(peaks: PeakBatch, columns: int, device: str) -> Spectra:
    """Preprocessed peaks as tensors, padded or cut to so many columns."""

    def fit(values: NDArray[np.float64] | NDArray[np.float32], padding: float) -> Tensor:
        fitted = np.full((len(values), columns), padding, values.dtype)
        width = min(columns, values.shape[1])
        fitted[:, :width] = values[:, :width]
        return torch.from_numpy(fitted).to(device)

    return Spectra(
        fit(peaks.mz, np.inf),
        fit(peaks.intensity, 0.0),
        torch.from_numpy(np.asarray(peaks.precursor_mz, np.float64)).to(device),
        torch.from_numpy(np.asarray(peaks.charge, np.int64)).to(device),
    )
