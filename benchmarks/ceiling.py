"""What a perfect reader could get from noisy and measured spectra: what the ions that are there and the mass determine.

python -m benchmarks.ceiling --shards DIR [--annotated DIR]

A residue whose two cleavages both survive is determined. A stretch of k residues between two surviving cleavages has
a known mass: the reader knows k, and says for each place the residue that is most probable among all ordered sequences
of k residues with this mass, weighted by how frequent residues are; for the whole peptide it says the most probable
sequence. It is never led astray by foreign peaks or by mass errors. It reads masses alone: what the heights of peaks
say about their residues is not in this bound.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import TEST_FILES, can_be_written
from data.batches import SpectrumSet, pretraining_sets
from data.noise import add_noise
from data.preprocessing import preprocess
from data.readers import read_spectra
from data.settings import PreprocessingSettings, UniformNoise
from data.structured_noise import annotate
from data.vocabulary import PAD, STOP, VOCABULARY
from model.breakdown import seen_cleavages

BIN_DA = 0.02
LONGEST = 12


class PerfectReader:
    """Knows how many sequences of k residues have a mass."""

    def __init__(self, tokens: NDArray[np.int64]) -> None:
        residues, counts = np.unique(tokens[VOCABULARY.is_residue[tokens]], return_counts=True)
        self.residues, self.frequency = residues, counts / counts.sum()
        self.places = np.round(VOCABULARY.masses[residues] / BIN_DA).astype(int)
        self.sequences, self.best = [np.ones(1)], [np.ones(1)]
        for _ in range(LONGEST):
            shorter, best = self.sequences[-1], self.best[-1]
            longer = np.zeros(len(shorter) + self.places.max())
            longer_best = np.zeros_like(longer)
            for place, share in zip(self.places, self.frequency, strict=True):
                here = slice(place, place + len(shorter))
                longer[here] += share * shorter
                longer_best[here] = np.maximum(longer_best[here], share * best)
            self.sequences.append(longer)
            self.best.append(longer_best)

    def chance_of_best(self, mass: float, length: int) -> float:
        """Probability of the most probable sequence of this mass; of a long stretch there is none."""
        if length > LONGEST:
            return 0.0
        place = round(mass / BIN_DA)
        near = slice(max(place - 1, 0), place + 2)
        return float(self.best[length][near].max() / max(self.sequences[length][near].sum(), 1e-300))

    def most_probable(self, mass: float, length: int) -> int:
        """The residue most probable at any place of a stretch: by symmetry the same for all of its places."""
        rest = self.sequences[min(length, LONGEST) - 1]
        left = np.round(mass / BIN_DA).astype(int) - self.places
        weight = [
            share * rest[max(place - 1, 0) : place + 2].sum() if 0 <= place < len(rest) + 1 else 0.0
            for place, share in zip(left, self.frequency, strict=True)
        ]
        return int(self.residues[int(np.argmax(weight))])


def surviving(spectra: SpectrumSet, noise: UniformNoise, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(spectra, slots), which cleavages still show one of their ions after dropout and preprocessing."""
    alone = UniformNoise(noise_peaks=0, peak_dropout=noise.peak_dropout, peak_error_ppm=0.0, intensity_sigma=0.0)
    tokens = np.where(spectra.tokens > STOP, spectra.tokens, PAD)
    kept = add_noise(spectra.peaks, tokens, alone.settings(), np.ones(len(tokens)), rng)
    visible = preprocess(kept, PreprocessingSettings())
    return np.asarray((annotate(visible, tokens).intensity > 0).any(1))


def read(reader: PerfectReader, tokens: NDArray[np.int64], seen: NDArray[np.bool_]) -> tuple[float, ...]:
    """Tokens determined, right by determination or guess, all with the stop, and the chance of the whole peptide.

    A terminal modification is taken as known.
    """
    peptide, seen = tokens[VOCABULARY.is_residue[tokens]], seen[VOCABULARY.is_residue[tokens]]
    ends = [*np.flatnonzero(seen[: len(peptide) - 1]), len(peptide) - 1]
    first, determined, right, whole = 0, 1, 1, 1.0  # the stop
    for end in ends:
        stretch = peptide[first : end + 1]
        if len(stretch) == 1:
            determined, right = determined + 1, right + 1
        else:
            guess = reader.most_probable(VOCABULARY.masses[stretch].sum(), len(stretch))
            right += int((stretch == guess).sum())
            whole *= reader.chance_of_best(VOCABULARY.masses[stretch].sum(), len(stretch))
        first = end + 1
    return determined, right, len(peptide) + 1, whole


def told(reader: PerfectReader, tokens: Sequence[NDArray[np.int64]], seen: Sequence[NDArray[np.bool_]]) -> str:
    """A row of the table: shares of cleavages seen, tokens determined, tokens and peptides right."""
    counts = np.array([read(reader, t, s) for t, s in zip(tokens, seen, strict=True)])
    determined, right, total, whole = counts.sum(0)
    inner = counts[:, 2].astype(int) - 2
    cleavages = (
        sum(s[VOCABULARY.is_residue[t]][:n].sum() for t, s, n in zip(tokens, seen, inner, strict=True)) / inner.sum()
    )
    return f"{cleavages:15.3f} {determined / total:18.3f} {right / total:15.3f} {whole / len(counts):15.3f}"


def main() -> None:
    """Print the bounds for clean spectra, for the hard noise, and for measured files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, default=Path("workspace/shards/clean"))
    parser.add_argument("--validation-share", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, nargs="*", default=[0.0, 0.15, 0.3, 0.45])
    parser.add_argument("--annotated", type=Path, help="folder of the annotated test files")
    parser.add_argument("--seed", type=int, default=20260101)
    options = parser.parse_args()
    _, spectra = pretraining_sets(options.shards, options.validation_share)
    reader = PerfectReader(spectra.tokens)
    print(f"{len(spectra)} predicted spectra, seed {options.seed}")
    print("                    cleavages seen  tokens determined  perfect reader  whole peptides")
    for dropout in options.dropout:
        noise = UniformNoise(noise_peaks=0, peak_dropout=dropout, peak_error_ppm=0.0, intensity_sigma=0.0)
        seen = surviving(spectra, noise, np.random.default_rng(options.seed))
        print(f"peak dropout {dropout:.2f}  ", told(reader, list(spectra.tokens), list(seen)))
    for name in TEST_FILES if options.annotated else ():
        measured = [s for s in read_spectra(options.annotated / f"{name}.mgf") if can_be_written(s.peptidoform)]
        tokens = [np.array([*VOCABULARY.encode(s.peptidoform or ""), STOP]) for s in measured]
        print(f"{name:18}", told(reader, tokens, [np.append(seen_cleavages(s), [False, False]) for s in measured]))


if __name__ == "__main__":
    main()
