"""Progress where nobody watches: nothing for a short run, few lines for a long one, and each says what it can."""

from pathlib import Path

import pytest

import app.progress
from app.progress import Progress
from tasks.wording import counted, rate

BATCH, SECONDS = 128, 16.0


@pytest.fixture
def after(monkeypatch):
    """Sets the clock to so many seconds after the start."""
    now = [0.0]
    monkeypatch.setattr(app.progress.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def lines_of(after, capsys, batches: int, share: float | None = None) -> list[str]:
    with Progress() as progress:
        progress.file(Path("run.mgf"))
        for batch in range(1, batches + 1):
            after(batch * SECONDS)
            progress.advance(batch * BATCH, share and batch * share)
    return capsys.readouterr().err.splitlines()


def test_a_short_run_says_nothing(after, capsys):
    with Progress() as progress:
        after(9.9)
        progress.advance(128, 0.9)
    assert capsys.readouterr().err == ""


def test_a_long_run_says_little_and_ever_less_often(after, capsys):
    lines = lines_of(after, capsys, batches=900)  # four hours
    assert lines[:3] == [f"run.mgf: {batch * BATCH} spectra, 8.0 spectra/s" for batch in (1, 2, 4)]
    assert 45 <= len(lines) <= 60


def test_a_line_tells_the_time_left_where_the_share_is_known(after, capsys):
    assert lines_of(after, capsys, 1, 0.25) == ["run.mgf: 128 spectra, 8.0 spectra/s, 48 s left"]


def test_a_rate_is_told_only_once_there_is_one(after, capsys):
    with Progress() as progress:
        progress.file(Path("run.mgf"))
        after(40.0)
        progress.advance(1)
    assert capsys.readouterr().err == "run.mgf: 1 spectrum\n"


def test_an_interrupted_run_that_goes_on_counts_only_its_own_time(after, capsys):
    with Progress() as progress:
        progress.advance(1000)
        after(5.0)
        progress.file(Path("run.mgf"))
        after(25.0)
        progress.advance(1100, 0.5)
    assert capsys.readouterr().err == "run.mgf: 1100 spectra, 5.0 spectra/s\n"


def test_quiet_is_quiet(after, capsys):
    with Progress(quiet=True) as progress:
        after(100.0)
        progress.advance(128)
    assert capsys.readouterr().err == ""


def test_words_and_rates():
    assert [counted(n, "spectrum") for n in (0, 1, 2)] == ["0 spectra", "1 spectrum", "2 spectra"]
    assert counted(2, "novel peptide") == "2 novel peptides"
    assert [rate(0, 1.0), rate(1, 0.0), rate(1, 40.0), rate(7, 2.0), rate(250, 2.0)] == [
        "",
        "",
        "",
        "3.5 spectra/s",
        "125 spectra/s",
    ]
