"""Spectra of files with the peptides that were predicted for them: annotated MGF, and spectral libraries."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from data.errors import InputError
from data.peptide_parts import take_apart
from data.predictions import Prediction
from data.readers import read_spectra
from data.schema import Spectrum
from data.writers.mgf import mgf_lines
from data.writers.msp import msp_lines

log = logging.getLogger(__name__)


def write_annotated_mgf(predictions: Iterable[Prediction], path: Path, files: Sequence[Path]) -> None:
    """The spectra that a peptide was predicted for, each with it as ``SEQ=``.

    Raises
    ------
    InputError : as `_with_spectra`.
    """
    with path.open("w", encoding="utf-8") as stream:
        for spectrum, _ in _with_spectra(predictions, files):
            stream.writelines(f"{line}\n" for line in mgf_lines(spectrum))


def write_library(predictions: Iterable[Prediction], path: Path, files: Sequence[Path]) -> None:
    """The same as an MSP library, with the probability of each peptide; peptides with a gap are left out.

    Raises
    ------
    InputError : as `_with_spectra`.
    """
    whole = (prediction for prediction in predictions if not take_apart(prediction.peptidoform).has_gap)
    with path.open("w", encoding="utf-8") as stream:
        for spectrum, probability in _with_spectra(whole, files):
            stream.writelines(f"{line}\n" for line in msp_lines(spectrum, probability))


def _with_spectra(predictions: Iterable[Prediction], files: Sequence[Path]) -> Iterator[tuple[Spectrum, float]]:
    """Each predicted spectrum, read again from its file, with its peptide and the peptide's probability.

    Raises
    ------
    InputError : the files hold none of the spectra, or cannot be read.
    """
    # mzTab does not keep the charge behind the id of a spectrum that is there once a charge
    waiting = {(p.spectrum_id.partition("/")[0], p.precursor_charge): p for p in predictions}
    wanted = len(waiting)
    for file in files:
        for spectrum in read_spectra(file):
            prediction = waiting.pop((spectrum.spectrum_id.partition("/")[0], spectrum.precursor_charge), None)
            if prediction is not None:
                yield replace(spectrum, peptidoform=prediction.peptidoform), prediction.peptide_score
    if wanted and len(waiting) == wanted:
        raise InputError(
            "the files hold none of the spectra that the predictions name",
            record=next(iter(waiting))[0],
            remedy="Give the spectra files that were sequenced, under their names of then",
        )
    if waiting:
        log.warning("%d predicted spectra are not in the files", len(waiting))
