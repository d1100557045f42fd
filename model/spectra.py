"""A batch of spectra as tensors: what the network reads."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.peaks import PeakBatch


@dataclass
class Spectra:
    """A batch of preprocessed spectra.

    Attributes
    ----------
    mz : (batch, peaks) float64, Th, ascending, padded with +inf.
    intensity : (batch, peaks) float32, base peak = 1, padded with 0.
    precursor_mz : (batch,) float64, Th.
    charge : (batch,) int64.
    collision_energy : (batch,) float32, NCE, NaN where unknown.
    instrument : (batch,) int64, position in ``data.instruments.FAMILIES``.
    noise_level : (batch,) float32, 0…1, NaN where unknown.
    fragmentation : (batch,) int64, position in ``data.activation.KINDS``.
    """

    mz: Tensor
    intensity: Tensor
    precursor_mz: Tensor
    charge: Tensor
    collision_energy: Tensor
    instrument: Tensor
    noise_level: Tensor
    fragmentation: Tensor

    def __len__(self) -> int:
        return len(self.charge)

    def select(self, rows: Tensor) -> "Spectra":
        """The spectra of these rows."""
        return Spectra(*(getattr(self, field.name)[rows] for field in fields(self)))


def to_spectra(peaks: PeakBatch, columns: int, device: str) -> Spectra:
    """The batch as tensors with a fixed number of peak columns."""

    def fit(values: NDArray[np.floating], fill: float) -> Tensor:
        fitted = np.full((len(values), columns), fill, values.dtype)
        width = min(columns, values.shape[1])
        fitted[:, :width] = values[:, :width]
        return torch.from_numpy(fitted).to(device)

    rest = {
        field.name: torch.from_numpy(np.ascontiguousarray(getattr(peaks, field.name))).to(device)
        for field in fields(peaks)
        if field.name not in ("mz", "intensity")
    }
    return Spectra(mz=fit(peaks.mz, np.inf), intensity=fit(peaks.intensity, 0.0), **rest)
