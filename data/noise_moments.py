"""What a set of annotated spectra shows of its noise: one figure for each knob of the noise model.

Each figure rises or falls with its own knob far more than with the others, but is none: a faint ion may be below the
threshold of what was recorded, an internal fragment may be met by chance. `data.noise_fit` therefore compares these
figures between measured and simulated spectra, on which all such effects act alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.chemistry import AMMONIA, CARBON_MONOXIDE, ION_SERIES, ISOTOPE_SPACING, PROTON, WATER, neutral_mass
from data.chemistry import precursor_mz as mz_of_mass
from data.peaks import PeakBatch
from data.structured_noise import Annotation, annotate, losing_residues
from data.vocabulary import VOCABULARY

_MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""

_STRONG, _FAINT = (0.3, np.inf), (0.02, 0.08)
"""Predicted relative intensities of the ions that tell of dropout: of any peak, and of faint ones."""
_SCATTERED = 0.1
"""Least predicted intensity of the ions that tell of mass error and of intensity scatter."""
_ANCHOR = 0.1
"""Least measured intensity of an ion whose losses, a ion or triply charged ion are looked for."""
_ISOTOPE_ANCHOR, _ISOTOPE_MASS = 0.3, 600.0
"""Least measured intensity and mass in Da of an ion whose 13C peak must be seen: about a third of its height."""
_TRIPLE_MASS = 900.0
_INTERNAL_RESIDUES = range(2, 6)
_FEWEST_IONS = 4
"""Matched ions that a spectrum needs for a mass offset and an intensity scale of its own."""


@dataclass(frozen=True)
class Matched:
    """Peaks found at some theoretical m/z.

    Attributes
    ----------
    intensity : shape of the query; 0 where no peak is near.
    error_ppm : shape of the query, observed minus theoretical; 0 where there is no peak.
    """

    intensity: NDArray[np.float32]
    error_ppm: NDArray[np.float64]

    @property
    def found(self) -> NDArray[np.bool_]:
        """Where there is a peak."""
        return self.intensity > 0


def match(peaks: PeakBatch, query: NDArray[np.float64], tolerance_ppm: float) -> Matched:
    """The stronger of the two peaks around each m/z, if it is near.

    Parameters
    ----------
    query : (batch, ...), Th.
    """
    batch = len(peaks)
    flat = np.clip(query.reshape(batch, -1), 0, 5e4)
    offset = 1e5 * np.arange(batch)[:, None]
    keys = (np.minimum(peaks.mz, 5e4) + offset).ravel()
    position = np.searchsorted(keys, (flat + offset).ravel()).reshape(flat.shape)
    best = np.zeros(flat.shape, np.float32)
    error = np.zeros(flat.shape)
    for candidate in (position - 1, position):
        candidate = np.clip(candidate, 0, keys.size - 1)
        difference = keys[candidate] - flat - offset
        near = np.abs(difference) <= flat * tolerance_ppm * 1e-6
        height = np.where(near, peaks.intensity.ravel()[candidate], 0)
        error = np.where(height > best, 1e6 * difference / np.maximum(flat, 1), error)
        best = np.maximum(best, height)
    return Matched(best.reshape(query.shape), error.reshape(query.shape))


def noise_moments(
    measured: PeakBatch,
    predicted: PeakBatch,
    tokens: NDArray[np.int64],
    lowest_mz: NDArray[np.float64],
    tolerance_ppm: float,
) -> dict[str, float]:
    """The figure of each knob of `data.settings.NoiseSettings` that can be told from spectra.

    Parameters
    ----------
    measured : preprocessed, linear intensities.
    predicted : of the same peptides, base peak = 1; its precursor m/z are the theoretical ones.
    tokens : (batch, slots), padded with 0.
    lowest_mz : (batch,), Th, from which on the instrument recorded peaks.

    Returns
    -------
    Knob → figure, in the knob's own unit; NaN where the spectra show none of it.
    """
    ions = annotate(predicted, tokens)
    seen = match(measured, ions.mz, tolerance_ppm)
    recorded = (ions.intensity > 0) & (ions.mz > lowest_mz[:, None, None])
    offset, peak_error = _mass_errors(ions, seen, recorded)
    precursor = 1e6 * (measured.precursor_mz / predicted.precursor_mz - 1)
    related = _related_ions(measured, ions, seen, lowest_mz, tolerance_ppm)
    return {
        "peak_dropout": _missing(ions, seen, recorded, _STRONG),
        "faint_peak_dropout": _missing(ions, seen, recorded, _FAINT),
        "noise_peaks": float(np.isfinite(measured.mz).sum(1).mean()),
        "peak_error_ppm": peak_error,
        "spectrum_error_ppm": _spread(offset),
        "precursor_error_ppm": _spread(precursor),
        "intensity_sigma": _scatter(ions, seen, recorded),
        **related,
        "precursor_probability": _precursor_losses(measured, predicted, tolerance_ppm),
    }


def _missing(ions: Annotation, seen: Matched, recorded: NDArray[np.bool_], between: tuple[float, float]) -> float:
    """Share of the ions of these predicted intensities that are not there."""
    asked = recorded & (ions.intensity >= between[0]) & (ions.intensity < between[1])
    return _mean(~seen.found[asked])


def _mass_errors(ions: Annotation, seen: Matched, recorded: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """(spectra,) offset in ppm of each spectrum of enough ions, and the spread of its peaks around it."""
    used = seen.found & recorded & (ions.intensity >= _SCATTERED)
    error = _rows_of(seen.error_ppm, used)
    enough = used.reshape(len(error), -1).sum(1) >= _FEWEST_IONS
    offset = np.nanmedian(error[enough], axis=1)
    # the median of n values follows them: their spread around it is too small by about (n − 1) / n
    count = np.isfinite(error[enough]).sum(1)
    deviation = (error[enough] - offset[:, None]) * np.sqrt(count / (count - 1))[:, None]
    return offset, _spread(deviation[np.isfinite(deviation)])


def _scatter(ions: Annotation, seen: Matched, recorded: NDArray[np.bool_]) -> float:
    """Spread of the logarithm of measured over predicted intensity, each spectrum's own scale taken away."""
    used = seen.found & recorded & (ions.intensity >= _SCATTERED)
    tiny = np.finfo(np.float32).tiny
    ratio = np.log(np.maximum(seen.intensity, tiny) / np.maximum(ions.intensity, tiny))
    rows = _rows_of(ratio, used)
    rows = rows[used.reshape(len(rows), -1).sum(1) >= _FEWEST_IONS]
    deviation = rows - np.nanmedian(rows, axis=1, keepdims=True)
    return _spread(deviation[np.isfinite(deviation)])


