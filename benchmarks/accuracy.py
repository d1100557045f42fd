"""How a network refines its answers: accuracy, cross-entropy and edits by step, and accuracy by length.

python -m benchmarks.accuracy --model DIR --shards DIR --validation-share 0.05

On peptides that were not trained on, clean and with the hard noise (45% dropout, 30 foreign peaks, 20 ppm, 0.7).
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from data.batches import pretraining_sets
from data.settings import UniformNoise
from model.checkpoint import autocast, load_network
from model.refinement import Refinement
from model.validation import refinement, with_noise

HARD = UniformNoise(noise_peaks=30, peak_dropout=0.45, peak_error_ppm=20.0, intensity_sigma=0.7)
SHOWN = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32)


def main() -> None:
    """Print the figures of clean and hard spectra."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("workspace/models/pretrained"))
    parser.add_argument("--shards", type=Path, default=Path("workspace/shards/clean"))
    parser.add_argument("--validation-share", type=float, default=0.05)
    parser.add_argument("--spectra", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20260101)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network, preprocessing = load_network(options.model)
    _, unseen = pretraining_sets(options.shards, options.validation_share)
    rng = np.random.default_rng(options.seed)
    clean = unseen.select(rng.permutation(len(unseen))[: options.spectra])
    for name, spectra in (("clean", clean), ("hard", with_noise(clean, HARD.settings(), rng))):
        with autocast("cpu", "auto"):
            found = refinement(network, spectra, preprocessing, max(SHOWN), "cpu")
        print(f"\n{name}: {found.spectra} unseen peptides, seed {options.seed}")
        _print(found)


def _print(found: Refinement) -> None:
    print(f"{'step':>24}" + "".join(f"{step:7d}" for step in SHOWN))
    for name in ("token_accuracy", "peptide_recall", "cross_entropy", "edit_rate", "edit_quality"):
        values = getattr(found, f"{name}_by_step")
        print(f"{name.replace('_', ' '):>24}" + "".join(f"{values[step - 1]:7.3f}" for step in SHOWN))
    for name in ("token_accuracy", "peptide_recall"):
        by_length = getattr(found, f"{name}_by_length")
        print(f"{name.replace('_', ' ')} by residues: " + ", ".join(f"{k} {v:.3f}" for k, v in by_length.items()))
    print(f"settled at step {found.convergence_step:.1f} on average")


if __name__ == "__main__":
    main()
