"""The spectrum encoder: one token a peak, one for the precursor."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data.chemistry import neutral_mass
from model.conditions import Conditions
from model.layers import EncoderLayer, MassSinusoids
from model.settings import NetworkSettings
from model.spectra import Spectra


@dataclass
class EncodedSpectra:
    """Peaks and precursor as vectors.

    Attributes
    ----------
    tokens : (batch, 1 + peaks, width); the first is the precursor.
    mask : (batch, 1 + peaks) bool, true where there is a peak.
    """

    tokens: Tensor
    mask: Tensor

    def pooled(self) -> Tensor:
        """(batch, width), mean of the peaks' tokens, the precursor's left out."""
        peaks = self.mask[:, 1:, None]
        mean: Tensor = (self.tokens[:, 1:] * peaks).sum(1) / peaks.sum(1).clamp(min=1)
        return mean


class SpectrumEncoder(nn.Module):
    """m/z sinusoids and intensity of each peak, mass and conditions of the precursor, mixed by self-attention."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.width
        self.sinusoids = MassSinusoids(width)
        self.peak = nn.Linear(width, width)
        self.intensity = nn.Linear(1, width, bias=False)
        self.precursor = nn.Linear(width, width)
        self.conditions = Conditions(settings)
        self.layers = nn.ModuleList(EncoderLayer(width, settings.heads) for _ in range(settings.encoder_layers))
        self.norm = nn.RMSNorm(width)

    def forward(self, spectra: Spectra) -> EncodedSpectra:
        """Encode a batch of spectra."""
        present = spectra.mz.isfinite()
        peaks = self.peak(self.sinusoids(spectra.mz.masked_fill(~present, 0.0)))
        peaks = peaks + self.intensity(spectra.intensity[..., None])
        precursor = self.precursor(self.sinusoids(neutral_mass(spectra.precursor_mz, spectra.charge)))
        precursor = precursor + self.conditions(
            spectra.intensity,
            spectra.charge,
            spectra.instrument,
            spectra.fragmentation,
            spectra.collision_energy,
            spectra.noise_level,
        )
        x = torch.cat([precursor[:, None], peaks], 1)
        mask = torch.cat([torch.ones_like(present[:, :1]), present], 1)
        for layer in self.layers:
            x = layer(x, mask)
        return EncodedSpectra(self.norm(x), mask)
