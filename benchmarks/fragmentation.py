"""The weights of expected ion intensities: fitted to predicted, then to measured spectra too, and what they explain.

PEPTRM_MIRROR=DIR python -m benchmarks.fragmentation --params FILE --shards DIR [--write]

The parameters name the measured files and what may be trained on; ``profiles/base.yaml`` is made for it.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.fitting import arguments
from data.batches import SpectrumSet
from data.fragment_intensity import IntensityPredictor
from data.preprocessing import preprocess
from data.schema import Spectrum, from_table
from data.settings import PreprocessingSettings
from data.shards import read_shards
from data.splits import is_validation
from data.vocabulary import PAD, STOP, VOCABULARY
from model.evidence import MassEvidence
from model.fragmentation import WEIGHTS_FILE, Fragmentation, likeness, observed_ions
from model.settings import NetworkSettings
from model.spectra import to_spectra
from model.tensor_file import write_tensors
from tasks.params import Params, load_params
from tasks.pretraining import measured_spectra

_ROWS = 256
_PHASES = ((1500, 4e-3, 0.0), (1250, 1e-3, 0.5))
"""Updates, highest learning rate, share of measured spectra."""

Examples = tuple[Tensor, Tensor, Tensor, Tensor]
"""Tokens, charges, observed root intensities, which of them are asked for."""


def examples(spectra: list[Spectrum], network: NetworkSettings) -> Examples:
    """What is there at the ions of the spectra's own peptides, within the tolerance of the network."""
    evidence = MassEvidence(replace(network, spectrum_graph=False, start="empty"), VOCABULARY)
    settings, slots = PreprocessingSettings(), network.slots
    whole, parts = SpectrumSet.from_spectra(spectra), []
    for first in range(0, len(whole), _ROWS):
        part = whole.select(np.arange(first, min(first + _ROWS, len(whole))))
        read = to_spectra(preprocess(part.peaks, settings), settings.max_peaks, "cpu")
        tokens = torch.full((len(part), slots), PAD)
        own = torch.from_numpy(np.where(part.tokens > STOP, part.tokens, PAD))[:, :slots]
        tokens[:, : own.shape[1]] = own
        index = evidence.index(read.mz, read.intensity, read.precursor_mz, read.charge)
        parts.append((tokens, read.charge, *observed_ions(evidence, index, tokens)))
    tokens, charge, observed, asked = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return tokens, charge, observed, asked


def fit(predictor: Fragmentation, predicted: Examples, measured: Examples, seed: int) -> None:
    """Least mean distance of directions: one minus the cosine."""
    generator = torch.Generator().manual_seed(seed)
    for updates, rate, share in _PHASES:
        optimizer = torch.optim.AdamW(predictor.parameters(), weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=updates, pct_start=0.1)
        for _ in range(updates):
            tokens, charge, observed, asked = _drawn(predicted, measured, share, generator)
            loss = (1 - likeness(predictor(tokens, charge), observed, asked)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()


def _drawn(predicted: Examples, measured: Examples, share: float, generator: torch.Generator) -> Examples:
    count = int(_ROWS * share)
    from_predicted = torch.randint(len(predicted[0]), (_ROWS - count,), generator=generator)
    from_measured = torch.randint(len(measured[0]), (count,), generator=generator)
    tokens, charge, observed, asked = (
        torch.cat([a[from_predicted], b[from_measured]]) for a, b in zip(predicted, measured, strict=True)
    )
    return tokens, charge, observed, asked


@torch.no_grad()
def mean_likeness(predictor: Fragmentation, of: Examples) -> float:
    """Over the spectra."""
    tokens, charge, observed, asked = of
    return float(likeness(predictor(tokens, charge), observed, asked).mean())


def ms2pip_likeness(of: Examples) -> float:
    """The same of MS2PIP's predictions."""
    tokens, charge, observed, asked = of
    peptides = ["".join(VOCABULARY.tokens[number].residue for number in row if number) for row in tokens.tolist()]
    flat = IntensityPredictor("HCDch2").predict(peptides, charge.tolist())
    expected = torch.zeros_like(observed)
    ends = np.cumsum([len(peptide) - 1 for peptide in peptides])
    for row, heights in enumerate(np.split(np.sqrt(flat.clip(0)), ends[:-1])):
        first = int((tokens[row] != PAD).sum()) - len(peptides[row])  # behind a terminal modification
        expected[row, first : first + len(heights), : heights.shape[1]] = torch.from_numpy(heights)
    return float(likeness(expected, observed, asked).mean())


def predicted_spectra(shards: Path, params: Params, most: int) -> tuple[list[Spectrum], list[Spectrum]]:
    """To fit on, and of the peptides that no training sees."""
    spectra: list[Spectrum] = []
    for table in read_shards(shards):
        spectra += from_table(table)
        if len(spectra) >= most:
            break
    sides: tuple[list[Spectrum], list[Spectrum]] = [], []
    for spectrum in spectra[:most]:
        sides[is_validation(spectrum.peptidoform or "", params.corpus.held_out_share)].append(spectrum)
    return sides


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE, 40000)
    params = load_params(options.params)
    torch.manual_seed(params.seed)
    predictor = Fragmentation(VOCABULARY)
    (predicted, unseen), (measured, held_out) = (
        [examples(side, params.network) for side in sides]
        for sides in (predicted_spectra(options.shards, params, options.spectra), measured_spectra(params))
    )
    fit(predictor, predicted, measured, params.seed)
    for name, of in {"predicted": unseen, "measured": held_out}.items():
        ours, theirs = mean_likeness(predictor, of), ms2pip_likeness(of)
        print(f"{len(of[0])} unseen {name} spectra: mean cosine {ours:.4f}, of MS2PIP {theirs:.4f}")
    if options.write:
        write_tensors(WEIGHTS_FILE, {name: weight.bfloat16() for name, weight in predictor.state_dict().items()})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
