"""Training speed on this machine: spectra a second, and where the time of an update goes.

python -m benchmarks.training --shards DIR [--threads 2]
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from data.batches import pretraining_sets
from model.trainer import _Run
from tasks.params import load_params
from tasks.training import pretraining_recipe


class Stopwatch:
    """Sums the time of some methods."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def watch(self, owner: Any, name: str, label: str) -> None:
        """Time every call of a method under a label."""
        method: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*arguments, **more)
            finally:
                self.seconds[label] += time.perf_counter() - began

        setattr(owner, name, timed)


def main() -> None:
    """Print samples a second and the share of each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, default=Path("workspace/shards/clean"))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--updates", type=int, default=50)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    recipe = pretraining_recipe(load_params())
    training = replace(recipe.training, threads=options.threads, workers=options.workers, validation_spectra=8)
    spectra, unseen = pretraining_sets(options.shards, 0.05)
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        run = _Run(replace(recipe, training=training), spectra, unseen, None, None, Path(folder), None, "cpu")
        run.records.begin(run.summary)
        for _ in range(5):
            run.update(None)
        watch = Stopwatch()
        network = run.network
        for owner, name, label in (
            (run, "_filled", "rows and index"),
            (network, "encode", "encoder"),
            (network.mass_evidence, "forward", "evidence"),
            (network, "_anchor", "anchor"),
            (network, "_think", "core layers"),
            (network, "_score", "candidate score"),
            (run.objective, "_losses", "losses"),
            (run.optimizer, "step", "optimiser"),
            (run.average, "update", "moving average"),
        ):
            watch.watch(owner, name, label)
        began = time.perf_counter()
        for _ in range(options.updates):
            run.update(None)
        seconds = time.perf_counter() - began
    rows = options.updates * training.batch_size
    print(f"{rows / seconds:.0f} samples/s, {options.threads} threads, precision {training.precision}")
    for label, spent in watch.seconds.most_common():
        print(f"{label:20} {spent / seconds:6.1%}")
    print(f"{'backward and rest':20} {1 - sum(watch.seconds.values()) / seconds:6.1%}")
    run.stream.close()


if __name__ == "__main__":
    main()
