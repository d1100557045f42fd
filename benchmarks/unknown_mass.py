"""Gaps: how often a network with a gap token finds a residue or stretch of unknown mass, and what it says that weighs.

python -m benchmarks.unknown_mass --model DIR --shards DIR --validation-share 0.05

On peptides that were not trained on, each with a residue of a random mass shift or a stretch without cleavages.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from data.batches import pretraining_sets
from data.masking import mask
from data.preprocessing import preprocess
from data.vocabulary import GAP, PAD, VOCABULARY
from model.checkpoint import autocast, load_network
from model.spectra import to_spectra


def main() -> None:
    """Print how many gaps are found, and the error of their masses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--shards", type=Path, default=Path("workspace/shards/clean"))
    parser.add_argument("--validation-share", type=float, default=0.05)
    parser.add_argument("--spectra", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--seed", type=int, default=20260101)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network, preprocessing = load_network(options.model)
    _, unseen = pretraining_sets(options.shards, options.validation_share)
    rng = np.random.default_rng(options.seed)
    spectra = unseen.select(rng.permutation(len(unseen))[: options.spectra])
    masked = mask(spectra.peaks, spectra.tokens, 1.0, rng)
    with torch.no_grad(), autocast("cpu", "auto"):
        peaks = to_spectra(preprocess(masked.peaks, preprocessing), preprocessing.max_peaks, "cpu")
        encoded, state = network.encode(peaks), network.start(len(peaks))
        for _ in range(options.steps):
            state = network(encoded, state)
        hypothesis = network.hypothesis(encoded, state)
    width = masked.tokens.shape[1]
    tokens, proposed = hypothesis.tokens.numpy()[:, :width], state.gap_mass.numpy()[:, :width]
    has_gap = (masked.tokens == GAP).any(1)
    found = ((tokens == GAP) & (masked.tokens == GAP)).any(1)
    alone = (tokens == GAP).sum(1) == 1
    right = ((tokens == masked.tokens) | (masked.tokens <= 1)).all(1)
    print(
        f"{has_gap.sum()} peptides with a gap, {(~has_gap).sum()} without, {options.steps} steps, seed {options.seed}"
    )
    print(f"gap in the right slot      {found[has_gap].mean():.3f}")
    print(f"whole peptide with its gap {right[has_gap].mean():.3f}")
    print(f"false gaps without one     {(tokens == GAP).any(1)[~has_gap].mean():.3f}")
    for name, rows in (("of found gaps", found & alone), ("of whole peptides", right & has_gap)):
        places = masked.tokens[rows] == GAP
        true = masked.gap_mass[rows][places]
        head = np.abs(proposed[rows][places] - true)
        taken = hypothesis.mass.numpy()[:, :width][rows][places]
        ppm = 1e6 * np.abs(taken - true) / (hypothesis.total_mass.numpy()[rows])
        print(
            f"{name}, median error: the head's mass {np.median(head):.2f} Da, "
            f"the precursor's difference {np.median(ppm):.2f} ppm of the peptide"
        )
    example = np.flatnonzero(right & has_gap)[:3]
    for row in example:
        print(VOCABULARY.decode(tokens[row][tokens[row] > PAD], hypothesis.mass.numpy()[row]))


if __name__ == "__main__":
    main()
