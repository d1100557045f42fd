"""How long the page keeps a user waiting with thousands of spectra: `python -m benchmarks.page FILE`.

The spectra of a file are repeated under titles of their own; headless Chromium uploads them, scrolls, sorts, filters
and clicks. The network reads each spectrum once, for the page is measured. `--picture` draws it with its own example.
"""

import argparse
import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from app.service.api import create_app
from data.predictions import Prediction
from data.schema import Spectrum
from model.inference import Sequencer

DOUBTFUL = 0.9
SETTLED_MS = 700


class Remembering(Sequencer):
    """Answers what it has read before from memory."""

    def sequence(self, spectra: Sequence[Spectrum], steps: int | None = None, **options: Any) -> list[Prediction]:
        """The answers, in order."""
        known: dict[bytes, Prediction] = self.__dict__.setdefault("known", {})
        fresh = list({key: each for each in spectra if (key := each.mz.tobytes()) not in known}.values())
        for spectrum, prediction in zip(fresh, super().sequence(fresh, steps, **options), strict=True):
            known[spectrum.mz.tobytes()] = prediction
        return [replace(known[each.mz.tobytes()], spectrum_id=each.spectrum_id) for each in spectra]


def main() -> None:
    """Print a table, or draw the picture."""
    parser = argparse.ArgumentParser(description="Delays of the page of `peptrm serve`.")
    parser.add_argument("file", type=Path, nargs="?", help="MGF")
    parser.add_argument("--model", type=Path, default=Path("model/weights/base"))
    parser.add_argument("--spectra", type=int, default=5000)
    parser.add_argument("--picture", type=Path, help="draw the page with its example into this PNG")
    options = parser.parse_args()
    with served(options.model) as url, sync_playwright() as session:
        browser = session.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.set_default_timeout(600_000)
        tab.goto(url)
        if options.picture:
            draw(tab, options.picture)
        else:
            with tempfile.TemporaryDirectory() as folder:
                many = Path(folder) / "many.mgf"
                repeat(options.file, many, options.spectra)
                measure(browser, tab, many, options.spectra)
        browser.close()


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of a service of the model."""
    server = uvicorn.Server(uvicorn.Config(create_app(Remembering(model, threads=1)), port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def repeat(file: Path, many: Path, count: int) -> None:
    """Write so many spectra."""
    entries = [entry.splitlines() for entry in file.read_text().split("BEGIN IONS\n")[1:]]
    with many.open("w") as stream:
        for number, lines in enumerate(islice(cycle(entries), count)):
            untitled = (line for line in lines if not line.startswith("TITLE="))
            stream.write("\n".join(["BEGIN IONS", f"TITLE=spectrum {number}", *untitled, ""]))


def measure(browser: Browser, tab: Page, many: Path, count: int) -> None:
    """Do what a user does, and print the longest task of the page's thread in each action."""
    print("| action | longest task, ms | of it on the processor, ms |\n|---|---:|---:|")

    def act(name: str, action: Callable[[], Any]) -> None:
        browser.start_tracing(page=tab, categories=["toplevel", "__metadata"])
        action()
        tab.wait_for_timeout(SETTLED_MS)
        wall_ms, processor_ms = longest_task(json.loads(browser.stop_tracing())["traceEvents"])
        print(f"| {name} | {wall_ms:.0f} | {processor_ms:.0f} |", flush=True)

    def uploaded() -> None:
        tab.set_input_files("#file", many)
        tab.wait_for_selector(f'.grid[aria-rowcount="{count + 1}"]')
        tab.wait_for_selector(".tiles")
        tab.wait_for_selector("#job-cancel", state="hidden")

    def clicked() -> None:
        for place in range(2, 8):
            line = tab.locator(".line").nth(place)
            name = line.locator("span").first.get_attribute("title")
            line.click()
            tab.locator("#detail h2", has_text=re.compile(f"^{re.escape(str(name))}$")).wait_for()

    def jumped() -> None:
        for top in (1e9, 0):
            tab.evaluate(f"document.querySelector('.rows').scrollTop = {top}")

    act(f"{count:,} results arrive", uploaded)
    act("open them again", lambda: tab.reload() and tab.wait_for_selector(f'.grid[aria-rowcount="{count + 1}"]'))
    tab.locator(".rows").hover()
    act("turn the wheel 60 times", lambda: [tab.mouse.wheel(0, 700) for _ in range(60)])
    act("jump to the end and back", jumped)
    for column in ("Peptide", "Score", "m/z", "ppm", "Scan"):
        act(f"sort by {column}", tab.get_by_role("columnheader", name=column).locator("button").click)
    act("type a filter, AK", lambda: tab.locator("#filter").press_sequentially("AK"))
    act("clear the filter", lambda: tab.locator("#filter").fill(""))
    act("click six spectra", clicked)
    tab.locator(".grid").focus()
    act("arrow down, 100 times", lambda: [tab.keyboard.press("ArrowDown") for _ in range(100)])


def longest_task(events: list[dict[str, Any]]) -> tuple[float, float]:
    """Milliseconds by the clock and of the processor of the longest task of the page's main thread."""
    threads = {(e["pid"], e["tid"]) for e in events if e.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [e for e in events if e.get("name", "").endswith("RunTask") and (e["pid"], e["tid"]) in threads]
    longest = max(tasks, key=lambda task: task.get("tdur", 0))
    return max(task.get("dur", 0) for task in tasks) / 1000, longest.get("tdur", 0) / 1000


def draw(tab: Page, path: Path) -> None:
    """The page with its example, sorted by score, the first doubtful peptide chosen."""
    tab.locator("#example").click()
    tab.wait_for_selector(".tiles")
    tab.wait_for_selector("#job-cancel", state="hidden")
    tab.get_by_role("columnheader", name="Score").locator("button").click()
    scores = [float(text) for text in tab.locator(".line .score .number").all_inner_texts()]
    line = tab.locator(".line").nth(next(place for place, score in enumerate(scores) if score < DOUBTFUL))
    name = line.locator("span").first.get_attribute("title")
    line.click()
    tab.locator("#detail h2", has_text=re.compile(f"^{re.escape(str(name))}$")).wait_for()
    tab.wait_for_timeout(SETTLED_MS)
    tab.screenshot(path=path)


if __name__ == "__main__":
    main()
