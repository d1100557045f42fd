"""Peaks where ions should be, how far off they lie, and how they are read: what scores of peptides and paths see."""

from typing import NamedTuple

from torch import Tensor

from data.chemistry import AMMONIA, CARBON_MONOXIDE, WATER
from model.evidence import MassEvidence, SpectrumIndex
from model.peak_lookup import strongest_within

LOSSES = ((0, CARBON_MONOXIDE), (0, WATER), (0, AMMONIA), (1, WATER), (1, AMMONIA))
"""Place of the series among ``ION_SERIES``, and what it loses, Da."""
_LOGIT_SCALE = 4.0


class IonPeaks(NamedTuple):
    """Peaks at m/z, each (batch, ...).

    Attributes
    ----------
    height : 0 where there is none.
    error : how far off the peak lies, in units of the tolerance; 0 where there is none.
    position : of the peak in its spectrum.
    """

    height: Tensor
    error: Tensor
    position: Tensor


def peaks_at(evidence: MassEvidence, index: SpectrumIndex, mz: Tensor) -> IonPeaks:
    """The strongest peaks within the tolerance of m/z, (batch, ...), that the accuracy of the spectrum asks for."""
    query = mz.flatten(1)
    tolerance_da = evidence.narrow_da_at(query, index.deviation_ppm)
    found = strongest_within(index.mz, index.intensity, query, tolerance_da)
    peak = index.mz.gather(1, found.position)
    error = ((peak - query) / tolerance_da).masked_fill(found.value <= 0, 0.0)
    return IonPeaks(found.value.view(mz.shape), error.view(mz.shape), found.position.view(mz.shape))


def readings_at(index: SpectrumIndex, peaks: IonPeaks) -> tuple[Tensor, Tensor]:
    """How the graph reads the peaks of ions, (batch, ..., series) in the order of ``ION_SERIES``.

    Returns
    -------
    reading : logit that the peak is this ion, of what lies around it, scaled; 0 where there is no peak.
    elsewhere : probability that the peak is another ion.
    """
    there = peaks.height > 0
    position = peaks.position.flatten(1, -2).mT
    reading, elsewhere = (
        of.gather(2, position).mT.reshape(there.shape) * there for of in (index.reading, index.elsewhere)
    )
    return reading / _LOGIT_SCALE, elsewhere
