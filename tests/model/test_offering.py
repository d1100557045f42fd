"""Offering a modification that the network never met."""

import pytest
import torch

from data.errors import InputError
from data.vocabulary import GAP, STOP, VOCABULARY
from model.offering import fix, offer
from model.recursion import Network
from model.settings import NetworkSettings

TRAINED = VOCABULARY.encode("GASPVTLNDQKEMHFRYW")


@pytest.fixture
def network(small_network: NetworkSettings) -> Network:
    torch.manual_seed(0)
    network = Network(small_network, VOCABULARY)
    network.allow(TRAINED)
    return network


def token(network: Network, text: str) -> int:
    return next(n for n, t in enumerate(network.vocabulary.tokens) if t.text == text)


def test_a_token_of_the_vocabulary_borrows_its_residue(network):
    wider = offer(network, ["S[UNIMOD:21]"])
    phospho, serine = token(wider, "S[UNIMOD:21]"), token(wider, "S")
    assert set(wider.candidates.tolist()) == {*TRAINED, phospho}
    assert torch.equal(wider.head.weight[phospho], wider.head.weight[serine])
    assert torch.equal(wider.answer_in.weight[:, phospho], wider.answer_in.weight[:, serine])
    masses = wider.mass_evidence.masses
    assert (masses[phospho] - masses[serine]).item() == pytest.approx(79.966331, abs=1e-5)


def test_a_token_beyond_the_vocabulary_leaves_all_others_as_they_are(network):
    wider = offer(network, ["K[UNIMOD:34]"])
    assert len(wider.vocabulary) == len(VOCABULARY) + 1
    assert wider.vocabulary.tokens[GAP].text == VOCABULARY.tokens[GAP].text
    slots, residues = 6, len(VOCABULARY) - STOP - 1
    old, new = network.evidence_in.weight, wider.evidence_in.weight
    assert torch.equal(new[:, : slots + residues], old[:, : slots + residues])
    assert torch.equal(new[:, slots + residues + 1 : -1], old[:, slots + residues :])
    methyl = token(wider, "K[UNIMOD:34]")
    assert wider.mass_evidence.masses[methyl].item() == pytest.approx(128.094963 + 14.015650, abs=1e-4)


def test_nothing_to_lend_from_is_an_error(network):
    with pytest.raises(InputError, match="not met this residue"):
        offer(network, ["C[UNIMOD:4]"])
    with pytest.raises(InputError, match="UNIMOD:999999"):
        offer(network, ["S[UNIMOD:999999]"])


def test_a_plain_network_cannot_be_offered_anything(small_network):
    plain = Network(NetworkSettings(**{**small_network.__dict__, "evidence": False}), VOCABULARY)
    with pytest.raises(InputError, match="evidence"):
        offer(plain, ["S[UNIMOD:21]"])


def test_a_fixed_modification_leaves_no_other_form_of_its_residue(network):
    network = offer(network, ["K[UNIMOD:737]", "S[UNIMOD:21]"])
    fix(network, ["K[UNIMOD:737]"])
    answered = {network.vocabulary.tokens[number].text for number in network.candidates.tolist()}
    assert "K[UNIMOD:737]" in answered and "K" not in answered
    assert {"S", "S[UNIMOD:21]"} <= answered


def test_two_fixed_modifications_of_a_residue_are_an_error(network):
    network = offer(network, ["K[UNIMOD:737]", "K[UNIMOD:1]"])
    with pytest.raises(InputError):
        fix(network, ["K[UNIMOD:737]", "K[UNIMOD:1]"])
