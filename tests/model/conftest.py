"""Small real spectra and settings for the network's tests."""

from pathlib import Path

import numpy as np
import pytest

from data.batches import SpectrumSet
from data.chemistry import ION_SERIES, WATER, fragment_mz, precursor_mz
from data.schema import Spectrum
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import VOCABULARY
from model.recipe import Recipe
from model.settings import NetworkSettings, StageSettings, TrainingSettings
from model.trainer import train


def ladder(peptide: str, charge: int, rng: np.random.Generator) -> Spectrum:
    """A complete b/y ladder with random intensities."""
    masses = VOCABULARY.masses[VOCABULARY.encode(peptide)]
    total = masses.sum() + WATER
    mz = np.sort(np.concatenate([fragment_mz(np.cumsum(masses)[:-1], total, series) for series in ION_SERIES[:2]]))
    intensity = rng.uniform(0.1, 1.0, len(mz)).astype(np.float32)
    return Spectrum(peptide, precursor_mz(total, charge), charge, mz, intensity / intensity.max(), peptidoform=peptide)


@pytest.fixture(scope="session")
def ladders() -> SpectrumSet:
    """200 peptides of 6–12 residues."""
    rng = np.random.default_rng(11)
    letters = list("GASPVTLNDQKEMHFRYW")
    peptides = {"".join(rng.choice(letters, rng.integers(6, 13))) for _ in range(200)}
    return SpectrumSet.from_spectra([ladder(peptide, 2, rng) for peptide in sorted(peptides)])


@pytest.fixture
def small_network() -> NetworkSettings:
    return NetworkSettings(width=32, heads=2, encoder_layers=1, core_layers=1, slots=16, candidate_width=16, steps=4)


@pytest.fixture
def short_training() -> TrainingSettings:
    return TrainingSettings(
        stages=(
            StageSettings(name="clean", updates=6),
            StageSettings(name="noisy", updates=6, noise_level=(0.0, 1.0), clean_share=0.5),
        ),
        batch_size=16,
        max_age=6,
        warmup_updates=2,
        validate_every=4,
        validation_spectra=32,
        checkpoint_every_minutes=0.0,
        threads=1,
    )


@pytest.fixture
def small_recipe(small_network, short_training) -> Recipe:
    return Recipe(
        network=small_network,
        training=short_training,
        noise=NoiseSettings(),
        preprocessing=PreprocessingSettings(),
        seed=3,
    )


def train_small(ladders: SpectrumSet, folder: Path) -> None:
    """Train a network that reads clean ladders of 6–12 residues."""
    train(
        recipe=Recipe(
            network=NetworkSettings(
                width=32, heads=2, encoder_layers=0, core_layers=1, slots=16, candidate_width=16, steps=4, max_steps=16
            ),
            training=TrainingSettings(
                stages=(StageSettings(name="clean", updates=200, learning_rate=3e-3),),
                batch_size=32,
                warmup_updates=10,
                validate_every=200,
                validation_spectra=16,
            ),
            noise=NoiseSettings(),
            preprocessing=PreprocessingSettings(),
            seed=2,
        ),
        training_set=ladders,
        validation_set=ladders,
        folder=folder,
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, ladders: SpectrumSet) -> Path:
    """The folder of such a network."""
    folder = tmp_path_factory.mktemp("trained")
    train_small(ladders, folder)
    return folder


@pytest.fixture(scope="session")
def spectra(ladders: SpectrumSet) -> list[Spectrum]:
    """Some of the ladders as records."""
    peaks = ladders.peaks
    return [
        Spectrum(
            f"ladder:{row}",
            float(peaks.precursor_mz[row]),
            int(peaks.charge[row]),
            peaks.mz[row][np.isfinite(peaks.mz[row])],
            peaks.intensity[row][np.isfinite(peaks.mz[row])],
            peptidoform=VOCABULARY.decode(ladders.tokens[row]),
        )
        for row in range(60)
    ]
