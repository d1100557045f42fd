"""A raw spectrum as a format gives it, and the one way it becomes a spectrum of the table."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, UnknownModificationError
from data.peptidoform import parse_peptidoform
from data.schema import Spectrum

MAX_CHARGE = 8
_CHARGE = re.compile(r"(\d+)\s*([+-]?)")


class Skip(Exception):  # noqa: N818 - not an error: a spectrum that is left out and counted
    """Why a spectrum is left out."""


@dataclass(slots=True)
class Record:
    """A spectrum before it is checked.

    Attributes
    ----------
    spectrum_id : ``<file>:<index or native id>``.
    skip : a reason found by the format itself.
    names : by which others may call the spectrum: its title, its scan number (``scan=17``), its native id.
    charges : as stated; several give one spectrum each.
    """

    spectrum_id: str
    mz: NDArray[np.float64]
    intensity: NDArray[np.float64]
    precursor_mz: float | None = None
    charges: Sequence[int] = ()
    peptide: str | None = None
    source: str | None = None
    species: str | None = None
    retention_time: float | None = None
    collision_energy: float | None = None
    instrument: str | None = None
    fragmentation: str | None = None
    skip: str | None = None
    names: tuple[str, ...] = ()


def to_spectra(record: Record, unannotated: Counter[str]) -> Iterator[Spectrum]:
    """Check a record and give its spectra, one a stated charge.

    Raises
    ------
    Skip : with the reason, before any spectrum is given.
    """
    mz, intensity = _clean_peaks(record)
    if record.precursor_mz is None or not math.isfinite(record.precursor_mz) or record.precursor_mz <= 0:
        raise Skip("no precursor m/z")
    if not record.charges:
        raise Skip("no precursor charge")
    if not all(1 <= charge <= MAX_CHARGE for charge in record.charges):
        raise Skip(f"precursor charge not in 1–{MAX_CHARGE}")
    peptidoform = _peptidoform(record.peptide, unannotated)
    for charge in record.charges:
        yield Spectrum(
            spectrum_id=record.spectrum_id if len(record.charges) == 1 else f"{record.spectrum_id}/{charge}",
            precursor_mz=float(record.precursor_mz),
            precursor_charge=int(charge),
            mz=mz,
            intensity=intensity,
            peptidoform=peptidoform,
            retention_time=record.retention_time,
            collision_energy=record.collision_energy,
            instrument=record.instrument,
            fragmentation=record.fragmentation,
            source=record.source,
            species=record.species,
        )


def _clean_peaks(record: Record) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Peaks in ascending order, those of no intensity left out, base peak = 1."""
    if record.skip:
        raise Skip(record.skip)
    mz, intensity = np.asarray(record.mz, np.float64), np.asarray(record.intensity, np.float64)
    if len(mz) != len(intensity):
        raise Skip("m/z and intensities differ in number")
    if not len(mz):
        raise Skip("no peaks")
    lowest, weakest, base_peak = mz.min(), intensity.min(), intensity.max()
    if not math.isfinite(lowest + mz.max() + weakest + base_peak):  # a NaN anywhere is the least and the most
        raise Skip("a peak is not a number")
    if lowest <= 0 or weakest < 0:
        raise Skip("a peak is negative")
    if base_peak == 0:
        raise Skip("no peaks")
    if weakest == 0:
        present = intensity > 0
        mz, intensity = mz[present], intensity[present]
    if (mz[1:] < mz[:-1]).any():
        order = np.argsort(mz, kind="stable")
        mz, intensity = mz[order], intensity[order]
    return mz, (intensity / base_peak).astype(np.float32)


def _peptidoform(text: str | None, unannotated: Counter[str]) -> str | None:
    """The annotation in ProForma; None where there is none or it cannot be read."""
    if not text:
        return None
    try:
        return parse_peptidoform(text).proforma()
    except UnknownModificationError:
        unannotated["unknown modification in the annotation"] += 1
    except InputError:
        unannotated["annotation is no peptide"] += 1
    return None


def stated_charges(value: Any) -> tuple[int, ...]:
    """Charges of pyteomics' list, or of text such as ``2+ and 3+``; a sign of minus is kept."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(int(digits) * (-1 if sign == "-" else 1) for digits, sign in _CHARGE.findall(value))
    return tuple(int(charge) for charge in value)


def number(value: Any) -> float | None:
    """A number, or None where there is none to be read."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
