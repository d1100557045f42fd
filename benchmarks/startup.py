"""How long `--help` of every verb takes, and what it imports: `python -m benchmarks.startup`."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from typer.main import get_command

from app.main import app

RUNS = 5


def verbs(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every verb and of every group of them."""
    yield words
    for name, verb in getattr(command, "commands", {}).items():
        yield from verbs(verb, (*words, name))


def seconds(words: tuple[str, ...]) -> tuple[list[float], float]:
    """Of several starts, the shortest first, and the processor's seconds of one, which other programs disturb less."""
    command = [sys.executable, "-m", "app.main", *words, "--help"]
    found = []
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - began)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return sorted(found), processor / RUNS


def heaviest(words: tuple[str, ...], count: int = 5) -> list[str]:
    """The modules whose import took longest, with what they import."""
    command = [sys.executable, "-X", "importtime", "-m", "app.main", *words, "--help"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    rows = [line.removeprefix("import time:").split("|") for line in lines if line.startswith("import time:")][1:]
    rows.sort(key=lambda row: -int(row[1]))
    return [f"{int(cumulative) / 1000:.0f} ms {name.strip()}" for _, cumulative, name in rows[:count]]


if __name__ == "__main__":
    print("| verb | least s | median s | processor s |\n|---|---|---|---|")
    for words in verbs(get_command(app)):
        found, processor = seconds(words)
        print(f"| peptrm {' '.join(words)} | {found[0]:.2f} | {median(found):.2f} | {processor:.2f} |", flush=True)
    print("\nHeaviest imports of `peptrm sequence --help`: " + "; ".join(heaviest(("sequence",))))
