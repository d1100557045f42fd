"""A padded batch of peak lists: what noise and preprocessing work on, and the network reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.schema import Spectrum


@dataclass
class PeakBatch:
    """Peaks of several spectra.

    Attributes
    ----------
    mz : (batch, peaks) float64, Th, ascending, padded with +inf.
    intensity : (batch, peaks) float32, padded with 0.
    precursor_mz : (batch,) float64, Th.
    charge : (batch,) int64.
    """

    mz: NDArray[np.float64]
    intensity: NDArray[np.float32]
    precursor_mz: NDArray[np.float64]
    charge: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.charge)

    @classmethod
    def from_spectra(cls, spectra: Sequence[Spectrum]) -> "PeakBatch":
        """Pad the spectra's peaks to the longest list."""
        width = max((len(spectrum.mz) for spectrum in spectra), default=0)
        mz = np.full((len(spectra), width), np.inf)
        intensity = np.zeros((len(spectra), width), np.float32)
        for row, spectrum in enumerate(spectra):
            mz[row, : len(spectrum.mz)] = spectrum.mz
            intensity[row, : len(spectrum.mz)] = spectrum.intensity
        return cls(
            mz,
            intensity,
            np.array([spectrum.precursor_mz for spectrum in spectra], np.float64),
            np.array([spectrum.precursor_charge for spectrum in spectra], np.int64),
        )

    def select(self, rows: NDArray[np.int64]) -> "PeakBatch":
        """The spectra of these rows."""
        return PeakBatch(self.mz[rows], self.intensity[rows], self.precursor_mz[rows], self.charge[rows])

    def to_lists(self) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """m/z and intensity of each spectrum without the padding."""
        present = np.isfinite(self.mz)
        return [(self.mz[row][here], self.intensity[row][here]) for row, here in enumerate(present)]


def pack(
    mz: NDArray[np.float64], intensity: NDArray[np.float32], keep: NDArray[np.bool_], like: PeakBatch
) -> PeakBatch:
    """Kept peaks sorted by m/z in as few columns as hold them; precursor and charge of ``like``."""
    mz = np.where(keep, mz, np.inf)
    order = np.argsort(mz, axis=1, kind="stable")[:, : max(1, int(keep.sum(1).max(initial=0)))]
    return PeakBatch(
        np.take_along_axis(mz, order, 1),
        np.take_along_axis(np.where(keep, intensity, np.float32(0)), order, 1),
        like.precursor_mz,
        like.charge,
    )
