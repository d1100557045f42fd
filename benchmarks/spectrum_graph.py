"""The weights of peak readings: fitted to measured and to noisy predicted spectra, and what the spectrum graph adds.

PEPTRM_MIRROR=DIR python -m benchmarks.spectrum_graph --params FILE --shards DIR [--write]

The parameters name the measured files and what may be trained on; ``profiles/base.yaml`` is made for it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.fitting import arguments, material
from data.batches import SpectrumSet
from data.chemistry import neutral_mass
from data.noise import add_noise
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import GAP, PAD, STOP, VOCABULARY
from model.evidence import MassEvidence
from model.mass_accuracy import peak_deviation_ppm
from model.metrics import area_under_roc
from model.peak_reading import FEATURES, HIDDEN, READINGS, WEIGHTS_FILE, PeakReader
from model.spectra import Spectra, to_spectra
from model.spectrum_graph import SpectrumGraph
from model.tensor_file import write_tensors
from tasks.params import Params, load_params

_SPECTRA = 128
_CLEAN_SHARE, _HARD_SHARE, _HIGHEST_LEVEL = 0.12, 0.25, 1.6
"""Of the predicted spectra, as in fine-tuning; level of the noise that was fitted to measured ones."""
_UPDATES, _RATE, _ROWS = 2500, 4e-3, 4096
_MEASURED_SHARE = 0.5

Batch = tuple[Spectra, NDArray[np.int64]]
"""Preprocessed spectra and their tokens."""
Rows = list[tuple[Tensor, Tensor]]
"""Of each reading: features, and whether there is a cleavage."""


def batches(spectra: SpectrumSet) -> Iterator[SpectrumSet]:
    """So many at once as memory holds easily."""
    for first in range(0, len(spectra), _SPECTRA):
        yield spectra.select(np.arange(first, min(first + _SPECTRA, len(spectra))))


def measured(spectra: SpectrumSet) -> list[Batch]:
    """As they are."""
    return [(_tensors(part.peaks), part.tokens) for part in batches(spectra)]


def predicted(spectra: SpectrumSet, params: Params, rng: np.random.Generator) -> dict[str, list[Batch]]:
    """With the noise that was fitted to measured spectra, and a part of them with the hard noise."""
    usual, hard = params.fine_tuning.noise or params.noise, params.training.validation_noise.settings()
    border = round(len(spectra) * (1 - _HARD_SHARE))
    first, second = spectra.select(np.arange(border)), spectra.select(np.arange(border, len(spectra)))
    levels = rng.random(border) * _HIGHEST_LEVEL * (rng.random(border) >= _CLEAN_SHARE)
    return {
        "predicted, noisy": with_noise(first, usual, levels, rng),
        "predicted, hard": with_noise(second, hard, np.ones(len(second)), rng),
    }


def with_noise(
    spectra: SpectrumSet, noise: NoiseSettings, level: NDArray[np.float64], rng: np.random.Generator
) -> list[Batch]:
    """With noise of a level each, (spectra,)."""
    found, done = [], 0
    for part in batches(spectra):
        peptides = np.where(part.tokens > STOP, part.tokens, PAD)
        peaks = add_noise(part.peaks, peptides, noise, level[done : done + len(part)], rng)
        found.append((_tensors(peaks), part.tokens))
        done += len(part)
    return found


def _tensors(peaks: PeakBatch) -> Spectra:
    settings = PreprocessingSettings()
    return to_spectra(preprocess(peaks, settings), settings.max_peaks, "cpu")


def is_cleavage(mass: Tensor, tokens: NDArray[np.int64]) -> Tensor:
    """Whether each node lies at a cleavage of the true peptide; (batch, nodes)."""
    prefix = torch.from_numpy(VOCABULARY.masses[tokens].cumsum(1))
    inner = torch.from_numpy(VOCABULARY.is_residue[tokens])
    prefix = prefix.masked_fill(~inner, -1e6)
    near = (mass[:, :, None] - prefix[:, None]).abs() <= (mass[:, :, None] * 30e-6).clamp(min=0.02)
    return near.any(-1)


class Judge:
    """Reads batches as a network with these parameters does."""

    def __init__(self, params: Params) -> None:
        self.evidence = MassEvidence(replace(params.network, spectrum_graph=True), VOCABULARY)
        self.graph = SpectrumGraph(VOCABULARY)
        self.slots = params.network.slots
        answered = [token != GAP and VOCABULARY.tokens[token].text != "C" for token in range(len(VOCABULARY))]
        # cysteine is alkylated in all that is trained on
        self.answered = torch.tensor(answered).nonzero()[STOP + 1 :, 0]

    @property
    def reader(self) -> PeakReader:
        """Whose weights are fitted."""
        return self.graph.reader

    def arguments(self, spectra: Spectra) -> tuple[Tensor, ...]:
        """What the graph reads of a batch."""
        mass = neutral_mass(spectra.precursor_mz, spectra.charge)
        deviation = peak_deviation_ppm(spectra.mz, spectra.intensity, spectra.charge, self.reader.residues)
        return self.evidence.graph_arguments(spectra.mz, spectra.intensity, mass, spectra.charge, deviation)

    def rows(self, of: list[Batch]) -> Rows:
        """Everything to fit on."""
        parts: list[Rows] = [[] for _ in READINGS]
        for spectra, tokens in of:
            mass, feature, possible = self.reader.features(*self.arguments(spectra)[:-1])
            right = is_cleavage(mass.flatten(1), tokens).view(mass.shape)
            for reading, found in enumerate(parts):
                kept = possible[:, reading]
                found.append((feature[:, reading][kept], right[:, reading][kept].float()))
        return [(torch.cat([x for x, _ in found]), torch.cat([y for _, y in found])) for found in parts]

    def judge(self, name: str, of: list[Batch]) -> None:
        """Print how well intensity, the reading of a peak alone and the graph tell cleavages from other nodes."""
        found: dict[str, list[Tensor]] = {"intensity": [], "reading": [], "graph": [], "right": []}
        for spectra, tokens in of:
            mass, logit, _ = (part.flatten(1) for part in self.reader(*self.arguments(spectra)[:-1]))
            ordered, posterior, *_ = self.graph(*self.arguments(spectra))
            order, kept = mass.argsort(dim=1), ordered.isfinite()
            intensity = spectra.intensity.repeat(1, len(READINGS))
            right = is_cleavage(mass.gather(1, order), tokens)
            columns = (intensity.gather(1, order), logit.gather(1, order), posterior, right)
            for column, values in zip(found.values(), columns, strict=True):
                column.append(values[kept])
        joined = {key: torch.cat(parts).numpy() for key, parts in found.items()}
        right = joined.pop("right")
        areas = {key: area_under_roc(v[~right].astype(float), v[right].astype(float)) for key, v in joined.items()}
        told = ", ".join(f"{key} {area:.3f}" for key, area in areas.items())
        sure = joined["graph"] > 0.5
        precision, recall = right[sure].mean(), right[sure].sum() / right.sum()
        print(f"{name}: {told}; graph > 0.5: precision {precision:.3f}, recall {recall:.3f}")

    def peptides(self, tokens: NDArray[np.int64]) -> Tensor:
        """(batch, slots): the spectra's own, as answers are written."""
        own = torch.from_numpy(np.where(tokens > STOP, tokens, PAD))[:, : self.slots]
        return functional.pad(own, (0, self.slots - own.shape[1]))


