"""The batch reader: what it holds, what it draws, and that difficulty comes with the request."""

import numpy as np
import pytest

from data.batches import LengthBalancedSampler, SpectrumSet
from data.errors import InputError
from data.schema import Spectrum
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import PAD, STOP, VOCABULARY


@pytest.fixture
def spectra() -> list[Spectrum]:
    rng = np.random.default_rng(0)
    return [
        Spectrum(
            f"made:{row}",
            400.0 + row,
            2,
            np.sort(rng.uniform(100, 1200, 20 + row)),
            rng.random(20 + row).astype(np.float32) + 0.1,
            peptidoform=peptide,
        )
        for row, peptide in enumerate(["PEPTIDEK", "SAMPLER", "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K"])
    ]


def test_tokens_end_with_one_stop(spectra):
    held = SpectrumSet.from_spectra(spectra)
    assert len(held) == 3
    for row, spectrum in enumerate(spectra):
        ids = VOCABULARY.encode(spectrum.peptidoform)
        assert held.tokens[row].tolist() == [*ids, STOP, *[PAD] * (held.tokens.shape[1] - len(ids) - 1)]
    assert held.lengths.tolist() == [8, 7, 6]  # residues; a terminal modification is none


def test_level_0_is_the_spectrum_and_level_1_is_not_in_one_request(spectra):
    held = SpectrumSet.from_spectra(spectra)
    settings = PreprocessingSettings(precursor_tolerance_da=0.0)
    rows, level = np.array([0, 0]), np.array([0.0, 1.0])
    drawn = held.draw(rows, level, NoiseSettings(), settings, np.random.default_rng(1))
    peaks, tokens = drawn.peaks, drawn.tokens
    clean = held.draw(rows[:1], level[:1], NoiseSettings(), settings, np.random.default_rng(2)).peaks
    assert peaks.noise_level.tolist() == [0, 1]
    present = np.isfinite(peaks.mz[0])
    assert np.array_equal(peaks.mz[0][present], clean.mz[0][np.isfinite(clean.mz[0])])
    assert not np.array_equal(peaks.mz[0][present][:5], peaks.mz[1][:5])
    assert np.array_equal(tokens[0], tokens[1])


def test_lengths_are_drawn_equally_often():
    lengths = np.array([7] * 900 + [8] * 90 + [20] * 10)
    rows = LengthBalancedSampler(lengths).draw(30_000, np.random.default_rng(3))
    share = np.array([(lengths[rows] == length).mean() for length in (7, 8, 20)])
    assert share == pytest.approx(1 / 3, abs=0.02)


def test_unannotated_spectra_and_empty_sets_are_refused(spectra):
    spectra[0].peptidoform = None
    with pytest.raises(InputError, match="made:0"):
        SpectrumSet.from_spectra(spectra)
    with pytest.raises(InputError, match="no spectra"):
        SpectrumSet.from_spectra([])
