"""The weights of expected ion intensities: fitted to predicted and to measured spectra, and what they explain.

PEPTRM_MIRROR=DIR python -m benchmarks.fragmentation --params FILE --shards DIR [--write]

The parameters name the measured files and what may be trained on; ``profiles/base.yaml`` is made for it.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.fitting import Material, arguments, keep, material
from benchmarks.spectrum_graph import measured
from data.batches import SpectrumSet
from data.vocabulary import PAD, STOP, VOCABULARY
from model.evidence import MassEvidence
from model.expected_heights import ExpectedHeights
from model.fragmentation import MEASURED, PREDICTED, WEIGHTS_FILE, Fragmentation, likeness, observed_ions
from model.settings import NetworkSettings
from tasks.params import Params, load_params

_PREDICTED_ROWS, _MEASURED_ROWS = 256, 64
_MEASURED_WEIGHT = 0.25
"""Of the loss of the measured ones beside that of the predicted ones: there are few."""
_UPDATES, _RATE, _WEIGHT_DECAY = 3000, 4e-3, 0.05
_PREDICTED, _UNSEEN = 100_000, 4000
"""Spectra, to fit to and to judge by."""

Examples = tuple[Tensor, Tensor, Tensor, Tensor]
"""Tokens, charges, observed root intensities, which of them are asked for."""


def plain_evidence(network: NetworkSettings) -> MassEvidence:
    """As a network with these settings looks up peaks, without the spectrum graph, which takes longest."""
    return MassEvidence(replace(network, spectrum_graph=False, start="empty"), VOCABULARY)


def examples(spectra: SpectrumSet, network: NetworkSettings) -> Examples:
    """What is there at the ions of the spectra's own peptides, within the tolerance of the network."""
    evidence = plain_evidence(network)
    parts = []
    for read, peptides in measured(spectra):
        tokens = torch.full((len(peptides), network.slots), PAD)
        own = torch.from_numpy(np.where(peptides > STOP, peptides, PAD))[:, : network.slots]
        tokens[:, : own.shape[1]] = own
        index = evidence.index(read.mz, read.intensity, read.precursor_mz, read.charge)
        parts.append((tokens, read.charge, *observed_ions(evidence, index, tokens)))
    tokens, charge, observed, asked = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return tokens, charge, observed, asked


def some_predicted(given: Material, params: Params) -> Examples:
    """Those to fit to."""
    return examples(_drawn_from(given.training, _PREDICTED, params), params.network)


def _drawn_from(spectra: SpectrumSet, count: int, params: Params) -> SpectrumSet:
    return spectra.select(np.random.default_rng(params.seed).permutation(len(spectra))[:count])


def fitted_to(of_predicted: Examples, of_measured: Examples, seed: int) -> Fragmentation:
    """Least mean distance of directions: one minus the cosine."""
    torch.manual_seed(seed)
    predictor = Fragmentation(VOCABULARY)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(predictor.parameters(), weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_UPDATES, pct_start=0.1)
    for _ in range(_UPDATES):
        of_either = [
            distance(predictor, _drawn(of, rows, generator), source).mean()
            for of, rows, source in (
                (of_predicted, _PREDICTED_ROWS, PREDICTED),
                (of_measured, _MEASURED_ROWS, MEASURED),
            )
        ]
        loss = of_either[PREDICTED] + _MEASURED_WEIGHT * of_either[MEASURED]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    predictor.load_state_dict({name: weight.bfloat16().float() for name, weight in predictor.state_dict().items()})
    return predictor.eval().requires_grad_(False)


def distance(predictor: Fragmentation, of: Examples, source: int) -> Tensor:
    """(spectra,), of the heights of one source."""
    tokens, charge, observed, asked = of
    return 1 - likeness(predictor(tokens, charge)[source], observed, asked)


def _drawn(of: Examples, rows: int, generator: torch.Generator) -> Examples:
    chosen = torch.randint(len(of[0]), (rows,), generator=generator)
    tokens, charge, observed, asked = (column[chosen] for column in of)
    longest = int((tokens != PAD).sum(1).max())
    return tokens[:, :longest], charge, observed[:, :longest], asked[:, :longest]


def ms2pip_likeness(of: Examples) -> float:
    """The same of MS2PIP's predictions."""
    tokens, charge, observed, asked = of
    expected = ExpectedHeights(VOCABULARY)(tokens, charge)[PREDICTED]
    return float(likeness(expected, observed, asked).mean())


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE)
    params = load_params(options.params)
    given = material(params, options.shards)
    predictor = fitted_to(some_predicted(given, params), examples(given.ours, params.network), params.seed)
    unseen = _drawn_from(given.unseen, _UNSEEN, params)
    for source, name, spectra in ((PREDICTED, "predicted", unseen), (MEASURED, "measured", given.held_out)):
        of = examples(spectra, params.network)
        ours = 1 - float(distance(predictor, of, source).mean())
        print(f"{len(of[0])} unseen {name} spectra: mean cosine {ours:.4f}, of MS2PIP {ms2pip_likeness(of):.4f}")
    keep(options, WEIGHTS_FILE, predictor.state_dict())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
