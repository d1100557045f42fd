"""Accuracy against samples seen, a power law through it, and how many samples the law asks for.

python -m benchmarks.learning_curve --model DIR --ceiling clean=0.976 hard=0.800 --target clean=0.95 hard=0.75

The law: what is missing to the ceiling falls as a power of the samples, ceiling − accuracy = factor · samples^exponent,
fitted by least squares on logarithms over the second half of the training's logarithmic span.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

KINDS = {"clean": "easy", "hard": "hard"}


def main() -> None:
    """Print the curve and the law of each kind of spectra."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("workspace/models/pretrained"))
    parser.add_argument("--ceiling", nargs="*", default=["clean=0.976", "hard=0.800"])
    parser.add_argument("--target", nargs="*", default=["clean=0.95", "hard=0.75"])
    options = parser.parse_args()
    records = [json.loads(line) for line in (options.model / "metrics.jsonl").read_text().splitlines()]
    ceilings, targets = _pairs(options.ceiling), _pairs(options.target)
    for kind, name in KINDS.items():
        samples, accuracy = _curve(records, name)
        print(f"\n{kind}: samples, token accuracy after the last step")
        print("\n".join(f"{count:12,.0f} {value:.3f}" for count, value in zip(samples, accuracy, strict=True)))
        _print_law(samples, accuracy, ceilings[kind], targets[kind])


def _pairs(words: list[str]) -> dict[str, float]:
    return {name: float(value) for name, value in (word.split("=") for word in words)}


def _curve(records: list[dict[str, object]], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Samples seen and accuracy of each validation after the first, which is of the untrained network."""
    pairs = []
    for record in records:
        found = record.get(name)
        if record.get("kind") == "validate" and isinstance(found, dict) and record["samples"]:
            pairs.append((record["samples"], found["token_accuracy_by_step"][-1]))
    samples, accuracy = np.array(pairs, float).T
    return samples, accuracy


def _print_law(samples: NDArray[np.float64], accuracy: NDArray[np.float64], ceiling: float, target: float) -> None:
    late = np.log(samples) > np.log(samples[[0, -1]]).mean()
    slope, offset = np.polyfit(np.log(samples[late]), np.log(ceiling - accuracy[late]), 1)
    wanted = np.exp((np.log(ceiling - target) - offset) / slope)
    print(f"ceiling {ceiling}: what is missing falls as samples^{slope:.3f}; {target} after {wanted:.3g} samples")


if __name__ == "__main__":
    main()
