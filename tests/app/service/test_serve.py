"""`peptrm serve` as a user starts and ends it."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import ROOT
from tests.app.service.conftest import send, until


@pytest.fixture
def started(model, tmp_path):
    """A service in a process of its own, with its own temporary folder."""
    words = [sys.executable, "-m", "app.main", "serve", "--port", "0", "--model", str(model), "--batch-size", "3"]
    process = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )
    assert process.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
    assert found
    yield process, found[0]
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_while_it_works(started, tmp_path, mgf, number):
    process, url = started
    with httpx.Client(base_url=url, timeout=60, transport=httpx.HTTPTransport(retries=20)) as client:
        assert client.get("/readyz").status_code == 200
        assert "<title>PepTRM</title>" in client.get("/").text
        assert "uvicorn" not in client.get("/").headers.get("server", "")
        job_id = send(client, mgf.read_bytes() * 200, steps=2)["id"]
        until(client, job_id, lambda job: job["state"] == "sequencing")
    assert list(tmp_path.glob("peptrm-serve-*"))
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "Traceback" not in error
    assert not list(tmp_path.glob("peptrm-serve-*"))


def _refused(peptrm, *words: object) -> str:
    done = peptrm("serve", *words)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_other_machines_need_a_key_or_an_explicit_word(peptrm, model, tmp_path):
    assert "--without-keys" in _refused(peptrm, "--host", "0.0.0.0", "--model", model)
    keys = tmp_path / "keys"
    keys.write_text("short\n")
    assert "fewer than" in _refused(peptrm, "--host", "0.0.0.0", "--api-keys", keys, "--model", model)


def test_a_taken_port_and_a_missing_model_are_told(peptrm, model, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in _refused(peptrm, "--port", port, "--model", model)
    assert "no model here" in _refused(peptrm, "--port", 0, "--model", tmp_path)


def test_help_has_an_example(peptrm):
    assert "Example: peptrm serve" in peptrm("serve", "--help").stdout


def test_the_page_is_in_the_package():
    static = Path(ROOT, "app", "service", "static")
    assert {"index.html", "page.js", "style.css", "example.mgf"} <= {path.name for path in static.iterdir()}
    for path in static.iterdir():
        text = path.read_text()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), f"{path.name} names another host"
