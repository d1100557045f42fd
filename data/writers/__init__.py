"""Predictions and spectra into the formats of the ecosystem, chosen by the name's ending; complete or not at all."""

from data.writers.output import PREDICTION_ENDINGS, SPECTRUM_ENDINGS, check_free, check_output
from data.writers.predictions import write_predictions
from data.writers.spectra import write_spectra

__all__ = [
    "PREDICTION_ENDINGS",
    "SPECTRUM_ENDINGS",
    "check_free",
    "check_output",
    "write_predictions",
    "write_spectra",
]
