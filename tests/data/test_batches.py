"""The batch reader: what it holds, what it draws, and that difficulty comes with the request."""

from dataclasses import replace

import numpy as np
import pytest

from data.batches import LengthBalancedSampler, SourceBalancedSampler, SpectrumSet
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


def test_large_sources_are_equally_frequent_and_so_are_their_peptides():
    letters = "GASPVTLNDQEMFYW"
    spectra = []
    for source, peptides, copies in (("large", 200, 1), ("half", 100, 1), ("few", 5, 20)):
        for number in range(peptides):
            text = "".join(letters[(number // 15**place) % 15] for place in range(3)) + source[0].upper() * 4 + "K"
            row = Spectrum(text, 500.0, 2, np.array([200.0]), np.ones(1, np.float32), text)
            spectra += [replace(row, source=source)] * (copies if number == 0 else 1)
    held = SpectrumSet.from_spectra(spectra)
    sampler = SourceBalancedSampler(held)
    rows = sampler.draw(20_000, np.random.default_rng(3))
    share = {name: (held.source[rows] == place).mean() for place, name in enumerate(held.source_names)}
    # 50 peptides and more count alike, 5 peptides a tenth of that
    assert share["large"] == pytest.approx(10 / 21, abs=0.02)
    assert share["half"] == pytest.approx(10 / 21, abs=0.02)
    assert share["few"] == pytest.approx(1 / 21, abs=0.01)
    few = rows[held.source[rows] == held.source_names.index("few")]
    first = held.tokens[few] == held.tokens[held.source == held.source_names.index("few")][0]
    assert first.all(1).mean() == pytest.approx(1 / 5, abs=0.06)  # although it has 20 of the 24 spectra
    among = sampler.draw(100, np.random.default_rng(3), among=["few"])
    assert {held.source_names[place] for place in held.source[among]} == {"few"}
    with pytest.raises(InputError, match="of nowhere"):
        sampler.draw(1, np.random.default_rng(3), among=["nowhere"])
