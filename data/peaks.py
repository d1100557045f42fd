"""A padded batch of peak lists: what noise and preprocessing work on, and the network reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data import activation, instruments
from data.schema import Spectrum

_UNSET: NDArray[Any] = np.empty(0)


@dataclass
class PeakBatch:
    """Peaks of several spectra.

    Attributes
    ----------
    mz : (batch, peaks) float64, Th, ascending, padded with +inf.
    intensity : (batch, peaks) float32, padded with 0.
    precursor_mz : (batch,) float64, Th.
    charge : (batch,) int64.
    collision_energy : (batch,) float32, NCE; NaN where unknown, which is the default.
    instrument : (batch,) int64, position in ``data.instruments.FAMILIES``; unknown by default.
    noise_level : (batch,) float32, 0…1, the level at which noise was added; NaN where unknown, which is the default.
    fragmentation : (batch,) int64, position in ``data.activation.KINDS``; unknown by default.
    """

    mz: NDArray[np.float64]
    intensity: NDArray[np.float32]
    precursor_mz: NDArray[np.float64]
    charge: NDArray[np.int64]
    collision_energy: NDArray[np.float32] = field(default_factory=lambda: _UNSET)
    instrument: NDArray[np.int64] = field(default_factory=lambda: _UNSET)
    noise_level: NDArray[np.float32] = field(default_factory=lambda: _UNSET)
    fragmentation: NDArray[np.int64] = field(default_factory=lambda: _UNSET)

    def __post_init__(self) -> None:
        rows = len(self.charge)
        if self.collision_energy is _UNSET:
            self.collision_energy = np.full(rows, np.nan, np.float32)
        if self.instrument is _UNSET:
            self.instrument = np.full(rows, instruments.UNKNOWN, np.int64)
        if self.noise_level is _UNSET:
            self.noise_level = np.full(rows, np.nan, np.float32)
        if self.fragmentation is _UNSET:
            self.fragmentation = np.full(rows, activation.UNKNOWN, np.int64)

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
            np.array([np.nan if s.collision_energy is None else s.collision_energy for s in spectra], np.float32),
            np.array([instruments.family(spectrum.instrument) for spectrum in spectra], np.int64),
            fragmentation=np.array([activation.kind(spectrum.fragmentation) for spectrum in spectra], np.int64),
        )

    def select(self, rows: NDArray[np.int64]) -> "PeakBatch":
        """The spectra of these rows."""
        return PeakBatch(*(getattr(self, each.name)[rows] for each in fields(self)))

    def to_spectra(self, peptidoforms: Sequence[str], prefix: str) -> list[Spectrum]:
        """The spectra as records, ``prefix:row`` their names; what is unknown stays so."""
        return [
            Spectrum(
                spectrum_id=f"{prefix}:{row}",
                precursor_mz=float(self.precursor_mz[row]),
                precursor_charge=int(self.charge[row]),
                mz=mz,
                intensity=intensity,
                peptidoform=peptidoforms[row],
                collision_energy=None if np.isnan(energy := self.collision_energy[row]) else float(energy),
            )
            for row, (mz, intensity) in enumerate(self.to_lists())
        ]

    def to_lists(self) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """m/z and intensity of each spectrum without the padding."""
        present = np.isfinite(self.mz)
        return [(self.mz[row][here], self.intensity[row][here]) for row, here in enumerate(present)]


def pack(
    mz: NDArray[np.float64], intensity: NDArray[np.float32], keep: NDArray[np.bool_], like: PeakBatch
) -> PeakBatch:
    """Kept peaks sorted by m/z in as few columns as hold them; all else as in ``like``."""
    mz = np.where(keep, mz, np.inf)
    order = np.argsort(mz, axis=1, kind="stable")[:, : max(1, int(keep.sum(1).max(initial=0)))]
    return replace(
        like,
        mz=np.take_along_axis(mz, order, 1),
        intensity=np.take_along_axis(np.where(keep, intensity, np.float32(0)), order, 1),
    )


def concatenate(parts: Sequence[PeakBatch]) -> PeakBatch:
    """The spectra of all parts, in order, padded to the widest."""
    width = max(part.mz.shape[1] for part in parts)
    padded = [
        replace(
            part,
            mz=np.pad(part.mz, ((0, 0), (0, width - part.mz.shape[1])), constant_values=np.inf),
            intensity=np.pad(part.intensity, ((0, 0), (0, width - part.intensity.shape[1]))),
        )
        for part in parts
    ]
    return PeakBatch(*(np.concatenate([getattr(part, each.name) for part in padded]) for each in fields(PeakBatch)))
