"""What all tests share: reproducible hypothesis, no telemetry, and the folder of real data."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

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
