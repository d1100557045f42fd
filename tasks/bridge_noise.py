"""Fitted and learned noise of the bridge, and how well either can be told from measured spectra."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.atomic import make_folder, write_atomically
from data.noise import add_noise
from data.noise_fit import NoiseFit, fit_noise, pair, recorded_from
from data.pairs import Pairs
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.real_psms import FRAGMENT_TOLERANCE_PPM, ORBITRAP, capped, precise
from data.seeding import derive, generator
from data.settings import NoiseSettings, SynthesisSettings
from data.splits import is_validation, merged_sequence
from model.residual_noise import ResidualNoise, learn_noise
from model.two_sample import distinguishability, spectrum_features
from tasks.bridge import LEARNED_NOISE, profile
from tasks.bridge_data import BridgeData, measured_spectra
from tasks.params import Params
from tasks.workspace import Workspace


def fit_profiles(params: dict[str, Any], root: str) -> dict[str, Any]:
    """Fit a noise profile to each analyser's training spectra, and write them as a section of params.yaml."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    spectra, kind = measured_spectra(settings)
    fits = {}
    for analyser, name in settings.bridge.adaptation.profiles.items():
        rng = generator(settings.seed, "noise fit", name)
        mine = precise([s for s, of in zip(spectra, kind, strict=True) if of == analyser], analyser)
        pairs = pair(capped(mine, settings.bridge.most_per_peptide, rng), SynthesisSettings())
        fits[name] = fit_noise(pairs, settings.preprocessing, settings.noise, FRAGMENT_TOLERANCE_PPM[analyser], rng)
    make_folder(workspace.noise_profiles.parent)
    section = {"noise_profiles": {name: asdict(fit.settings) for name, fit in fits.items()}}
    write_atomically(workspace.noise_profiles, yaml.safe_dump(section, sort_keys=False).encode())
    table = "\n".join(profiles_markdown(fits))
    write_atomically(workspace.noise_profiles.with_suffix(".md"), table.encode())
    return section


def profiles_markdown(fits: Mapping[str, NoiseFit]) -> Iterator[str]:
    """Each knob's value, and its figure in the measured and in the simulated spectra."""
    names = list(fits)
    counts = ", ".join(f"{name}: {fit.spectra:,} spectra of {fit.peptides:,} peptides" for name, fit in fits.items())
    yield f"{counts}. Each cell: the fitted knob, and the figure by which it was fitted: measured / simulated."
    yield ""
    yield f"| knob | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for knob in fits[names[0]].measured:
        cells = [
            f"{getattr(fit.settings, knob)} ({fit.measured[knob]:.3g} / {fit.simulated[knob]:.3g})"
            for fit in fits.values()
        ]
        yield f"| {knob} | {' | '.join(cells)} |"


def learn(params: dict[str, Any], root: str) -> dict[str, Any]:
    """Learn noise from the Orbitrap's spectra of one half of the peptides, by hash; test it on the other half."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    data, bridge = BridgeData(workspace.bridge), settings.bridge
    spectra = precise(data.training(ORBITRAP), ORBITRAP)
    path = workspace.bridge / f"{LEARNED_NOISE}.json"
    key: dict[str, Any] = {"learned_noise": asdict(bridge.learned_noise), "spectra": len(spectra)}
    key |= {"noise": asdict(settings.noise), "fitted": asdict(profile(settings, bridge.learned_noise_profile or None))}
    if path.exists() and (found := json.loads(path.read_text()))["key"] == key:
        return dict(found)
    first = np.array([is_validation(s.peptidoform or "", 0.5) for s in spectra])
    tolerance = FRAGMENT_TOLERANCE_PPM[ORBITRAP]
    pairs = pair(spectra, SynthesisSettings())
    seed = derive(settings.seed, "learned noise")
    learned = learn_noise(
        _as_seen(pairs.select(np.flatnonzero(first)), settings), bridge.learned_noise, tolerance, seed
    )
    learned.save(workspace.bridge / LEARNED_NOISE)
    rest = np.flatnonzero(~first)
    result = {
        "key": key,
        "seen_spectra": int(first.sum()),
        "test_spectra": len(rest),
        "bounds": min(learned.bounds, key=lambda bound: bound[1]),
        "auroc": _two_sample(settings, pairs.select(rest), [spectra[row].peptidoform or "" for row in rest], learned),
    }
    write_atomically(path, json.dumps(result, indent=1).encode())
    return result


def _two_sample(settings: Params, pairs: Pairs, peptidoforms: list[str], learned: ResidualNoise) -> dict[str, float]:
    """How well each noise's spectra are told from the measured ones of the same peptides."""
    rng = generator(settings.seed, "two samples")
    names = sorted({merged_sequence(text) for text in peptidoforms})
    groups = np.array([names.index(merged_sequence(text)) for text in peptidoforms])
    fitted = profile(settings, settings.bridge.learned_noise_profile or None)
    no_gaps = np.zeros(pairs.tokens.shape)

    def noisy(peaks: PeakBatch, noise: NoiseSettings) -> PeakBatch:
        made = add_noise(peaks, pairs.tokens, noise, np.ones(len(pairs)), rng)
        return recorded_from(made, pairs.measured.mz[:, 0])

    made = {
        "plain": noisy(pairs.predicted, settings.noise),
        "fitted": noisy(pairs.predicted, fitted),
        "learned": noisy(learned.vary(pairs.predicted, pairs.tokens, no_gaps, rng), learned.remaining(fitted)),
    }
    tolerance = FRAGMENT_TOLERANCE_PPM[ORBITRAP]
    measured = spectrum_features(_as_seen(pairs, settings), tolerance)
    return {
        name: distinguishability(
            measured,
            spectrum_features(_as_seen(replace(pairs, measured=peaks), settings), tolerance),
            groups,
            derive(settings.seed, "classifier"),
        )
        for name, peaks in made.items()
    }


def _as_seen(pairs: Pairs, settings: Params) -> Pairs:
    """Preprocessed as for the network, but with linear intensities."""
    linear = replace(settings.preprocessing, intensity_scaling="linear")
    return replace(pairs, measured=preprocess(pairs.measured, linear))
