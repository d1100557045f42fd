"""A clone of the project with the smallest parameters that still run every stage, and a real Prefect server."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
_TRACKED = ("app", "data", "model", "tasks", "flows", ".dvc", ".dvcignore", ".gitignore", "dvc.yaml", "prefect.yaml")
_TRACKED += ("prefect.toml", "params.yaml", "pyproject.toml", "README.md", "profiles")


def tiny_params() -> dict[str, Any]:
    """params.yaml with everything as small as it goes."""
    params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["proteomes"] |= {"proteins_per_species": 4, "general_proteins": 12}
    params["peptides"] |= {"per_species": 12, "pretraining": 150, "max_length": 12, "validation_share": 0.2}
    params["synthesis"] |= {"shard_rows": 100, "processes": 1}
    params["network"] |= {"width": 16, "heads": 2, "core_layers": 1, "candidate_width": 8, "slots": 16}
    params["training"] |= {
        "batch_size": 8,
        "validate_every": 4,
        "checkpoint_every_minutes": 0.0,
        "validation_spectra": 8,
    }
    params["training"]["stages"] = [{"name": "clean", "updates": 4, "learning_rate": 0.001}]
    params["cross_validation"] |= {"retry_delay_s": 0.1, "retries": 1}
    params["cross_validation"]["training"] |= {"batch_size": 8, "validate_every": 2, "validation_spectra": 8}
    params["cross_validation"]["training"]["stages"] = [{"name": "mild", "updates": 2, "learning_rate": 0.001}]
    params["calibration"] |= {"spectra": 20, "fold_spectra": 0, "test_spectra": 8}
    params["evaluation"] |= {"steps": 4, "bootstrap_samples": 20, "sample_spectra": 2}
    return params


class Clone:
    """A folder with the project's files as a git repository, and how to run commands in it."""

    def __init__(self, root: Path, api_url: str) -> None:
        self.root = root
        self.env = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PWD": str(root),
            "PYTHONPATH": str(root),
            "PREFECT_API_URL": api_url,
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
        }

    def run(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            words, cwd=self.root, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own, its output into a file."""
        log = (self.root / "background.log").open("wb")
        return subprocess.Popen(
            words, cwd=self.root, env=self.env, stdout=log, stderr=log, start_new_session=True, stdin=subprocess.DEVNULL
        )

    def read_params(self) -> dict[str, Any]:
        """The clone's parameters."""
        params: dict[str, Any] = yaml.safe_load((self.root / "params.yaml").read_text())
        return params

    def write_params(self, params: dict[str, Any]) -> None:
        """Replace the clone's parameters."""
        (self.root / "params.yaml").write_text(yaml.safe_dump(params))

    def commit(self) -> None:
        """Commit everything that git does not ignore."""
        for words in (("add", "-A"), ("commit", "-q", "-m", "state")):
            done = self.run("git", *words)
            assert done.returncode == 0, done.stderr


def make_clone(folder: Path, api_url: str) -> Clone:
    """The project's files under tiny parameters, committed."""
    folder.mkdir(parents=True)
    for name in _TRACKED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "cache", "tmp"))
        else:
            shutil.copy(source, folder / name)
    clone = Clone(folder, api_url)
    clone.write_params(tiny_params())
    assert clone.run("git", "init", "-q", "-b", "main").returncode == 0
    clone.commit()
    return clone


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API's address of a real Prefect server on loopback."""
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    env = os.environ | {"PREFECT_HOME": str(home)}
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=env,
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/api"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail("the Prefect server did not start")
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Clone:
    """A clone in which the whole pipeline has run once by `dvc repro`."""
    clone = make_clone(tmp_path_factory.mktemp("pipeline") / "clone", prefect_server)
    done = clone.run("dvc", "repro", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    clone.commit()
    return clone


@pytest.fixture
def new_clone(tmp_path: Path, prefect_server: str) -> Callable[[], Clone]:
    """Makes a clone in which nothing has run."""
    return lambda: make_clone(tmp_path / "clone", prefect_server)
