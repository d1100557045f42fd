"""Progress for people: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

_PLAIN_EVERY_S = 10.0


class Progress:
    """Shows how many spectra are done and how fast; writes to the standard error stream."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._live = None if quiet or not sys.stderr.isatty() else Live(console=self._console, refresh_per_second=4)
        self._began = self._last = time.monotonic()
        self._file = ""

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def file(self, path: Path) -> None:
        """A new file begins."""
        self._file = path.name

    def advance(self, done: int) -> None:
        """So many spectra are done."""
        now = time.monotonic()
        rate = done / max(now - self._began, 1e-3)
        text = f"{self._file}: {done} spectra, {rate:.0f} spectra/s"
        if self._live:
            self._live.update(Text(text))
        elif not self._quiet and now - self._last >= _PLAIN_EVERY_S:
            self._last = now
            self._console.print(text, highlight=False)