def _related_ions(
    measured: PeakBatch, ions: Annotation, seen: Matched, lowest_mz: NDArray[np.float64], tolerance_ppm: float
) -> dict[str, float]:
    """How often what comes along with a strong ion is there: 13C, losses, a, immonium, internal and 3+ ions."""
    lowest = lowest_mz[:, None]
    single = ions.mz[:, :2]
    anchor = (seen.intensity[:, :2] >= _ANCHOR) & (ions.intensity[:, :2] > 0)
    heavy = (seen.intensity[:, :2] >= _ISOTOPE_ANCHOR) & (single - PROTON >= _ISOTOPE_MASS)

    def share(mz: NDArray[np.float64], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        asked = asked & (mz > lowest.reshape(-1, *[1] * (mz.ndim - 1)))
        return match(measured, mz, tolerance_ppm).found[asked]

    losses = []
    for loss, loses in zip((WATER, AMMONIA), losing_residues(ions.tokens), strict=True):
        losses.append(share(single - loss, anchor & loses))
    triple = anchor & (single - PROTON > _TRIPLE_MASS) & (measured.charge >= 3)[:, None, None]
    return {
        "isotopes": _mean(share(single + ISOTOPE_SPACING, heavy & (ions.intensity[:, :2] > 0))),
        "neutral_loss_probability": _mean(np.concatenate(losses)),
        "a_ion_probability": _mean(share(ions.mz[:, 0] - CARBON_MONOXIDE, anchor[:, 0])),
        "immonium_probability": _mean(share(*_immonium(ions.tokens))),
        "internal_fragments": _internal_fragments(measured, ions, lowest, tolerance_ppm),
        "triply_charged_probability": _mean(share((single - PROTON) / 3 + PROTON, triple)),
    }


def _immonium(tokens: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """m/z of each residue's immonium ion, and which residues the peptide holds: both (batch, vocabulary)."""
    present = np.zeros((len(tokens), len(VOCABULARY)), bool)
    np.put_along_axis(present, tokens, True, 1)
    present &= np.array([token.residue != "" for token in VOCABULARY.tokens])
    return np.broadcast_to(VOCABULARY.masses - CARBON_MONOXIDE + PROTON, present.shape), present


def _internal_fragments(
    measured: PeakBatch, ions: Annotation, lowest: NDArray[np.float64], tolerance_ppm: float
) -> float:
    """Mean count of the pieces of 2 to 5 inner residues that a spectrum holds."""
    count = np.zeros(len(measured), np.int64)
    for mz, inner in _internal_mz(ions):
        count += (match(measured, mz, tolerance_ppm).found & inner & (mz > lowest)).sum(1)
    return float(count.mean())


def _internal_mz(ions: Annotation) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """m/z (batch, n) of the pieces of so many residues, and which of them are inside the peptide."""
    slots = ions.prefix_mass.shape[1]
    for residues in _INTERNAL_RESIDUES:
        if slots > residues + 1:
            mass = ions.prefix_mass[:, residues:-1] - ions.prefix_mass[:, : -residues - 1]
            yield mass + PROTON, np.arange(residues, slots - 1) < ions.length[:, None] - 1


def _precursor_losses(measured: PeakBatch, predicted: PeakBatch, tolerance_ppm: float) -> float:
    """Share of the precursors that are seen without water or ammonia; preprocessing removes the precursor itself."""
    mass = neutral_mass(predicted.precursor_mz, predicted.charge)
    mz = np.stack([mz_of_mass(mass - loss, predicted.charge) for loss in (WATER, AMMONIA)], 1)
    return _mean(match(measured, mz, tolerance_ppm).found)


def _rows_of(values: NDArray[Any], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(batch, n) float64, NaN where not used."""
    return np.where(used, values, np.nan).reshape(len(values), -1).astype(np.float64)


def _spread(values: NDArray[np.float64]) -> float:
    """Robust standard deviation around zero."""
    return float(_MAD_TO_SD * np.median(np.abs(values))) if values.size else float("nan")


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")


def unexplained(peaks: PeakBatch, ions: Annotation, tolerance_ppm: float) -> NDArray[np.bool_]:
    """(batch, peaks): the peaks that are no ion that the noise model makes of the peptide.

    Those are backbone fragments, their 13C peaks and losses, a, immonium and internal ions.
    """
    predicted = np.where(ions.intensity > 0, ions.mz, np.nan)
    charge = np.array([series.charge for series in ION_SERIES])[:, None]
    shifts = (0.0, ISOTOPE_SPACING, 2 * ISOTOPE_SPACING, -WATER, -AMMONIA)
    related = [(predicted + shift / charge).reshape(len(peaks), -1) for shift in shifts]
    related.append(predicted[:, 0] - CARBON_MONOXIDE)
    immonium, present = _immonium(ions.tokens)
    related.append(np.where(present, immonium, np.nan))
    related += [np.where(inner, mz, np.nan) for mz, inner in _internal_mz(ions)]
    known = np.sort(np.concatenate(related, 1), axis=1)  # NaN comes last
    as_peaks = PeakBatch(
        np.where(np.isnan(known), np.inf, known), np.ones(known.shape, np.float32), peaks.precursor_mz, peaks.charge
    )
    foreign: NDArray[np.bool_] = ~match(as_peaks, np.minimum(peaks.mz, 4e4), tolerance_ppm).found
    return foreign & (peaks.intensity > 0)
