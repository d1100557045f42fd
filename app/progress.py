"""Progress for people: a live bar on a terminal, a few plain lines elsewhere, none for a short run."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from tasks.wording import counted, rate

_FIRST_LINE_S = 10.0
_RARELY_S = 300.0
"""Between two plain lines; before that, each comes after twice the time of the one before."""


class Progress:
    """Shows how many spectra are done, how fast, and how long it may take; writes to the standard error stream."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._bar: Bar | None = None
        self._task = TaskID(0)
        if not quiet and sys.stderr.isatty():
            names, texts = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[text]}")
            self._bar = Bar(
                names, BarColumn(bar_width=20), texts, console=self._console, refresh_per_second=4, transient=True
            )
            self._task = self._bar.add_task("", total=None, text="")
        self._began = time.monotonic()
        self._next_line = self._began + _FIRST_LINE_S
        self._file = ""
        self._done = self._done_before = 0
        self._share_before: float | None = 0.0

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def say(self, lines: Iterable[str]) -> None:
        """Lines for people, when the work is done."""
        if not self._quiet:
            print("\n".join(lines), file=sys.stderr)

    def file(self, path: Path) -> None:
        """A new file begins."""
        if not self._file and self._done:  # an interrupted run goes on: its spectra cost no time now
            self._began, self._done_before, self._share_before = time.monotonic(), self._done, None
        self._file = path.name

    def advance(self, done: int, share: float | None = None) -> None:
        """So many spectra are done, and about this share of all the work."""
        self._done = done
        now = time.monotonic()
        if self._share_before is None:
            self._share_before = share
        if self._bar:
            total = None if share is None else 1.0
            self._bar.update(
                self._task, description=self._file, total=total, completed=share, text=self._text(now, share)
            )
        elif not self._quiet and now >= self._next_line:
            self._next_line = now + min(now - self._began, _RARELY_S)
            name = f"{self._file}: " if self._file else ""
            print(f"{name}{self._text(now, share)}", file=sys.stderr, flush=True)

    def _text(self, now: float, share: float | None) -> str:
        elapsed = max(now - self._began, 1e-3)
        text = counted(self._done, "spectrum")
        if speed := rate(self._done - self._done_before, elapsed):
            text += f", {speed}"
        worked = (share or 0.0) - (self._share_before or 0.0)
        if share is not None and share < 1 and worked > 0:
            text += f", {_duration(elapsed * (1 - share) / worked)} left"
        return text


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
