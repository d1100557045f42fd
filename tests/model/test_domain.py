"""The domain adversary: its gradient is reversed, both domains weigh alike, and it comes in slowly."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.settings import NoiseSettings, PreprocessingSettings
from model.checkpoint import load_network
from model.domain import DomainDiscriminator, domain_loss, reversal_strength
from model.recipe import Recipe
from model.settings import LossSettings, StageSettings
from model.trainer import train


def test_the_encoder_gets_the_negative_of_what_the_discriminator_would_give():
    torch.manual_seed(0)
    discriminator = DomainDiscriminator(8)
    pooled = torch.randn(5, 8, requires_grad=True)
    measured = torch.tensor([True, False, True, False, False])
    loss = domain_loss(discriminator(pooled, 0.3), measured).sum()
    (reversed_,) = torch.autograd.grad(loss, pooled)
    plain = domain_loss(discriminator.layers(pooled).squeeze(-1), measured).sum()
    (forward,) = torch.autograd.grad(plain, pooled)
    assert torch.allclose(reversed_, -0.3 * forward)
    assert float(loss.detach()) == pytest.approx(float(plain.detach()))


def test_both_domains_weigh_alike_and_one_alone_says_nothing():
    measured = torch.tensor([True, False, False, False])
    rows = domain_loss(torch.zeros(4), measured)
    assert rows[0].item() == pytest.approx(rows[1:].sum().item())
    assert rows.mean().item() == pytest.approx(np.log(2))
    assert domain_loss(torch.ones(3), torch.ones(3, dtype=torch.bool)).tolist() == [0, 0, 0]


def test_the_reversal_is_warmed_up():
    values = [reversal_strength(update, 100) for update in (0, 10, 50, 100, 1000)]
    assert values[0] == 0 and values == sorted(values)
    assert values[1] == pytest.approx(np.tanh(0.5))  # 2 / (1 + exp(-10 p)) - 1 is tanh(5 p)
    assert values[3] == values[4] == pytest.approx(0.9999, abs=1e-3)


def test_an_adversarial_training_changes_the_encoder_and_resumes_exactly(
    tmp_path, ladders, small_network, short_training
):
    stages = (StageSettings(name="half", updates=4, synthetic_share=0.5),)
    plain = replace(short_training, stages=stages)
    adversarial = replace(plain, loss=LossSettings(domain_weight=1.0, domain_warmup_updates=2))

    def weights_of(name, training, on_metrics=None):
        recipe = Recipe(
            network=small_network,
            training=training,
            noise=NoiseSettings(),
            preprocessing=PreprocessingSettings(),
            seed=3,
        )
        train(
            recipe=recipe,
            training_set=ladders,
            validation_set=ladders,
            real_set=ladders,
            folder=tmp_path / name,
            on_metrics=on_metrics,
        )
        return load_network(tmp_path / name)[0].state_dict()

    def interrupt(update, stage, metrics):
        if update == 4:
            raise KeyboardInterrupt

    whole = weights_of("unbroken", adversarial)
    with pytest.raises(KeyboardInterrupt):
        weights_of("broken", adversarial, interrupt)
    again = weights_of("broken", adversarial)
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
    without = weights_of("plain", plain)
    assert not torch.equal(whole["encoder.peak.weight"], without["encoder.peak.weight"])
