"""Learned noise: it makes spectra like those it was shown, always the same ones, and survives the disk."""

from dataclasses import replace

import numpy as np
import pytest

from data.batches import SpectrumSet
from data.errors import CorruptedDataError, InputError
from data.noise import add_noise
from data.pairs import Pairs
from data.peaks import pack
from data.settings import NoiseSettings
from data.structured_noise import annotate
from data.vocabulary import PAD, STOP
from model.residual_noise import ResidualNoise, learn_noise
from model.settings import LearnedNoiseSettings
from model.two_sample import distinguishability, spectrum_features

TOLERANCE_PPM = 20.0


def without_half_of_the_b_ions(ladders: SpectrumSet, rng: np.random.Generator) -> Pairs:
    """Half of the b ions are gone, all ions vary by 0.3 in the logarithm, and 12 faint peaks are foreign."""
    tokens = np.where(ladders.tokens > STOP, ladders.tokens, PAD)
    ions = annotate(ladders.peaks, tokens)
    height = ions.intensity * np.exp(0.3 * rng.standard_normal(ions.intensity.shape))
    height[:, 0] *= rng.random(height[:, 0].shape) < 0.5
    foreign = rng.uniform(100, 900, (len(tokens), 12))
    mz = np.concatenate([ions.mz.reshape(len(tokens), -1), foreign], 1)
    faint = 0.05 * np.exp(0.5 * rng.standard_normal(foreign.shape))
    intensity = np.concatenate([height.reshape(len(tokens), -1), faint], 1)
    intensity /= intensity.max(1, keepdims=True)
    measured = pack(mz, intensity.astype(np.float32), intensity > 0, ladders.peaks)
    return Pairs(measured, ladders.peaks, tokens)


@pytest.fixture(scope="module")
def shown(ladders) -> Pairs:
    return without_half_of_the_b_ions(ladders, np.random.default_rng(1))


@pytest.fixture(scope="module")
def learned(shown) -> ResidualNoise:
    return learn_noise(shown, LearnedNoiseSettings(epochs=50, latent=2, width=32), TOLERANCE_PPM, 5)


def varied(learned: ResidualNoise, shown: Pairs, seed: int):
    return learned.vary(shown.predicted, shown.tokens, np.zeros(shown.tokens.shape), np.random.default_rng(seed))


def test_made_spectra_have_the_noise_that_was_shown(learned, shown):
    ions = annotate(shown.predicted, shown.tokens)
    made = annotate(varied(learned, shown, 3), shown.tokens)
    there = [(made.intensity[:, series] > 0)[ions.intensity[:, series] > 0].mean() for series in (0, 1)]
    assert there[0] == pytest.approx(0.5, abs=0.1)
    assert there[1] == pytest.approx(1.0, abs=0.1)
    y = (made.intensity[:, 1] > 0) & (ions.intensity[:, 1] > 0)
    ratio = np.where(y, np.log(made.intensity[:, 1].clip(1e-9) / ions.intensity[:, 1].clip(1e-9)), np.nan)
    spread = np.nanstd(ratio - np.nanmedian(ratio, 1, keepdims=True))
    assert spread == pytest.approx(0.3, abs=0.12)
    foreign = np.isfinite(varied(learned, shown, 3).mz).sum(1) - (made.intensity > 0).sum((1, 2))
    assert foreign.mean() == pytest.approx(12, abs=2)


def test_it_cannot_be_told_from_the_truth_as_plain_noise_can(learned, shown):
    groups = np.arange(len(shown))
    truth = spectrum_features(shown, TOLERANCE_PPM)
    plain = add_noise(shown.predicted, shown.tokens, NoiseSettings(), np.ones(len(shown)), np.random.default_rng(2))
    found = {
        name: distinguishability(truth, spectrum_features(replace(shown, measured=peaks), TOLERANCE_PPM), groups, 1)
        for name, peaks in (("plain", plain), ("learned", varied(learned, shown, 4)))
    }
    assert found["plain"] > 0.95
    assert found["learned"] < found["plain"] - 0.1


def test_two_draws_of_the_same_noise_are_not_told_apart(ladders):
    first, second = (without_half_of_the_b_ions(ladders, np.random.default_rng(seed)) for seed in (1, 2))
    features = [spectrum_features(pairs, TOLERANCE_PPM) for pairs in (first, second)]
    assert distinguishability(*features, np.arange(len(first)), 1) == pytest.approx(0.5, abs=0.1)


def test_the_same_seed_makes_the_same_spectra_also_from_disk(learned, shown, tmp_path):
    learned.save(tmp_path)
    again = ResidualNoise.load(tmp_path)
    first, second = varied(learned, shown, 7), varied(again, shown, 7)
    assert np.array_equal(first.mz, second.mz) and np.array_equal(first.intensity, second.intensity)
    assert not np.array_equal(first.intensity, varied(learned, shown, 8).intensity)
    (tmp_path / "noise.safetensors").write_bytes(b"half a file")
    with pytest.raises(CorruptedDataError):
        ResidualNoise.load(tmp_path)


def test_nothing_to_load_or_to_learn_from_is_said(shown, tmp_path):
    with pytest.raises(InputError, match="no learned noise here"):
        ResidualNoise.load(tmp_path)
    with pytest.raises(InputError, match="too few"):
        learn_noise(shown.select(np.arange(5)), LearnedNoiseSettings(), TOLERANCE_PPM, 1)
