"""The spectrum graph's node weights: fitted to noisy predicted spectra, and what the graph adds to a look at one peak.

python -m benchmarks.spectrum_graph --shards DIR [--real FILE…] [--write]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.batches import SpectrumSet
from data.noise import add_noise
from data.preprocessing import preprocess
from data.real_psms import annotated_spectra
from data.schema import Spectrum, from_table
from data.settings import NoiseSettings, PreprocessingSettings, UniformNoise
from data.shards import read_shards
from data.vocabulary import PAD, STOP, VOCABULARY
from model import spectrum_graph
from model.metrics import area_under_roc
from model.spectra import Spectra, to_spectra
from model.spectrum_graph import FEATURES, SpectrumGraph, node_features

_HARD = UniformNoise(noise_peaks=30, peak_dropout=0.45, peak_error_ppm=20.0, intensity_sigma=0.7)
_BATCH = 128


def noisy(spectra: list[Spectrum], rng: np.random.Generator) -> list[tuple[Spectra, np.ndarray]]:
    """Batches of preprocessed spectra with their tokens: three quarters with structured noise, a quarter uniform."""
    held = SpectrumSet.from_spectra(spectra)
    batches = []
    for number, first in enumerate(range(0, len(held), _BATCH)):
        part = held.select(np.arange(first, min(first + _BATCH, len(held))))
        noise, level = (_HARD.settings(), 1.0) if number % 4 == 3 else (NoiseSettings(), rng.random(len(part)))
        peptides = np.where(part.tokens > STOP, part.tokens, PAD)
        peaks = add_noise(part.peaks, peptides, noise, np.broadcast_to(level, len(part)), rng)
        batches.append((_tensors(peaks), part.tokens))
    return batches


def measured(spectra: list[Spectrum]) -> list[tuple[Spectra, np.ndarray]]:
    """Batches of measured spectra as they are."""
    held = SpectrumSet.from_spectra(spectra)
    parts = [held.select(np.arange(first, min(first + _BATCH, len(held)))) for first in range(0, len(held), _BATCH)]
    return [(_tensors(part.peaks), part.tokens) for part in parts]


def _tensors(peaks) -> Spectra:  # type: ignore[no-untyped-def]
    settings = PreprocessingSettings()
    return to_spectra(preprocess(peaks, settings), settings.max_peaks, "cpu")


def is_cleavage(mass: Tensor, tokens: np.ndarray) -> Tensor:
    """Whether each node lies at a cleavage of the true peptide; (batch, nodes)."""
    prefix = torch.from_numpy(VOCABULARY.masses[tokens].cumsum(1))
    inner = torch.from_numpy((tokens > STOP) & ~VOCABULARY.is_terminal[tokens])
    prefix = prefix.masked_fill(~inner, -1e6)
    near = (mass[:, :, None] - prefix[:, None]).abs() <= (mass[:, :, None] * 30e-6).clamp(min=0.02)
    return near.any(-1)


def arguments(spectra: Spectra) -> tuple[Tensor, ...]:
    """What the graph reads of a batch."""
    mass = (spectra.precursor_mz - 1.007276466) * spectra.charge
    tolerance = (spectra.mz.float().clamp(max=1e5) * 20e-6).clamp(min=0.01)
    return spectra.mz, spectra.intensity, mass, spectra.charge, tolerance


def fit(batches: list[tuple[Spectra, np.ndarray]]) -> list[list[float]]:
    """Logistic weights of each reading."""
    rows: list[list[Tensor]] = [[] for _ in spectrum_graph._READINGS]
    truth: list[list[Tensor]] = [[] for _ in spectrum_graph._READINGS]
    for spectra, tokens in batches:
        mass, feature, exists = node_features(*arguments(spectra))
        right, peaks = is_cleavage(mass, tokens), spectra.mz.shape[1]
        for reading in range(len(rows)):
            here = slice(reading * peaks, (reading + 1) * peaks)
            kept = exists[:, here]
            rows[reading].append(feature[:, here, reading * FEATURES : (reading + 1) * FEATURES][kept])
            truth[reading].append(right[:, here][kept])
    return [_logistic(torch.cat(x).double(), torch.cat(y).double()) for x, y in zip(rows, truth, strict=True)]


def _logistic(x: Tensor, y: Tensor) -> list[float]:
    weights = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights, y) + 1e-4 * weights.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return [round(float(w), 4) for w in weights.detach()]


def judge(name: str, batches: list[tuple[Spectra, np.ndarray]], weights: Tensor) -> None:
    """Print how well intensity, the local look and the graph tell cleavages from other nodes."""
    graph = SpectrumGraph(VOCABULARY)
    graph.weights.copy_(weights)
    found: dict[str, list[np.ndarray]] = {"intensity": [], "local": [], "graph": [], "right": []}
    for spectra, tokens in batches:
        mass, feature, exists = node_features(*arguments(spectra))
        ordered, posterior = graph(*arguments(spectra))
        local = (feature.double() @ weights).float()
        order = mass.masked_fill(~exists, torch.inf).argsort(dim=1)
        kept = ordered.isfinite()
        right = is_cleavage(mass.gather(1, order), tokens)
        intensity = spectra.intensity.repeat(1, len(spectrum_graph._READINGS)).gather(1, order)
        columns = (intensity, local.gather(1, order), posterior, right)
        for key, column in zip(found, columns, strict=True):
            found[key].append(column[kept].numpy())
    joined = {key: np.concatenate(parts) for key, parts in found.items()}
    right = joined.pop("right")
    areas = {
        key: area_under_roc(values[~right].astype(float), values[right].astype(float)) for key, values in joined.items()
    }
    told = ", ".join(f"{key} {area:.3f}" for key, area in areas.items())
    sure = joined["graph"] > 0.5
    print(
        f"{name}: {told}; graph > 0.5: precision {right[sure].mean():.3f}, recall {right[sure].sum() / right.sum():.3f}"
    )


def main() -> None:
    """Fit, judge on other spectra, and write the weights if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--real", nargs="*", default=[], help="files of annotated spectra, half of them fitted on")
    parser.add_argument("--spectra", type=int, default=3000)
    parser.add_argument("--write", action="store_true", help="keep the weights in model/spectrum_graph.json")
    options = parser.parse_args()
    rng = np.random.default_rng(20260101)
    spectra: list[Spectrum] = []
    for table in read_shards(options.shards):
        spectra += from_table(table)
        if len(spectra) >= options.spectra:
            break
    half = options.spectra // 2
    real = annotated_spectra(options.real, 31)
    rng.shuffle(real)
    batches = noisy(spectra[:half], rng) + (measured(real[::2]) if real else [])
    weights = fit(batches)
    flat = torch.tensor([w for reading in weights for w in reading], dtype=torch.float64)
    judge("predicted, noisy", noisy(spectra[half : 2 * half], rng), flat)
    if real:
        judge("measured", measured(real[1::2]), flat)
    if options.write:
        path = Path(spectrum_graph.__file__).with_suffix(".json")
        path.write_text(json.dumps({"weights": weights}, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