def fit(reader: PeakReader, measured_rows: Rows, predicted_rows: Rows, seed: int) -> None:
    """Cross-entropy of all readings, each update from rows of all of them."""
    generator = torch.Generator().manual_seed(seed)
    _begin(reader, predicted_rows, generator)
    weights = [reader.first, reader.first_bias, reader.second, reader.second_bias, reader.last, reader.last_bias]
    for weight in weights:
        weight.requires_grad_()
    optimizer = torch.optim.AdamW(weights, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_UPDATES)
    for _ in range(_UPDATES):
        drawn = [_drawn(*pair, generator) for pair in zip(measured_rows, predicted_rows, strict=True)]
        feature, right = (torch.stack(column) for column in zip(*drawn, strict=True))
        logit = reader.logits(feature)
        loss = functional.binary_cross_entropy_with_logits(logit, right)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    for name, weight in reader.weights.items():
        setattr(reader, name, weight.detach().bfloat16().float())  # as they are kept


def _begin(reader: PeakReader, rows: Rows, generator: torch.Generator) -> None:
    """Weights as ``torch.nn.Linear`` begins with them, and the scale of the features."""
    every = torch.cat([feature for feature, _ in rows])
    reader.mean, reader.deviation = every.mean(0), every.std(0).clamp(min=1e-2)
    count = len(READINGS)
    for name, bias, before, behind in (
        ("first", "first_bias", FEATURES, HIDDEN),
        ("second", "second_bias", HIDDEN, HIDDEN),
        ("last", "last_bias", HIDDEN, 1),
    ):
        setattr(reader, name, (torch.rand(count, before, behind, generator=generator) * 2 - 1) * before**-0.5)
        setattr(reader, bias, torch.zeros(count, 1, behind))


def _drawn(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor], generator: torch.Generator) -> list[Tensor]:
    """Rows of a reading, a given share of them of the first."""
    count = round(_ROWS * _MEASURED_SHARE)
    places = [
        torch.randint(len(rows[0]), (number,), generator=generator)
        for rows, number in ((first, count), (second, _ROWS - count))
    ]
    return [torch.cat([a[places[0]], b[places[1]]]) for a, b in zip(first, second, strict=True)]


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE, 8000)
    params = load_params(options.params)
    rng = np.random.default_rng(params.seed)
    given = material(params, options.shards)
    some = predicted(given.training.select(rng.permutation(len(given.training))[: options.spectra]), params, rng)
    others = predicted(given.unseen.select(rng.permutation(len(given.unseen))[:600]), params, rng)
    judge = Judge(params)
    fit(
        judge.reader,
        judge.rows(measured(given.ours)),
        judge.rows([b for of in some.values() for b in of]),
        params.seed,
    )
    if options.write:
        weights = {name: weight.bfloat16() for name, weight in judge.reader.weights.items()}
        write_tensors(WEIGHTS_FILE, weights)
    for name, of in ({"measured": measured(given.held_out)} | others).items():
        judge.judge(name, of)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
