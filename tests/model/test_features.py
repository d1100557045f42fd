"""The network's optional features: residual spectrum, conditions, gap, halting, confidence, step embedding."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.batches import SpectrumSet
from data.preprocessing import preprocess
from data.settings import PreprocessingSettings
from data.vocabulary import GAP, MAX_GAP_MASS, STOP, VOCABULARY
from model.conditions import QUALITY_FEATURES, Conditions, quality_features
from model.recursion import FORBIDDEN_LOGIT, Network, State
from model.residual import BIN_TH, BINS, ResidualEncoder, residual_spectrum
from model.settings import NetworkSettings
from model.spectra import Spectra, to_spectra

FEATURES = [
    {"residual_encoder": True},
    {"gap": True},
    {"halting": True, "confidence": True},
    {"quality": "estimated"},
    {"quality": "true"},
    {"condition_on_instrument": True, "condition_on_fragmentation": True, "condition_on_collision_energy": True},
    {"step_embedding": "input"},
    {"right_anchor": True},
    {"latent_steps": 3},
    {"evidence": False, "residual_encoder": True},
]


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture
def batch(ladders: SpectrumSet) -> Spectra:
    peaks = preprocess(ladders.select(np.arange(4)).peaks, PreprocessingSettings())
    return to_spectra(peaks, 60, "cpu")


def truth(network: Network, ladders: SpectrumSet) -> State:
    """The state that answers the first four peptides rightly."""
    tokens = torch.from_numpy(ladders.tokens[:4])
    state = network.start(4, tokens.shape[1])
    return replace(state, answer=torch.nn.functional.one_hot(tokens, len(VOCABULARY)).float() * 9)


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_every_feature_runs_and_learns(small_network, batch, feature):
    torch.manual_seed(0)
    network = Network(replace(small_network, **feature), VOCABULARY)
    encoded = network.encode(batch)
    state = network(encoded, network(encoded, network.start(4)).detach())
    assert state.answer.isfinite().all() and state.answer.shape == (4, 16, len(VOCABULARY))
    loss = state.answer.square().mean() + state.gap_mass.square().mean()
    if network.halting is not None and network.confidence is not None:
        loss = loss + network.halting(state.answer, state.latent).sum()
        loss = loss + network.confidence(state.answer, state.latent).sum()
    loss.backward()
    touched = [name for name, parameter in network.named_parameters() if parameter.grad is not None]
    assert any(name.startswith("core") for name in touched)


def test_residual_of_the_truth_is_empty(small_network, batch, ladders):
    network = Network(replace(small_network, residual_encoder=True), VOCABULARY)
    encoded = network.encode(batch)
    before = residual_spectrum(encoded.index, network.hypothesis(encoded, network.start(4)))
    after = residual_spectrum(encoded.index, network.hypothesis(encoded, truth(network, ladders)))
    assert before[:, 0].sum() > 50 * after[:, 0].sum()
    assert before[:, 1].sum() == 0


def test_bins_are_half_a_thomson_to_two_thousand(small_network, batch):
    network = Network(small_network, VOCABULARY)
    encoded = network.encode(batch)
    residual = residual_spectrum(encoded.index, network.hypothesis(encoded, network.start(4)))
    assert residual.shape == (4, 2, BINS) and BINS * BIN_TH == 2000.0
    by_hand = torch.zeros(BINS)
    for mz, height in zip(batch.mz[0], batch.intensity[0], strict=True):
        if mz < 2000:
            by_hand[int(mz / 0.5)] += height
    assert torch.allclose(residual[0, 0], by_hand, atol=1e-6)


def test_residual_encoder_is_small_and_passes_no_gradient_to_the_renderer(small_network, batch, ladders):
    assert 45_000 < parameters(ResidualEncoder(64)) < 60_000
    network = Network(replace(small_network, residual_encoder=True), VOCABULARY)
    encoded, state = network.encode(batch), truth(network, ladders)
    residual = residual_spectrum(encoded.index, network.hypothesis(encoded, state))
    assert not residual.requires_grad


def test_quality_follows_the_peaks_alone():
    few = torch.tensor([[1.0, 0.5, 0.0, 0.0]])
    even = torch.ones(1, 4)
    assert quality_features(few).shape == (1, QUALITY_FEATURES)
    assert quality_features(few)[0, 0].item() == pytest.approx(0.02)
    assert quality_features(even)[0, 1].item() == pytest.approx(1.0)  # equal heights: full entropy
    assert quality_features(few)[0, 1].item() == pytest.approx(0.9182958, rel=1e-5)  # of 2/3 and 1/3, in bits
    assert quality_features(torch.zeros(1, 4)).isfinite().all()


@pytest.mark.parametrize("what", ["collision_energy", "instrument", "fragmentation", "noise_level"])
def test_conditions_that_are_asked_for_change_the_embedding_and_unknown_ones_are_finite(small_network, batch, what):
    told = dict.fromkeys(("instrument", "fragmentation", "collision_energy"), True)
    settings = replace(small_network, **{f"condition_on_{name}": on for name, on in told.items()}, quality="true")
    torch.manual_seed(0)
    conditions = Conditions(settings)
    given = {
        "intensity": batch.intensity,
        "charge": batch.charge,
        "instrument": batch.instrument,
        "fragmentation": batch.fragmentation,
        "collision_energy": batch.collision_energy,
        "noise_level": batch.noise_level,
    }
    plain = conditions(**given)
    known = torch.full_like(given[what], 1)
    assert plain.isfinite().all()
    assert not torch.allclose(plain, conditions(**(given | {what: known})))


def test_gap_mass_stays_within_500_da_and_the_gap_can_be_answered_only_where_trained(small_network, batch):
    network = Network(replace(small_network, gap=True), VOCABULARY)
    torch.nn.init.normal_(network.gap.mass.weight, std=50)
    state = network(network.encode(batch), network.start(4))
    assert state.gap_mass.abs().max() <= MAX_GAP_MASS
    assert not network.forbidden[:, GAP].any()
    without = Network(small_network, VOCABULARY)
    answer = without(without.encode(batch), without.start(4)).answer
    assert (answer[..., GAP] <= FORBIDDEN_LOGIT / 2).all()


def test_tokens_that_were_never_trained_are_never_answered(small_network, batch):
    network = Network(small_network, VOCABULARY)
    network.allow(VOCABULARY.encode("GAS"))
    state = network(network.encode(batch), network.start(4))
    assert set(state.answer.argmax(-1).unique().tolist()) <= {STOP, *VOCABULARY.encode("GAS")}


def test_a_terminal_modification_stands_first_only(small_network):
    network = Network(small_network, VOCABULARY)
    terminal = VOCABULARY.encode("[UNIMOD:1]-A")[0]
    assert not network.forbidden[0, terminal] and network.forbidden[1:, terminal].all()


def test_keys_and_values_of_the_spectrum_are_made_once(small_network, batch):
    network = Network(small_network, VOCABULARY)
    calls = []
    network.core_layers[0].spectrum_attention.key_value.register_forward_hook(lambda *_: calls.append(1))
    encoded, state = network.encode(batch), network.start(4)
    for _ in range(5):
        state = network(encoded, state)
    assert len(calls) == 1


def test_the_ancestors_shape_is_a_matter_of_configuration():
    ancestor = Network(
        NetworkSettings(
            width=384, heads=6, encoder_layers=3, core_layers=3, latent_steps=6, steps=8, gate_bias=-2.0, evidence=False
        ),
        VOCABULARY,
    )
    assert 11_000_000 < parameters(ancestor) < 14_000_000
    assert not any("evidence" in name for name, _ in ancestor.named_parameters())
