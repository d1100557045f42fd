"""The recursion: shapes, the gate, what may stand where, and that steps see the masses."""

import numpy as np
import pytest
import torch

from data.preprocessing import preprocess
from data.settings import PreprocessingSettings
from data.vocabulary import PAD, STOP, VOCABULARY
from model.layers import MassSinusoids
from model.recursion import FORBIDDEN_LOGIT, Network
from model.settings import NetworkSettings
from model.spectra import to_spectra


@pytest.fixture
def batch(ladders):
    peaks = preprocess(ladders.select(np.arange(4)).peaks, PreprocessingSettings())
    return to_spectra(peaks, 60, "cpu")


@pytest.fixture
def network(small_network):
    torch.manual_seed(0)
    return Network(small_network, VOCABULARY).eval()


def test_a_step_keeps_shapes_and_counts_itself(network, batch, small_network):
    state = network(network.encode(batch), network.start(4))
    assert state.answer.shape == (4, small_network.slots, len(VOCABULARY))
    assert state.latent.shape == (4, small_network.slots, small_network.width)
    assert state.step.tolist() == [1] * 4


@pytest.mark.parametrize("bias", [-2.0, 0.0])
def test_gate_starts_as_a_constant(small_network, batch, bias):
    settings = NetworkSettings(**{**vars_of(small_network), "gate_bias": bias})
    network = Network(settings, VOCABULARY)
    network.gate.register_forward_hook(lambda module, inputs, output: gates.append(torch.sigmoid(output)))
    gates: list[torch.Tensor] = []
    network(network.encode(batch), network.start(4))
    assert torch.allclose(gates[0], torch.sigmoid(torch.tensor(bias)).expand_as(gates[0]))


def test_terminal_modifications_stand_first_or_nowhere_and_padding_never(network, batch):
    state = network.start(4)
    encoded = network.encode(batch)
    for _ in range(30):
        state = network(encoded, state)
    terminal = torch.as_tensor(VOCABULARY.is_terminal)
    assert state.answer[:, 1:, terminal].max() < FORBIDDEN_LOGIT / 2
    assert state.answer[..., PAD].max() < FORBIDDEN_LOGIT / 2


def test_spectra_of_a_batch_do_not_see_each_other(network, batch):
    together = network(network.encode(batch), network.start(4)).answer
    alone = batch.select(torch.arange(1))
    assert torch.allclose(network(network.encode(alone), network.start(1)).answer[0], together[0], atol=1e-5)


def test_padding_does_not_change_the_answer(network, ladders):
    peaks = preprocess(ladders.select(np.arange(4)).peaks, PreprocessingSettings())
    narrow, wide = to_spectra(peaks, 60, "cpu"), to_spectra(peaks, 90, "cpu")
    answers = [network(network.encode(spectra), network.start(4)).answer for spectra in (narrow, wide)]
    assert torch.allclose(*answers, atol=1e-5)


def test_plain_network_has_no_evidence(small_network, batch):
    plain = Network(NetworkSettings(**{**vars_of(small_network), "evidence": False}), VOCABULARY)
    assert plain.index(batch).ahead_mass.shape[1] == 0
    assert plain(plain.encode(batch), plain.start(4)).answer.shape[0] == 4
    assert not any("candidate" in name or "anchor" in name for name, _ in plain.named_parameters())


def test_sinusoids_separate_residue_pairs_three_hundredths_apart():
    masses = torch.as_tensor(VOCABULARY.masses[STOP + 1 :])
    for base in (0.0, 500.0, 2000.0):
        vectors = MassSinusoids(96)(masses + base)
        distance = torch.cdist(vectors, vectors)
        apart = (masses[:, None] - masses).abs() >= 0.03
        assert distance[apart].min() > 1.0


def vars_of(settings: NetworkSettings) -> dict[str, object]:
    return dict(settings.__dict__)
