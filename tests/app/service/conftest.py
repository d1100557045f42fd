"""The service on a real port of loopback, around a barely trained network that looks for no proof, to be quick."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from app.service.api import create_app
from app.service.limits import Limits
from data.readers import read_spectra
from data.schema import Spectrum
from model.answers import AnswerSettings
from model.inference import Sequencer

FILE = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="session")
def sequencer(model: Path) -> Sequencer:
    """Answers with the most probable residues."""
    return make_sequencer(model)


def make_sequencer(model: Path, batch_size: int = 16) -> Sequencer:
    return Sequencer(model, threads=1, batch_size=batch_size, answers=AnswerSettings(exact=False))


@contextmanager
def running(sequencer: Sequencer, limits: Limits | None = None, **options: object) -> Iterator[SimpleNamespace]:
    """A running service: its address, a client, its application."""
    app = create_app(sequencer, limits, **options)  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=60) as client:
            yield SimpleNamespace(url=url, client=client, app=app, state=app.state.service)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def service(sequencer: Sequencer) -> Iterator[SimpleNamespace]:
    """With the limits of everybody."""
    with running(sequencer) as service:
        yield service


@pytest.fixture
def spectra(mgf: Path) -> list[Spectrum]:
    """Three."""
    return list(read_spectra(mgf))


def as_json(spectrum: Spectrum) -> dict[str, object]:
    return {
        "id": spectrum.spectrum_id,
        "precursor_mz": spectrum.precursor_mz,
        "precursor_charge": spectrum.precursor_charge,
        "mz": spectrum.mz.tolist(),
        "intensity": spectrum.intensity.tolist(),
    }


def send(client: httpx.Client, content: bytes, name: str = "run.mgf", **query: object) -> dict[str, object]:
    """The job of a file."""
    answer = client.post("/v1/sequence", params={"name": name, **query}, content=content, headers=FILE)  # type: ignore[dict-item]
    assert answer.status_code == 202, answer.text
    return answer.json()  # type: ignore[no-any-return]


def wait_for(holds: Callable[[], object]) -> None:
    """Look until something holds; a minute is too long for all that is waited for."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def until(client: httpx.Client, job_id: object, reached: Callable[[dict], bool]) -> dict:
    """The job's status once it is as wanted."""
    while not reached(status := client.get(f"/v1/jobs/{job_id}").raise_for_status().json()):
        time.sleep(0.02)
    return status


def finished(client: httpx.Client, job_id: object) -> dict:
    return until(client, job_id, lambda job: job["state"] in ("completed", "failed", "cancelled"))
