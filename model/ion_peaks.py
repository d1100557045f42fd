"""Peaks where ions should be, and how far off they lie: what the scores of peptides and of paths both read."""

from torch import Tensor

from data.chemistry import AMMONIA, CARBON_MONOXIDE, WATER
from model.evidence import MassEvidence, SpectrumIndex
from model.peak_lookup import strongest_within

LOSSES = ((0, CARBON_MONOXIDE), (0, WATER), (0, AMMONIA), (1, WATER), (1, AMMONIA))
"""Place of the series among ``ION_SERIES``, and what it loses, Da."""
ERROR_PPM = 20.0


def peaks_at(evidence: MassEvidence, index: SpectrumIndex, mz: Tensor) -> tuple[Tensor, Tensor]:
    """Heights at m/z, (batch, ...), and how far off the peaks lie in units of ``ERROR_PPM``; 0 where there is none."""
    query = mz.flatten(1)
    found = strongest_within(index.mz, index.intensity, query, evidence.tolerance_da_at(query))
    peak = index.mz.gather(1, found.position)
    error = ((peak - query) / query * (1e6 / ERROR_PPM)).masked_fill(found.value <= 0, 0.0)
    return found.value.view(mz.shape), error.view(mz.shape)
