"""Fits the noise model to measured spectra of known peptides, against MS2PIP's predictions of the same peptides.

Indirect inference (Gouriéroux, Monfort & Renault 1993, J. Appl. Econometrics 8:S85): noise is simulated on the
predictions with the knobs as they stand, both sets of spectra are described by `data.noise_moments`, and every knob
moves until its figure is the same. So what a threshold hides and what chance adds bias neither side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.batches import SpectrumSet
from data.errors import InputError
from data.noise import add_noise
from data.noise_moments import noise_moments
from data.pairs import Pairs
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.schema import Spectrum, from_table
from data.settings import NoiseSettings, PreprocessingSettings, SynthesisSettings
from data.synthesis import predict_spectra
from data.vocabulary import PAD, STOP

FEWEST_SPECTRA = 50
"""Fewer give a share of 10% a standard error of 4 points."""

_ROUNDS = 16
_FIRST_PULL, _LAST_PULL = 1.0, 0.3
"""How much of the difference a round makes up for: later rounds average the simulation's chance."""
_ISOTOPES_SEEN = 0.3
"""Share of the 13C peaks that a strong, heavy ion must have, that is seen in spectra that were not deisotoped."""

_LEAST = 1e-3
_KNOBS: dict[str, tuple[float, float, bool]] = {
    # lowest and highest value; whether a round multiplies (scales) or adds (shares)
    "peak_dropout": (0.0, 0.9, False),
    "faint_peak_dropout": (0.0, 1.0, False),
    "noise_peaks": (0.0, 400.0, False),
    "peak_error_ppm": (0.01, 1000.0, True),
    "spectrum_error_ppm": (0.01, 1000.0, True),
    "precursor_error_ppm": (0.0, 1000.0, True),
    "intensity_sigma": (0.01, 3.0, True),
    "neutral_loss_probability": (0.0, 1.0, False),
    "a_ion_probability": (0.0, 1.0, False),
    "immonium_probability": (0.0, 1.0, False),
    "internal_fragments": (0.0, 100.0, False),
    "triply_charged_probability": (0.0, 1.0, False),
    "precursor_probability": (0.0, 1.0, False),
}
_COUNTS = ("noise_peaks", "internal_fragments")


@dataclass(frozen=True)
class NoiseFit:
    """A fitted noise model and what speaks for it.

    Attributes
    ----------
    settings : the model at level 1.
    measured, simulated : figure of each knob (`data.noise_moments`) in the measured spectra, and in those that the
        settings make.
    spectra, peptides : that it was fitted on.
    """

    settings: NoiseSettings
    measured: dict[str, float]
    simulated: dict[str, float]
    spectra: int
    peptides: int


def pair(spectra: Sequence[Spectrum], synthesis: SynthesisSettings) -> Pairs:
    """Predict the spectrum of each peptide.

    Raises
    ------
    InputError : a spectrum has no peptide, or one that MS2PIP cannot predict.
    """
    held = SpectrumSet.from_spectra(spectra)
    table = predict_spectra([s.peptidoform or "" for s in spectra], [s.precursor_charge for s in spectra], synthesis)
    predicted = PeakBatch.from_spectra(list(from_table(table)))
    return Pairs(held.peaks, predicted, np.where(held.tokens > STOP, held.tokens, PAD))


def fit_noise(
    pairs: Pairs,
    preprocessing: PreprocessingSettings,
    start: NoiseSettings,
    tolerance_ppm: float,
    rng: np.random.Generator,
) -> NoiseFit:
    """The noise model whose spectra look like the measured ones.

    Parameters
    ----------
    start : where the knobs start; those that single spectra do not tell of (the second peptide in the isolation window)
        stay as they are.
    tolerance_ppm : within which a peak is an ion: several times the instrument's error.

    Raises
    ------
    InputError : too few spectra.
    """
    if len(pairs) < FEWEST_SPECTRA:
        raise InputError(
            f"{len(pairs)} spectra are too few to fit noise on", remedy=f"Give at least {FEWEST_SPECTRA} of a kind"
        )
    linear = replace(preprocessing, intensity_scaling="linear")
    lowest = pairs.measured.mz[:, 0]
    measured = noise_moments(preprocess(pairs.measured, linear), pairs.predicted, pairs.tokens, lowest, tolerance_ppm)

    def simulate(values: Mapping[str, float]) -> dict[str, float]:
        noisy = _add_noise(pairs, _settings(values, start, rng), rng)
        noisy = recorded_from(noisy, lowest)
        return noise_moments(preprocess(noisy, linear), pairs.predicted, pairs.tokens, lowest, tolerance_ppm)

    told = [knob for knob in _KNOBS if np.isfinite(measured[knob])]
    values = {knob: float(getattr(start, knob)) for knob in told}
    has_isotopes = bool(measured["isotopes"] > _ISOTOPES_SEEN)
    start = replace(start, isotopes=has_isotopes)
    kept: list[dict[str, float]] = []
    for number in range(_ROUNDS):
        simulated = simulate(values)
        pull = _FIRST_PULL + (_LAST_PULL - _FIRST_PULL) * number / (_ROUNDS - 1)
        values = {knob: _moved(knob, value, measured, simulated, pull) for knob, value in values.items()}
        if number >= _ROUNDS // 2:
            kept.append(values)
    values = {knob: float(np.mean([each[knob] for each in kept])) for knob in told}
    settings = _rounded(values, start)
    peptides = len({tuple(row) for row in pairs.tokens.tolist()})
    return NoiseFit(settings, measured, simulate(_values(settings, told)), len(pairs), peptides)


def _moved(
    knob: str, value: float, measured: Mapping[str, float], simulated: Mapping[str, float], pull: float
) -> float:
    lowest, highest, scales = _KNOBS[knob]
    if not np.isfinite(simulated[knob]):
        return value
    if scales:
        value = max(value, _LEAST) * (max(measured[knob], _LEAST) / max(simulated[knob], _LEAST)) ** pull
    else:
        value += pull * (measured[knob] - simulated[knob])
    return float(np.clip(value, lowest, highest))


def _settings(values: Mapping[str, float], start: NoiseSettings, rng: np.random.Generator) -> NoiseSettings:
    """Settings of these values; counts, which are whole, are rounded up or down at random, so that a fit can settle."""
    whole = {knob: int(values[knob] + rng.random()) for knob in _COUNTS if knob in values}
    return replace(start, **{**values, **whole})  # type: ignore[arg-type]


def _rounded(values: Mapping[str, float], start: NoiseSettings) -> NoiseSettings:
    plain: dict[str, Any] = {knob: round(value, 3) for knob, value in values.items()}
    plain |= {knob: round(values[knob]) for knob in _COUNTS if knob in values}
    return replace(start, **plain)


def _values(settings: NoiseSettings, knobs: Sequence[str]) -> dict[str, float]:
    return {knob: float(value) for knob, value in asdict(settings).items() if knob in knobs}


def _add_noise(pairs: Pairs, settings: NoiseSettings, rng: np.random.Generator) -> PeakBatch:
    return add_noise(pairs.predicted, pairs.tokens, settings, np.ones(len(pairs)), rng)


def recorded_from(peaks: PeakBatch, lowest_mz: NDArray[np.float64]) -> PeakBatch:
    """The peaks above the least recorded m/z; `preprocess` drops those of no intensity."""
    below = peaks.mz < lowest_mz[:, None]
    return replace(peaks, intensity=np.where(below, np.float32(0), peaks.intensity))
