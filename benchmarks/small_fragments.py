"""How often measured spectra show immonium ions and internal fragments of their peptides, and others by chance.

PEPTRM_MIRROR=DIR python -m benchmarks.small_fragments --params FILE

The spectra are all measured ones that the parameters name; ``profiles/base.yaml`` makes them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.match_score import Examiner
from benchmarks.spectrum_graph import measured
from data.batches import SpectrumSet
from data.vocabulary import VOCABULARY
from model.match_score import INTERNAL, MatchScore
from model.small_fragments import small_fragments
from tasks.params import load_params
from tasks.pretraining import measured_spectra


def shuffled(peptides: Tensor, rng: np.random.Generator) -> Tensor:
    """Peptides, (batch, slots), whose residues but the first and the last stand in another order."""
    found = peptides.clone()
    for row in found:
        inner = torch.from_numpy(VOCABULARY.is_residue)[row].nonzero()[1:-1, 0]
        row[inner] = row[inner[torch.from_numpy(rng.permutation(len(inner)))]]
    return found


def told(examiner: Examiner, spectra: SpectrumSet, rng: np.random.Generator) -> Iterator[dict[str, Tensor]]:
    """What each batch of spectra shows, by name."""
    answered = examiner.judge.answered
    residues = answered[torch.from_numpy(VOCABULARY.is_residue)[answered]]
    upper = torch.triu(torch.ones(len(residues), len(residues), dtype=torch.bool))
    for read, tokens in measured(spectra):
        index = examiner.evidence.index(read.mz, read.intensity, read.precursor_mz, read.charge)
        own = examiner.judge.peptides(tokens)
        both = torch.stack([own, shuffled(own, rng)], 1)
        _, whole = examiner.score.features(examiner.evidence, index, torch.zeros(both.shape), both)
        small = small_fragments(examiner.evidence, index)
        holds = (own[:, None] == residues[:, None]).any(2)
        beside = torch.zeros(len(own), len(residues), len(residues), dtype=torch.bool)
        for left, right in zip(own.unbind(1)[1:], own.unbind(1)[2:-1], strict=False):
            beside |= (left[:, None] == residues)[..., None] & (right[:, None] == residues)[:, None]
        beside = beside | beside.mT
        ions, pairs = small.residue[:, residues, 0], small.pair[:, residues][:, :, residues, 0]
        yield {
            "immonium ions of residues in the peptide": ions[holds],
            "immonium ions of others": ions[~holds],
            "fragments of two neighbours": pairs[beside & upper],
            "fragments of two others": pairs[~beside & upper],
            "peaks that internal fragments alone explain": whole[:, 0, INTERNAL] * 10,
            "the same of a peptide of the same residues, shuffled": whole[:, 1, INTERNAL] * 10,
        }


def main() -> None:
    """Print a row of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    params = load_params(parser.parse_args().params)
    examiner, rng = Examiner(params, MatchScore(VOCABULARY).eval()), np.random.default_rng(params.seed)
    found: dict[str, list[Tensor]] = {}
    for side in measured_spectra(params):
        for batch in told(examiner, SpectrumSet.from_spectra(side), rng):
            for name, values in batch.items():
                found.setdefault(name, []).append(values)
    for name, parts in found.items():
        values = torch.cat(parts)
        print(f"{name}: {float(values.mean()):.3f} (mean of {len(values)})")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
