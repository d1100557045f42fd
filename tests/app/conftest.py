"""How a test runs the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def peptrm():
    """Runs the command as a user does."""

    def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app.main", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )

    return run
