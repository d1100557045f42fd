"""Spectra from which no right peptide can be read, made from good ones: what a score of trust must tell apart."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.schema import Spectrum

_LEAST_SHIFT_DA, _MOST_SHIFT_DA = 4.0, 60.0
"""Of a wrong precursor: beyond isotopes, so that no isotope error explains it."""

_CHIMERA_INTENSITY = (0.5, 1.0)
_NOISE_MZ = 100.0
_REPEATS_DA = (44.026215, 58.041865, 74.018792, 162.052823, 14.01565)
"""Units of polyethylene glycol, polypropylene glycol, polydimethylsiloxane, hexoses and alkyl chains."""

_REPEAT_ERROR_PPM = 5.0


def noise_only(spectra: Sequence[Spectrum], rng: np.random.Generator) -> list[Spectrum]:
    """Each spectrum's intensities at random places below its precursor mass."""

    def moved(spectrum: Spectrum) -> Spectrum:
        top = max(spectrum.precursor_mz * spectrum.precursor_charge, 2 * _NOISE_MZ)
        return _with_peaks(spectrum, rng.uniform(_NOISE_MZ, top, len(spectrum.mz)), rng.permutation(spectrum.intensity))

    return [moved(spectrum) for spectrum in spectra]


def chimeric(spectra: Sequence[Spectrum], rng: np.random.Generator) -> list[Spectrum]:
    """Each spectrum with the peaks of the one of nearest precursor m/z, at half to full intensity."""
    order = np.argsort([spectrum.precursor_mz for spectrum in spectra])
    partner = np.empty(len(spectra), np.int64)
    partner[order] = np.roll(order, 1)
    joined = []
    for spectrum, other in zip(spectra, partner, strict=True):
        second, factor = spectra[int(other)], rng.uniform(*_CHIMERA_INTENSITY)
        mz = np.concatenate([spectrum.mz, second.mz])
        joined.append(_with_peaks(spectrum, mz, np.concatenate([spectrum.intensity, factor * second.intensity])))
    return joined


def wrong_precursor(spectra: Sequence[Spectrum], rng: np.random.Generator) -> list[Spectrum]:
    """Each spectrum with another precursor mass, 4 to 60 Da away."""
    shift = rng.uniform(_LEAST_SHIFT_DA, _MOST_SHIFT_DA, len(spectra)) * rng.choice([-1, 1], len(spectra))
    return [
        replace(spectrum, precursor_mz=spectrum.precursor_mz + float(da) / spectrum.precursor_charge)
        for spectrum, da in zip(spectra, shift, strict=True)
    ]


def wrong_charge(spectra: Sequence[Spectrum], rng: np.random.Generator) -> list[Spectrum]:
    """Each spectrum with one charge more or fewer at the same precursor m/z."""
    steps = rng.choice([-1, 1], len(spectra))
    return [
        replace(
            spectrum, precursor_charge=spectrum.precursor_charge + (int(step) if spectrum.precursor_charge > 1 else 1)
        )
        for spectrum, step in zip(spectra, steps, strict=True)
    ]


def no_peptide(spectra: Sequence[Spectrum], rng: np.random.Generator) -> list[Spectrum]:
    """Each spectrum replaced by a singly charged ladder of a polymer, with its intensities and some of its peaks."""

    def polymer(spectrum: Spectrum) -> Spectrum:
        unit, peaks = float(rng.choice(_REPEATS_DA)), len(spectrum.mz)
        top = spectrum.precursor_mz * spectrum.precursor_charge
        ladder = np.arange(rng.uniform(60.0, 60.0 + unit), max(top, 200.0), unit)
        ladder = rng.permutation(ladder)[: max(peaks, 1)]
        ladder = ladder * (1 + rng.normal(0, _REPEAT_ERROR_PPM * 1e-6, len(ladder)))
        rest = rng.uniform(_NOISE_MZ, max(top, 2 * _NOISE_MZ), peaks - len(ladder))
        strong_first = np.sort(spectrum.intensity)[::-1]
        return _with_peaks(spectrum, np.concatenate([ladder, rest]), strong_first[:peaks])

    return [polymer(spectrum) for spectrum in spectra]


KINDS: dict[str, Callable[[Sequence[Spectrum], np.random.Generator], list[Spectrum]]] = {
    "noise only": noise_only,
    "chimeric": chimeric,
    "wrong precursor": wrong_precursor,
    "wrong charge": wrong_charge,
    "no peptide": no_peptide,
}
"""Kind → how to make it; each takes good spectra and a random stream and gives as many, in order."""


def _with_peaks(spectrum: Spectrum, mz: NDArray[np.float64], intensity: NDArray[np.floating]) -> Spectrum:
    order = np.argsort(mz)
    scaled = intensity[order] / max(float(intensity.max(initial=0.0)), 1e-9)
    return replace(spectrum, mz=mz[order].astype(np.float64), intensity=scaled.astype(np.float32))
