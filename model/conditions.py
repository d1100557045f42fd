"""What the precursor token is told beside the mass: charge, instrument, fragmentation, collision energy, quality."""

import torch
from torch import Tensor, nn

from data.activation import KINDS
from data.instruments import FAMILIES
from model.settings import NetworkSettings

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

QUALITY_FEATURES = len(_QUANTILES) + 2

_ENERGY_SCALE = 100.0
_USUAL_PEAKS = 100.0


class Conditions(nn.Module):
    """Sum of the embeddings that the settings ask for; (batch, width)."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        if settings.condition_on_charge:
            self.charge = nn.Embedding(settings.max_charge + 1, width)
        if settings.condition_on_instrument:
            self.instrument = nn.Embedding(len(FAMILIES), width)
        if settings.condition_on_fragmentation:
            self.fragmentation = nn.Embedding(len(KINDS), width)
        if settings.condition_on_collision_energy:
            self.collision_energy = nn.Linear(2, width)
        if settings.quality != "none":
            features = QUALITY_FEATURES if settings.quality == "estimated" else 2
            self.quality = nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Linear(width, width))

    def forward(
        self,
        intensity: Tensor,
        charge: Tensor,
        instrument: Tensor,
        fragmentation: Tensor,
        collision_energy: Tensor,
        noise_level: Tensor,
    ) -> Tensor:
        """Embed.

        Parameters
        ----------
        intensity : (batch, peaks) float32, padded with 0.
        charge, instrument, fragmentation : (batch,) int64.
        collision_energy, noise_level : (batch,) float32, NaN where unknown.
        """
        embedded = intensity.new_zeros(len(charge), self.settings.width)
        if self.settings.condition_on_charge:
            embedded = embedded + self.charge(charge.clamp(max=self.settings.max_charge))
        if self.settings.condition_on_instrument:
            embedded = embedded + self.instrument(instrument)
        if self.settings.condition_on_fragmentation:
            embedded = embedded + self.fragmentation(fragmentation)
        if self.settings.condition_on_collision_energy:
            embedded = embedded + self.collision_energy(_with_known(collision_energy / _ENERGY_SCALE))
        if self.settings.quality == "estimated":
            embedded = embedded + self.quality(quality_features(intensity))
        elif self.settings.quality == "true":
            embedded = embedded + self.quality(_with_known(noise_level))
        return embedded


def quality_features(intensity: Tensor) -> Tensor:
    """What the peaks themselves say of the noise: how many there are, and how their intensities are distributed.

    Parameters
    ----------
    intensity : (batch, peaks), padded with 0.

    Returns
    -------
    (batch, QUALITY_FEATURES): peaks per 100, entropy of the intensities over that of equal ones, quantiles.
    """
    present = intensity > 0
    count = present.sum(1)
    share = intensity / intensity.sum(1, keepdim=True).clamp(min=1e-9)
    entropy = torch.special.entr(share).sum(1) / count.clamp(min=2).log()
    ascending = intensity.masked_fill(~present, torch.inf).sort(1).values
    position = torch.stack([((count - 1).clamp(min=0) * q).round().long() for q in _QUANTILES], 1)
    quantiles = ascending.gather(1, position).masked_fill((count == 0)[:, None], 0.0)
    return torch.cat([(count / _USUAL_PEAKS)[:, None], entropy[:, None], quantiles], 1)


def _with_known(value: Tensor) -> Tensor:
    """(batch,) with NaN where unknown to (batch, 2): the value or 0, and whether it is known."""
    known = ~value.isnan()
    return torch.stack([value.nan_to_num(0.0), known.to(value.dtype)], 1)
