"""What all tests share: reproducible hypothesis, no telemetry, the folder of real data, a small file and a network."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from data.chemistry import ION_SERIES, WATER, fragment_mz, precursor_mz
from data.schema import Spectrum
from data.vocabulary import VOCABULARY

os.environ.update(
    DO_NOT_TRACK="true",
    MLFLOW_DISABLE_TELEMETRY="true",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    OMP_NUM_THREADS="1",
)

# tests in the background are started with Ctrl-C ignored, and so would be every program that they start
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("peptrm", deadline=None, derandomize=True, database=None)
settings.load_profile("peptrm")


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder of real annotated spectra, named by PEPTRM_MIRROR; its README lists the files."""
    folder = os.environ.get("PEPTRM_MIRROR")
    if not folder:
        pytest.skip("PEPTRM_MIRROR does not name a folder of real data")
    return Path(folder)


def ladder(peptide: str) -> Spectrum:
    """A complete b/y ladder."""
    masses = VOCABULARY.masses[VOCABULARY.encode(peptide)]
    total = float(masses.sum()) + WATER
    mz = np.sort(np.concatenate([fragment_mz(np.cumsum(masses)[:-1], total, series) for series in ION_SERIES[:2]]))
    return Spectrum(peptide, precursor_mz(total, 2), 2, mz, np.ones(len(mz), np.float32), peptidoform=peptide)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a network that was barely trained: enough to run every command, not to be right."""
    from data.batches import SpectrumSet
    from data.settings import NoiseSettings, PreprocessingSettings
    from model.recipe import Recipe
    from model.settings import NetworkSettings, StageSettings, TrainingSettings
    from model.trainer import train

    folder = tmp_path_factory.mktemp("model")
    spectra = SpectrumSet.from_spectra([ladder(peptide) for peptide in ("PEPTLDEK", "SAMPLER", "VELVETK")])
    train(
        recipe=Recipe(
            network=NetworkSettings(
                width=16, heads=2, encoder_layers=0, core_layers=1, slots=32, candidate_width=8, steps=4
            ),
            training=TrainingSettings(
                stages=(StageSettings(name="clean", updates=3),), batch_size=4, validate_every=3, warmup_updates=1
            ),
            noise=NoiseSettings(),
            preprocessing=PreprocessingSettings(),
            seed=1,
        ),
        training_set=spectra,
        validation_set=spectra,
        folder=folder,
    )
    return folder


@pytest.fixture
def mgf(tmp_path: Path) -> Path:
    """Three annotated spectra."""
    path = tmp_path / "three.mgf"
    with path.open("w") as stream:
        for peptide in ("PEPTLDEK", "SAMPLER", "VELVETK"):
            spectrum = ladder(peptide)
            stream.write(f"BEGIN IONS\nPEPMASS={spectrum.precursor_mz}\nCHARGE=2+\nSEQ={peptide}\n")
            stream.writelines(f"{mz} 1\n" for mz in spectrum.mz)
            stream.write("END IONS\n")
    return path
