"""The residual spectrum encoder: what the current answer leaves unexplained, read by a small convolution."""

import torch
from torch import Tensor, nn

from data.chemistry import ION_SERIES, fragment_mz
from model.evidence import SpectrumIndex
from model.hypothesis import Hypothesis

BIN_TH = 0.5
HIGHEST_MZ = 2000.0
BINS = int(HIGHEST_MZ / BIN_TH)

_CHANNELS = (32, 64, 64)
_KERNELS = (9, 9, 7)
_STRIDE = 4


@torch.no_grad()
def residual_spectrum(index: SpectrumIndex, hypothesis: Hypothesis) -> Tensor:
    """Observed minus rendered spectrum in hard bins of 0.5 Th up to 2,000 Th; no gradient passes.

    The observed intensity that no ion of the hypothesis explains is positive in the first channel; the ions of the
    hypothesis where nothing was observed are 1 in the second.

    Returns
    -------
    (batch, 2, BINS) float32.
    """
    observed = index.mz.new_zeros(len(index.mz), BINS + 1)
    observed.scatter_add_(1, _bin(index.mz), index.intensity)
    rendered = torch.zeros_like(observed)
    cleavage = hypothesis.prefix_mass + hypothesis.mass
    inner = hypothesis.tokens > 0
    inner[:, :-1] &= hypothesis.tokens[:, 1:] > 0
    for series in ION_SERIES:
        mz = fragment_mz(cleavage, index.peptide_mass[:, None], series)
        seen = inner & (index.fragment_charge >= series.charge)[:, None]
        rendered.scatter_(1, _bin(mz.masked_fill(~seen, torch.inf).float()), 1.0)
    return torch.stack([observed * (1 - rendered), rendered * (observed == 0)], 1)[..., :BINS]


def _bin(mz: Tensor) -> Tensor:
    """The bin of each m/z; the one behind the last for all beyond the range."""
    outside = (mz < 0) | (mz >= HIGHEST_MZ)
    return (mz.masked_fill(outside, HIGHEST_MZ) / BIN_TH).long()


class ResidualEncoder(nn.Module):
    """Three strided convolutions and the strongest response of each channel; about 50,000 weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 2
        for out, kernel in zip(_CHANNELS, _KERNELS, strict=True):
            layers += [nn.Conv1d(channels, out, kernel, _STRIDE, kernel // 2), nn.GELU()]
            channels = out
        self.convolutions = nn.Sequential(*layers, nn.AdaptiveMaxPool1d(1), nn.Flatten())
        self.out = nn.Linear(channels, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, residual: Tensor) -> Tensor:
        """(batch, 2, BINS) to (batch, width)."""
        read: Tensor = self.out(self.convolutions(residual))
        return read
