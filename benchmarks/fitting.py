"""What the benchmarks that fit weights share: their arguments, and the spectra to fit to and to judge by."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from data.batches import SpectrumSet, pretraining_sets
from model.tensor_file import write_tensors
from tasks.params import Params
from tasks.pretraining import measured_spectra


@dataclass(frozen=True)
class Material:
    """Spectra.

    Attributes
    ----------
    ours, held_out : measured, to fit to and, of other peptides, to judge by.
    training, unseen : predicted, without noise, likewise.
    """

    ours: SpectrumSet
    held_out: SpectrumSet
    training: SpectrumSet
    unseen: SpectrumSet


def arguments(description: str | None, weights_file: Path, spectra: int | None = None) -> argparse.Namespace:
    """Those of the command line.

    Parameters
    ----------
    spectra : predicted ones to fit to, unless said otherwise; None: that is no option.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--shards", type=Path, required=True)
    if spectra is not None:
        parser.add_argument("--spectra", type=int, default=spectra, help="predicted ones to fit to")
    parser.add_argument("--write", action="store_true", help=f"keep the weights in model/{weights_file.name}")
    return parser.parse_args()


def keep(options: argparse.Namespace, weights_file: Path, weights: Mapping[str, Tensor]) -> None:
    """Write them, in bf16, if the command line asks for it."""
    if options.write:
        write_tensors(weights_file, {name: weight.bfloat16() for name, weight in weights.items()})


def material(params: Params, shards: Path) -> Material:
    """All that the parameters name."""
    ours, held_out = (SpectrumSet.from_spectra(side) for side in measured_spectra(params))
    return Material(ours, held_out, *pretraining_sets(shards, params.corpus.held_out_share))
