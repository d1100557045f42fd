"""The domain adversary: a small network that tells measured from synthetic spectra, and the reversal of its gradient.

What it learns to see, the encoder learns to hide (Ganin et al. 2016, JMLR 17:59): so that the rest of the network
cannot come to depend on what only synthetic spectra have.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Reversal(torch.autograd.Function):
    """Identity forward; backward the gradient times a negative factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


class DomainDiscriminator(nn.Module):
    """Logit that a spectrum was measured, from the mean of its peaks' tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, pooled: Tensor, strength: float) -> Tensor:
        """(batch, width) to (batch,); the gradient goes back reversed and times ``strength``."""
        reversed_: Tensor = _Reversal.apply(pooled, strength)  # type: ignore[no-untyped-call]
        logits: Tensor = self.layers(reversed_).squeeze(-1)
        return logits


def domain_loss(logits: Tensor, measured: Tensor) -> Tensor:
    """(batch,) cross-entropy, both domains weighing alike; zero where a batch holds one domain alone."""
    share = measured.float().mean()
    weight = torch.where(measured, 0.5 / share.clamp(min=1e-6), 0.5 / (1 - share).clamp(min=1e-6))
    both = (share > 0) & (share < 1)
    rows: Tensor = (
        weight * both * functional.binary_cross_entropy_with_logits(logits.float(), measured.float(), reduction="none")
    )
    return rows


def reversal_strength(update: int, warmup_updates: int) -> float:
    """Rises from 0 towards 1 as the discriminator learns (Ganin et al. 2016, section 5.2.2)."""
    progress = min(update / max(warmup_updates, 1), 1.0)
    return 2 / (1 + math.exp(-10 * progress)) - 1
