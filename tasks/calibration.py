"""Calibrating a trained network on unseen peptides, at all the noise it may meet."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.batches import SpectrumSet
from data.errors import InputError
from data.noise import add_noise
from data.schema import Spectrum
from data.seeding import derive
from data.settings import NoiseSettings
from data.splits import merged_sequence, sequence_hashes
from data.vocabulary import PAD, STOP, VOCABULARY
from model.answers import AnswerSettings
from model.calibrating import fit_calibration
from model.inference import Sequencer
from tasks.params import Params

log = logging.getLogger(__name__)


def calibrate_model(
    settings: Params, folder: Path, unseen: SpectrumSet, spectra: int, measured: Sequence[Spectrum] = ()
) -> None:
    """Fit the calibration of a model and keep it beside the weights; a model too poor to be calibrated goes without.

    Parameters
    ----------
    unseen : predicted spectra of peptides that no training saw; those of `for_calibration` are used.
    spectra : how many at most.
    measured : spectra of other peptides that no training saw; all of them are used beside the predicted ones. In the
        choice among candidates they count together as much as the predicted ones: they are what users have.
    """
    rng = np.random.default_rng(derive(settings.seed, "calibration"))
    usable = np.flatnonzero(for_calibration([VOCABULARY.decode(tokens) for tokens in unseen.tokens]))
    chosen = unseen.select(rng.permutation(usable)[:spectra])
    sequencer = Sequencer(
        folder,
        threads=settings.training.threads,
        batch_size=settings.evaluation.batch_size,
        answers=AnswerSettings(calibrated=False),
    )
    source = "unseen peptides, predicted: clean, with noise, and with uniform noise"
    if measured:
        source += f"; and {len(measured)} measured spectra"
    predicted = noisy_mixture(chosen, settings, rng)
    importance = np.repeat([1.0, len(predicted) / max(len(measured), 1)], [len(predicted), len(measured)])
    try:
        calibration = fit_calibration(
            sequencer, [*predicted, *measured], derive(settings.seed, "outliers"), source, importance
        )
    except InputError as error:
        log.warning("no calibration: %s", error)
        return
    calibration.save(folder)
    log.info("calibrated on %d spectra", len(importance))


def for_calibration(peptidoforms: list[str]) -> NDArray[np.bool_]:
    """Which of unseen peptides are for calibration, by their hash; the others judge it."""
    hashes = sequence_hashes(merged_sequence(text) for text in peptidoforms)
    is_usable: NDArray[np.bool_] = (hashes >> 1) % 2 == 0
    return is_usable


def noisy_mixture(clean: SpectrumSet, settings: Params, rng: np.random.Generator) -> list[Spectrum]:
    """A third as they are, a third with the structured noise, a third with the uniform noise of the hard set."""
    kind = np.arange(len(clean)) % 3
    spectra = []
    for number, noise in enumerate((None, settings.noise, settings.training.validation_noise.settings())):
        part = clean.select(np.flatnonzero(kind == number))
        spectra += with_noise_of_levels(part, noise, rng)
    return spectra


def with_noise_of_levels(
    clean: SpectrumSet, noise: NoiseSettings | None, rng: np.random.Generator, level: float | None = None
) -> list[Spectrum]:
    """The spectra with noise of one level, or each of its own between 0 and 1; without any where there is no noise."""
    peaks, peptides = clean.peaks, np.where(clean.tokens > STOP, clean.tokens, PAD)
    if noise is not None:
        levels = rng.random(len(clean)) if level is None else np.full(len(clean), level)
        peaks = add_noise(peaks, peptides, noise, levels, rng)
    return peaks.to_spectra([VOCABULARY.decode(tokens) for tokens in clean.tokens], "synthetic")
