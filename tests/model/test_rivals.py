"""What sets candidates apart: shares, lone ions and rivals' cleavages within a residue, counted by hand."""

import numpy as np
import torch

from data.chemistry import ION_SERIES
from data.vocabulary import PAD
from model.rivals import RIVAL_FEATURES, beside_mean, beside_rivals
from tests.model.test_match_score import EVIDENCE, SLOTS, tokens_of


def told(*peptides: str):
    tokens = tokens_of(*peptides)
    height = torch.arange(tokens.numel() * len(ION_SERIES)).view(*tokens.shape, -1) / 100
    posterior = torch.arange(tokens.numel()).view(tokens.shape) / 50
    return beside_rivals(EVIDENCE, tokens, height, posterior), height, posterior


def test_shares_and_lone_ions_are_those_counted_by_hand():
    found, height, _ = told("GASK", "AGSK", "GASK"[::-1])
    assert found.shape == (1, 3, SLOTS, RIVAL_FEATURES)
    # prefixes of GASK: G, GA, GAS; of AGSK: A, AG, AGS; of KSAG: K, KS, KSA; none behind the last residue
    np.testing.assert_allclose(found[0, 0, :4, 0], [0, 0.5, 0.5, 0])
    np.testing.assert_allclose(found[0, 1, :4, 0], [0, 0.5, 0.5, 0])
    np.testing.assert_allclose(found[0, 2, :4, 0], [0, 0, 0, 0])
    lone = found[0, 0, :4, 1 : 1 + len(ION_SERIES)]
    assert not found[..., 4:, :].any()
    np.testing.assert_allclose(lone, height[0, 0, :4] * torch.tensor([1, 0.5, 0.5, 0])[:, None])


def test_what_others_have_within_a_residue_is_seen_there():
    found, height, posterior = told("GGSK", "NSK")
    # GG weighs what N weighs: the cleavage between them lies within the N, and nowhere within GGSK is one of NSK
    np.testing.assert_allclose(found[0, 1, 0, -2], height[0, 0, 0].sum(), rtol=1e-6)
    np.testing.assert_allclose(found[0, 1, 0, -1], posterior[0, 0, 0], rtol=1e-6)
    assert not found[0, 0, :, -2:].any() and not found[0, 1, 1:, -2:].any()


def test_features_are_told_less_their_mean_over_the_peptides_that_there_are():
    tokens = tokens_of("GASK", "AGSK", "")
    whole = torch.tensor([[[1.0, 4.0], [3.0, 0.0], [100.0, 100.0]]])
    np.testing.assert_allclose(beside_mean(whole, tokens)[0], [[-1, 2], [1, -2], [0, 0]])
    nothing = beside_mean(whole, torch.full_like(tokens, PAD))
    assert nothing.isfinite().all() and not nothing.any()
