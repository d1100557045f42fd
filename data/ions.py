"""The b and y ions of one peptide, and the peaks that they explain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.chemistry import ION_SERIES, WATER, fragment_mz


@dataclass(frozen=True, slots=True)
class Ion:
    """A backbone fragment.

    Attributes
    ----------
    name : ``b3``, ``y7++``.
    cleavage : residues before the cleavage.
    series : position in `data.chemistry.ION_SERIES`.
    mz : Th.
    """

    name: str
    cleavage: int
    series: int
    mz: float


@dataclass(frozen=True, slots=True)
class ExplainedPeak:
    """A peak and the ion that explains it.

    Attributes
    ----------
    peak : position in the peak list.
    error_ppm : of the peak against the ion.
    """

    peak: int
    ion: Ion
    error_ppm: float


def backbone_ions(
    masses: Sequence[float] | NDArray[np.float64],
    precursor_charge: int,
    *,
    has_terminal: bool,
    peptide_mass: float | None = None,
) -> list[Ion]:
    """The ions of a peptide; a fragment carries no more protons than its precursor.

    Parameters
    ----------
    masses : (tokens,) Da.
    has_terminal : the first token is an N-terminal modification, behind which nothing is cleaved.
    peptide_mass : Da, from which the y ions are counted; None: the sum of the masses and water.
    """
    first = int(has_terminal)
    prefix = np.cumsum(masses)[first:-1]
    residues = len(masses) - first
    total = float(np.sum(masses)) + WATER if peptide_mass is None else peptide_mass
    return [
        Ion(
            f"{series.name[0]}{place if series.terminus == 'N' else residues - place}{series.name[1:]}",
            place,
            number,
            float(mz),
        )
        for number, series in enumerate(ION_SERIES)
        if series.charge <= precursor_charge
        for place, mz in enumerate(fragment_mz(prefix, total, series), start=1)
        if mz > 0
    ]


def explained_peaks(
    ions: Sequence[Ion], mz: NDArray[np.float64], tolerance_da_at: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> list[ExplainedPeak]:
    """The peaks that ions explain, by ascending m/z: the nearest peak of an ion, the nearest ion of a peak.

    Parameters
    ----------
    mz : (peaks,) Th, ascending.
    tolerance_da_at : how far a peak may lie from each m/z, Da.
    """
    if not len(mz) or not ions:
        return []
    ion_mz = np.array([ion.mz for ion in ions])
    right = np.searchsorted(mz, ion_mz).clip(0, len(mz) - 1)
    left = (right - 1).clip(0)
    nearest = np.where(np.abs(mz[left] - ion_mz) <= np.abs(mz[right] - ion_mz), left, right)
    distance = np.abs(mz[nearest] - ion_mz)
    best: dict[int, int] = {}
    for place in np.flatnonzero(distance <= tolerance_da_at(ion_mz)).tolist():
        peak = int(nearest[place])
        if peak not in best or distance[place] < distance[best[peak]]:
            best[peak] = place
    return [
        ExplainedPeak(peak, ions[place], float((mz[peak] - ion_mz[place]) / ion_mz[place] * 1e6))
        for peak, place in sorted(best.items())
    ]
