"""Measured heights: how high the ions of a peptide stand in one spectrum, from MS2PIP's prediction on.

Instruments and collision energies differ: where a spectrum is broken harder, all its large fragments are low. How hard
shows in the spectrum whatever its peptide, in where its intensity lies. A small network is given that, the heights
that MS2PIP and `model.fragmentation` tell, and the residues around; it says by what factor each ion is off MS2PIP's
height. Fitted by ``python -m benchmarks.measured_heights``.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.chemistry import ION_SERIES, PROTON
from data.vocabulary import PAD
from model.evidence import SpectrumIndex
from model.fragmentation import INPUTS, MEASURED, PREDICTED

WEIGHTS_FILE = Path(__file__).with_suffix(".safetensors")

_LOW_MZ, _BORDERS = 250.0, (0.25, 0.7)
"""Th; shares of the peptide's mass."""
CONDITIONS = 2 * 5 + 5
_WIDTH = 64
_REACH = (5, 3)
_LEAST_HEIGHT = 0.02
_FARTHEST = 3.0
_DROPPED = 0.5


def conditions(index: SpectrumIndex) -> Tensor:
    """(batch, CONDITIONS) float32: where the intensity of spectra lies, how it is spread, and over what mass."""
    there = index.intensity > 0
    mz, mass = index.mz.masked_fill(~there, 0.0), index.peptide_mass[:, None].float()
    precursor = mass / index.charge[:, None] + PROTON
    masks = (mz > precursor, mz < _LOW_MZ, mz < _BORDERS[0] * mass, mz > _BORDERS[1] * mass)
    places = [mz / mass, *(mask.float() for mask in masks)]
    root, linear = (
        height / height.sum(1, keepdim=True).clamp(min=1e-9)
        for height in (index.intensity.float(), index.intensity.float().square())
    )
    lowest = index.mz.masked_fill(~there, torch.inf).amin(1)
    spread = [-(share.clamp(min=1e-12).log() * share).sum(1) for share in (root, linear)]
    return torch.stack(
        [
            *((share * place).sum(1) for share in (root, linear) for place in places),
            *spread,
            lowest.nan_to_num(0.0, 0.0, 0.0) / 100,
            mass[:, 0] / 2000,
            precursor[:, 0] / 1000,
        ],
        1,
    )


class MeasuredHeights(nn.Module):
    """Expected intensities of the ions of peptides as a given spectrum should show them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CONDITIONS))
        self.register_buffer("deviation", torch.ones(CONDITIONS))
        seen = INPUTS + 2 * len(ION_SERIES) + CONDITIONS
        self.before = nn.Conv1d(seen, _WIDTH, _REACH[0], padding=_REACH[0] // 2)
        self.between = nn.Conv1d(_WIDTH, _WIDTH, _REACH[1], padding=_REACH[1] // 2)
        self.factor = nn.Linear(2 * _WIDTH + seen, len(ION_SERIES))
        nn.init.zeros_(self.factor.weight)
        nn.init.zeros_(self.factor.bias)
        self.drop = nn.Dropout(_DROPPED)

    def forward(self, tokens: Tensor, inputs: Tensor, heights: Tensor, condition: Tensor) -> Tensor:
        """Root intensities up to a factor of each peptide.

        Parameters
        ----------
        tokens : (batch, slots) int64, ``PAD`` behind the peptide.
        inputs : (batch, slots, INPUTS), as `Fragmentation.inputs`.
        heights : (sources, batch, slots, series), as `model.expected_heights` tells them without the spectrum.
        condition : (batch, CONDITIONS), of the spectrum.

        Returns
        -------
        (batch, slots, series) float32.
        """
        is_token = (tokens != PAD).float()[..., None]
        condition = ((condition - self.mean) / self.deviation).clamp(-_FARTHEST, _FARTHEST)
        logarithms = [((heights[source] + _LEAST_HEIGHT).log() + 2) / 2 for source in (PREDICTED, MEASURED)]
        seen = torch.cat([inputs, *logarithms, condition[:, None].expand(-1, inputs.shape[1], -1)], -1) * is_token
        hidden = functional.gelu(self.before(seen.mT)) * is_token.mT
        hidden = self.drop((hidden + functional.gelu(self.between(self.drop(hidden)))).mT * is_token)
        behind = functional.pad(hidden[:, 1:], (0, 0, 0, 1))
        factor = self.factor(torch.cat([hidden, behind, seen], -1))
        found: Tensor = (heights[PREDICTED] + _LEAST_HEIGHT) * factor.exp()
        return found
