"""The b and y ions of a peptide, and which peaks of a spectrum they explain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.chemistry import ION_SERIES, RESIDUE_MASSES, WATER, fragment_mz
from data.peptide_parts import UNKNOWN, Parts, take_apart
from data.schema import Spectrum


@dataclass(frozen=True, slots=True)
class Ion:
    """A fragment.

    Attributes
    ----------
    mz : Th.
    series : ``b`` or ``y``.
    number : of its residues.
    charge : of the fragment.
    cleavage : the residues before the bond that broke, the same for a b ion and the y ion that complements it.
    """

    mz: float
    series: str
    number: int
    charge: int
    cleavage: int

    @property
    def name(self) -> str:
        """``y3``, ``b12^2``."""
        return f"{self.series}{self.number}" + (f"^{self.charge}" if self.charge > 1 else "")


def residue_masses(parts: Parts) -> NDArray[np.float64]:
    """(residues,), Da, with what is attached, at the N terminus to the first residue; a gap is its mass."""
    masses = np.array([0.0 if letter == UNKNOWN else RESIDUE_MASSES[letter] for letter in parts.residues])
    for attachment in parts.attachments:
        masses[max(attachment.position - 1, 0)] += attachment.mass
    return masses


def fragment_ions(peptidoform: str, precursor_charge: int) -> list[Ion]:
    """The ions of a peptide that carry no more protons than its precursor, by ascending m/z.

    Raises
    ------
    InputError : not a peptide.
    """
    masses = residue_masses(take_apart(peptidoform))
    prefix, length = masses.cumsum()[:-1], len(masses)
    ions = [
        Ion(mz, series.name[0], cleavage if series.terminus == "N" else length - cleavage, series.charge, cleavage)
        for series in ION_SERIES
        if series.charge <= precursor_charge
        for cleavage, mz in enumerate(fragment_mz(prefix, masses.sum() + WATER, series).tolist(), start=1)
    ]
    return sorted(ions, key=lambda ion: ion.mz)


def explained_peaks(spectrum: Spectrum, ions: list[Ion], tolerance_ppm: float) -> list[Ion | None]:
    """For each peak the nearest ion within tolerance, else None."""
    if not ions:
        return [None] * len(spectrum.mz)
    mz = np.array([ion.mz for ion in ions])
    right = np.searchsorted(mz, spectrum.mz).clip(1, max(len(mz) - 1, 1))
    right = np.minimum(right, len(mz) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(mz[left] - spectrum.mz) <= np.abs(mz[right] - spectrum.mz), left, right)
    is_near = np.abs(spectrum.mz - mz[nearest]) <= mz[nearest] * tolerance_ppm * 1e-6
    return [ions[place] if near else None for place, near in zip(nearest.tolist(), is_near.tolist(), strict=True)]
