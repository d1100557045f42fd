"""How accurate the m/z of a spectrum are, told from the spectrum alone.

Peaks that lie a residue or an isotope apart do so by as much as their errors allow, all others by chance: the distances
from the nearest such step are a mixture of a normal and a uniform distribution, whose deviation is found by maximum
likelihood on a grid.
"""

import torch
from torch import Tensor

from data.chemistry import ISOTOPE_SPACING

DEVIATIONS_PPM = (0.7, 1.0, 1.5, 2.2, 3.3, 5.0, 7.5, 11.0, 16.0)
_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
"""Of the pairs whose steps are no chance."""
_WIDEST_PPM = 50.0
_STRONGEST = 50
"""Peaks that are compared."""
_TENABLE = 1.0
"""Of several deviations whose log-likelihoods differ by less the largest is taken: ions that are missed cost more."""
_ROWS = 32


@torch.no_grad()
def peak_deviation_ppm(mz: Tensor, intensity: Tensor, charge: Tensor, residues: Tensor) -> Tensor:
    """Standard deviations of the m/z of spectra; of one whose peaks tell nothing the largest.

    Parameters
    ----------
    mz : (batch, peaks) float64, Th, padded with +inf.
    intensity : (batch, peaks) float32, padded with 0.
    charge : (batch,) int64, of the precursor.
    residues : (residues,) float64, Da.

    Returns
    -------
    (batch,) float32, ppm, among ``DEVIATIONS_PPM``.
    """
    height, place = intensity.topk(min(_STRONGEST, intensity.shape[1]), dim=1)
    mz = mz.gather(1, place).masked_fill(height <= 0, 0.0)
    steps = torch.cat([residues.new_tensor([ISOTOPE_SPACING]), residues]).sort().values
    parts = zip(mz.split(_ROWS), charge.split(_ROWS), strict=True)
    return torch.cat([_deviation(*part, steps) for part in parts])


def _deviation(mz: Tensor, charge: Tensor, steps: Tensor) -> Tensor:
    there = ((mz[:, :, None] > 0) & (mz[:, None] > 0)).flatten(1)
    step = (mz[:, :, None] - mz[:, None]).flatten(1)
    scale = (mz[:, :, None].square() + mz[:, None].square()).sqrt().flatten(1).clamp(min=1e-3) * 1e-6
    found, kept = [], []
    for number in (1, 2):
        right = torch.searchsorted(steps / number, step).clamp(1, len(steps) - 1)
        off = torch.minimum((step - steps[right - 1] / number).abs(), (steps[right] / number - step).abs()) / scale
        found.append(off)
        kept.append(there & (off < _WIDEST_PPM) & (charge >= number)[:, None])
    off, is_pair = torch.cat(found, 1), torch.cat(kept, 1)
    share, every = off.new_tensor(_SHARES), off.new_tensor(DEVIATIONS_PPM)
    row, place = is_pair.nonzero(as_tuple=True)
    normal = (-0.5 * (off[row, place, None] / every).square()).exp() / (every * (2 * torch.pi) ** 0.5)
    mixture = share * normal[..., None] + (1 - share) / (2 * _WIDEST_PPM)
    likelihood = mixture.new_zeros(len(mz), *mixture.shape[1:]).index_add(0, row, mixture.log()).amax(2)
    tenable = likelihood >= likelihood.amax(1, keepdim=True) - _TENABLE
    largest: Tensor = (every * tenable).amax(1).float()
    return largest
