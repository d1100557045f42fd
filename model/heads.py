"""Small heads on the recursion's state: the mass of a gap, trust in each residue, and whether the answer is done."""

import torch
from torch import Tensor, nn

from data.vocabulary import MAX_GAP_MASS

_ANSWER_FEATURES = 2


class GapHead(nn.Module):
    """Mass of a gap in each slot: tanh × 500 Da. Outside of mixed precision, where 300 Da would be good to 1 Da."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mass = nn.Linear(width, 1)
        nn.init.zeros_(self.mass.weight)
        nn.init.zeros_(self.mass.bias)

    def forward(self, latent: Tensor) -> Tensor:
        """(batch, slots, width) to (batch, slots) float32, Da."""
        with torch.autocast(latent.device.type, enabled=False):
            mass: Tensor = self.mass(latent.float()).squeeze(-1).tanh() * MAX_GAP_MASS
        return mass


class ConfidenceHead(nn.Module):
    """Logit that a slot's token is right, as AlphaFold's pLDDT head reads its own structure (Jumper et al. 2021).

    It reads the state without changing it: no gradient passes on.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width + _ANSWER_FEATURES, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, answer: Tensor, latent: Tensor) -> Tensor:
        """answer (batch, slots, tokens) and latent (batch, slots, width) to (batch, slots)."""
        read = torch.cat([latent.detach(), answer_features(answer.detach())], -1)
        trust: Tensor = self.layers(read).squeeze(-1)
        return trust.float()


class HaltingHead(nn.Module):
    """Logit that the whole answer is right, from the mean state and the least and mean certainty of its slots."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width + 2 * _ANSWER_FEATURES, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, answer: Tensor, latent: Tensor) -> Tensor:
        """answer (batch, slots, tokens) and latent (batch, slots, width) to (batch,)."""
        certain = answer_features(answer.detach())
        read = torch.cat([latent.mean(1), certain.mean(1), certain.amin(1)], -1)
        done: Tensor = self.layers(read).squeeze(-1)
        return done.float()


def answer_features(answer: Tensor) -> Tensor:
    """(..., tokens) logits to (..., 2): probability of the best token, and its distance to the second best."""
    best = answer.softmax(-1).topk(2, -1).values
    return torch.stack([best[..., 0], best[..., 0] - best[..., 1]], -1)
