"""Noise learned from measured spectra: a variational autoencoder of what measured spectra add to predicted ones.

It works on ions, not on m/z bins. Each ion of a prediction is described by its predicted intensity, series, place, m/z
and charge; the residual of a measured spectrum says for each of them whether it is there, and the logarithm of measured
over predicted intensity. With them come three figures of the peaks that belong to no ion: how many, how strong, how
unequally strong. One latent vector a spectrum makes these vary together, as they do in nature: a poor spectrum has few
ions and much noise at once (Kingma & Welling 2014).
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from data.atomic import make_folder, write_atomically
from data.chemistry import ION_SERIES, neutral_mass
from data.errors import CorruptedDataError, InputError
from data.noise_moments import match, unexplained
from data.pairs import Pairs
from data.peaks import PeakBatch, pack
from data.settings import NoiseSettings
from data.structured_noise import Annotation, annotate
from model.settings import LearnedNoiseSettings
from model.tensor_file import read_tensors, write_tensors

_FEATURES = 5 + len(ION_SERIES)
_FIGURES = 3
_MZ_BINS = 24
_MOST_PEAKS = 300
_LARGEST_RESIDUAL = 5.0
"""Of the logarithm of an intensity ratio; what lies beyond is a wrong match."""
_LEAST_VARIANCE = 1e-3
_WEIGHTS, _CONFIG = "noise.safetensors", "noise.json"


@dataclass(frozen=True)
class _Residuals:
    """Spectra as the autoencoder sees them; tensors of (batch, ions) but where said.

    Attributes
    ----------
    features : (batch, ions, features).
    present : an ion that is predicted and could be recorded.
    found, ratio : whether it was measured, and the logarithm of measured over predicted intensity.
    figures : (batch, 3), standardised, of the peaks that are no ion.
    """

    features: Tensor
    present: Tensor
    found: Tensor
    ratio: Tensor
    figures: Tensor

    def select(self, rows: Tensor) -> "_Residuals":
        return _Residuals(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class _Autoencoder(nn.Module):
    """Residuals to a normal latent vector, and from it back to each ion's residual."""

    def __init__(self, settings: LearnedNoiseSettings) -> None:
        super().__init__()
        width, latent = settings.width, settings.latent
        self.ion_in = nn.Sequential(nn.Linear(_FEATURES + 2, width), nn.GELU(), nn.Linear(width, width))
        self.spectrum_in = nn.Sequential(nn.Linear(width + _FIGURES, width), nn.GELU(), nn.Linear(width, 2 * latent))
        self.ion_out = nn.Sequential(
            nn.Linear(_FEATURES + latent, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 3)
        )
        self.figures_out = nn.Sequential(nn.Linear(latent, width), nn.GELU(), nn.Linear(width, 2 * _FIGURES))

    def encode(self, seen: _Residuals) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the latent vector, (batch, latent) each."""
        ions = torch.cat([seen.features, seen.found[..., None], (seen.found * seen.ratio)[..., None]], -1)
        weight = seen.present[..., None].float()
        pooled = (self.ion_in(ions) * weight).sum(1) / weight.sum(1).clamp(min=1)
        mean, log_variance = self.spectrum_in(torch.cat([pooled, seen.figures], -1)).chunk(2, -1)
        return mean, log_variance.clamp(-8, 4)

    def decode(self, features: Tensor, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of each ion, (batch, ions): logit that it is there, mean and log variance of its ratio."""
        spread = latent[:, None].expand(-1, features.shape[1], -1)
        there, mean, log_variance = self.ion_out(torch.cat([features, spread], -1)).unbind(-1)
        return there, mean, log_variance.clamp(math.log(_LEAST_VARIANCE), 4)

    def figures(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the figures, (batch, 3) each."""
        mean, log_variance = self.figures_out(latent).chunk(2, -1)
        return mean, log_variance.clamp(math.log(_LEAST_VARIANCE), 4)

    def loss(self, seen: _Residuals, kl_weight: float, rng: torch.Generator) -> Tensor:
        """Mean negative evidence lower bound of a spectrum."""
        mean, log_variance = self.encode(seen)
        latent = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape, generator=rng)
        there, ratio, ratio_variance = self.decode(seen.features, latent)
        missed = functional.binary_cross_entropy_with_logits(there, seen.found, reduction="none")
        missed = missed + seen.found * _gaussian(seen.ratio, ratio, ratio_variance)
        figures = _gaussian(seen.figures, *self.figures(latent)).sum(1)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        total: Tensor = ((missed * seen.present).sum(1) + figures + kl_weight * divergence).mean()
        return total


class ResidualNoise:
    """Learned noise, ready to be put on predicted spectra.

    Attributes
    ----------
    mz_share : (bins,), where the peaks of no ion lie, between 0 and the precursor's mass.
    center, scale : (3,), of the figures.
    bounds : (epochs, 2): negative lower bound of the training and of the unseen spectra, for people.
    """

    def __init__(
        self,
        settings: LearnedNoiseSettings,
        network: _Autoencoder,
        mz_share: NDArray[np.float64],
        center: NDArray[np.float64],
        scale: NDArray[np.float64],
        bounds: list[tuple[float, float]],
    ) -> None:
        self.settings, self.network = settings, network.eval()
        self.mz_share, self.center, self.scale, self.bounds = mz_share, center, scale, bounds

    @torch.no_grad()
    def vary(
        self, peaks: PeakBatch, tokens: NDArray[np.int64], gap_mass: NDArray[np.float64], rng: np.random.Generator
    ) -> PeakBatch:
        """Predicted spectra as they might have been measured: ions of other heights, some gone, and peaks of no ion.

        Parameters
        ----------
        tokens : (batch, slots), padded with 0.
        gap_mass : (batch, slots), Da, of the gaps among them.
        """
        ions = annotate(peaks, tokens, gap_mass)
        features, present = _features(peaks, ions)
        random = torch.Generator().manual_seed(int(rng.integers(2**62)))
        latent = torch.randn(len(peaks), self.settings.latent, generator=random)
        there, ratio, variance = self.network.decode(features, latent)
        ratio = ratio + (0.5 * variance).exp() * torch.randn(ratio.shape, generator=random)
        kept = present & (torch.rand(there.shape, generator=random) < there.sigmoid())
        height = _flat(ions.intensity) * np.exp(np.clip(ratio.numpy(), -_LARGEST_RESIDUAL, _LARGEST_RESIDUAL))
        mean, variance = self.network.figures(latent)
        figures = mean + (0.5 * variance).exp() * torch.randn(mean.shape, generator=random)
        noise_mz, noise_height = self._peaks_of_no_ion(peaks, figures.double().numpy(), rng)
        mz = np.concatenate([_flat(ions.mz), noise_mz], 1)
        intensity = np.concatenate([height * kept.numpy(), noise_height], 1).astype(np.float32)
        intensity /= np.maximum(intensity.max(1, keepdims=True), np.finfo(np.float32).tiny)
        return pack(mz, intensity, intensity > 0, peaks)

    def remaining(self, noise: NoiseSettings) -> NoiseSettings:
        """Of the noise model what is not learned here: companions of the ions, mass errors, a second peptide."""
        return replace(noise, peak_dropout=0.0, faint_peak_dropout=0.0, intensity_sigma=0.0, noise_peaks=0)

    def _peaks_of_no_ion(
        self, peaks: PeakBatch, figures: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """m/z and intensity, (batch, n) each; intensity 0 where there is none."""
        log_count, log_height, spread = (figures * self.scale + self.center).T
        count = np.clip(np.rint(np.expm1(log_count)), 0, _MOST_PEAKS).astype(np.int64)
        shape = (len(peaks), max(int(count.max()), 1))
        bins = rng.choice(_MZ_BINS, shape, p=self.mz_share)
        place = (bins + rng.random(shape)) / _MZ_BINS
        height = np.exp(log_height[:, None] + np.maximum(spread, 0.05)[:, None] * rng.standard_normal(shape))
        is_peak = np.arange(shape[1]) < count[:, None]
        return place * neutral_mass(peaks.precursor_mz, peaks.charge)[:, None], np.minimum(height, 1.0) * is_peak

    def save(self, folder: Path) -> None:
        """Write weights and figures.

        Raises
        ------
        OutputError : the folder cannot be written.
        """
        make_folder(folder)
        write_tensors(folder / _WEIGHTS, self.network.state_dict())
        values = {
            "settings": asdict(self.settings),
            "mz_share": self.mz_share.tolist(),
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "bounds": self.bounds,
        }
        write_atomically(folder / _CONFIG, json.dumps(values, indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> "ResidualNoise":
        """The inverse of ``save``.

        Raises
        ------
        InputError : there is none.
        CorruptedDataError : it cannot be read.
        """
        if not (folder / _CONFIG).is_file():
            raise InputError("no learned noise here", path=folder, remedy="Run `python -m flows.bridge`")
        try:
            values = json.loads((folder / _CONFIG).read_text())
            settings = LearnedNoiseSettings(**values["settings"])
            network = _Autoencoder(settings)
            network.load_state_dict(read_tensors(folder / _WEIGHTS))
            mz_share, center, scale = (np.array(values[name], np.float64) for name in ("mz_share", "center", "scale"))
            bounds = [(a, b) for a, b in values["bounds"]]
            return cls(settings, network, mz_share, center, scale, bounds)
        except Exception as error:
            raise CorruptedDataError(f"the learned noise cannot be read ({error})", path=folder) from error


def learn_noise(
    pairs: Pairs, settings: LearnedNoiseSettings, tolerance_ppm: float, seed: int, unseen_share: float = 0.1
) -> ResidualNoise:
    """Train the autoencoder.

    Parameters
    ----------
    pairs : measured spectra, preprocessed with linear intensities, and their predictions.
    tolerance_ppm : within which a peak is an ion.
    unseen_share : of the spectra, that only judge each epoch; the best epoch's weights are kept.

    Raises
    ------
    InputError : too few spectra.
    """
    if len(pairs) < 2 * _MZ_BINS:
        raise InputError(f"{len(pairs)} spectra are too few to learn noise from")
    seen, mz_share, center, scale = _residuals(pairs, tolerance_ppm)
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pairs), generator=rng)
    unseen, training = order[: max(1, round(unseen_share * len(order)))], order[round(unseen_share * len(order)) :]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Autoencoder(settings)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate)
    bounds: list[tuple[float, float]] = []
    best = {name: value.clone() for name, value in network.state_dict().items()}
    for _ in range(settings.epochs):
        losses = [
            _step(network, optimizer, seen.select(rows), settings.kl_weight, rng)
            for rows in _batches(training, settings.batch_size, rng)
        ]
        with torch.no_grad():
            judged = float(network.loss(seen.select(unseen), settings.kl_weight, rng))
        if not bounds or judged < min(bound for _, bound in bounds):
            best = {name: value.clone() for name, value in network.state_dict().items()}
        bounds.append((float(np.mean(losses)), judged))
    network.load_state_dict(best)
    return ResidualNoise(settings, network, mz_share, center, scale, bounds)


def _step(
    network: _Autoencoder, optimizer: torch.optim.Optimizer, rows: _Residuals, kl_weight: float, rng: torch.Generator
) -> float:
    optimizer.zero_grad()
    loss = network.loss(rows, kl_weight, rng)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _batches(rows: Tensor, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    yield from rows[torch.randperm(len(rows), generator=rng)].split(size)


def _residuals(
    pairs: Pairs, tolerance_ppm: float
) -> tuple[_Residuals, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The residuals, where in m/z the peaks of no ion lie, and centre and scale of their figures."""
    ions = annotate(pairs.predicted, pairs.tokens)
    features, present = _features(pairs.predicted, ions)
    lowest = torch.from_numpy(pairs.measured.mz[:, :1])
    present &= torch.from_numpy(_flat(ions.mz)) > lowest
    measured = match(pairs.measured, ions.mz, tolerance_ppm)
    found = torch.from_numpy(_flat(measured.found)).float()
    tiny = np.finfo(np.float32).tiny
    ratio = np.log(np.maximum(_flat(measured.intensity), tiny) / np.maximum(_flat(ions.intensity), tiny))
    ratio = np.where(_flat(measured.found), np.clip(ratio, -_LARGEST_RESIDUAL, _LARGEST_RESIDUAL), 0)
    figures, mz_share = _figures(pairs, ions, tolerance_ppm)
    center, scale = figures.mean(0), figures.std(0) + 1e-6
    standard = torch.from_numpy((figures - center) / scale).float()
    seen = _Residuals(features, present, found, torch.from_numpy(ratio).float(), standard)
    return seen, mz_share, center, scale


def _figures(pairs: Pairs, ions: Annotation, tolerance_ppm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log of the number of peaks of no ion, mean and spread of their log heights, (batch, 3); and where they lie."""
    foreign = unexplained(pairs.measured, ions, tolerance_ppm)
    count = foreign.sum(1)
    log_height = np.log(np.maximum(pairs.measured.intensity, 1e-6))
    mean = np.where(foreign, log_height, 0).sum(1) / np.maximum(count, 1)
    variance = (np.where(foreign, log_height - mean[:, None], 0) ** 2).sum(1) / np.maximum(count, 1)
    mass = neutral_mass(pairs.predicted.precursor_mz, pairs.predicted.charge)[:, None]
    place = (pairs.measured.mz / mass)[foreign]
    histogram = np.histogram(place, _MZ_BINS, (0, 1))[0] + 1.0
    figures = np.stack([np.log1p(count), mean, np.sqrt(variance)], 1).astype(np.float64)
    return figures, histogram / histogram.sum()


def _features(peaks: PeakBatch, ions: Annotation) -> tuple[Tensor, Tensor]:
    """(batch, ions, features) float32, and which ions are predicted, (batch, ions)."""
    batch, series, slots = ions.mz.shape
    cleavages = np.maximum(ions.length - 1, 1)[:, None, None]
    place = np.broadcast_to(np.arange(1, slots + 1) / cleavages, (batch, series, slots))
    length = np.broadcast_to(cleavages / 20.0, ions.mz.shape)
    charge = np.broadcast_to(peaks.charge[:, None, None] / 3.0, ions.mz.shape)
    log_intensity = np.log(np.maximum(ions.intensity, 1e-4)) / 4
    plain = np.stack([log_intensity, place, ions.mz / 1000, charge, length], -1).reshape(batch, series * slots, -1)
    kind = np.broadcast_to(np.eye(series)[None, :, None], (batch, series, slots, series))
    features = np.concatenate([plain, kind.reshape(batch, series * slots, series)], -1)
    return torch.from_numpy(features).float(), torch.from_numpy(_flat(ions.intensity) > 0)


def _flat(values: NDArray[np.generic]) -> NDArray[np.float64]:
    flat: NDArray[np.float64] = values.reshape(len(values), -1)  # type: ignore[assignment]
    return flat


def _gaussian(value: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Negative log density."""
    return 0.5 * (log_variance + (value - mean) ** 2 / log_variance.exp() + math.log(2 * math.pi))
