"""The optimiser, and the moving average of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from model.muon import Muon
from model.settings import TrainingSettings

_BETAS = (0.9, 0.98)
_MUON_RATE = 10.0
"""Muon's steps are orthogonal matrices: they stand ten times AdamW's rate (Jordan 2024)."""


class Optimizer:
    """AdamW; or Muon for the matrices within layers, and AdamW for embeddings, heads, norms and biases."""

    def __init__(self, network: nn.Module, training: TrainingSettings) -> None:
        decay = training.weight_decay
        named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
        matrices = [p for name, p in named if p.dim() == 2 and _is_hidden(name)] if training.optimizer == "muon" else []
        hidden = {id(parameter) for parameter in matrices}
        rest = [parameter for _, parameter in named if id(parameter) not in hidden]
        self.parts: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.AdamW(rest, lr=1.0, betas=_BETAS, weight_decay=decay), 1.0)
        ]
        if matrices:
            self.parts.append((Muon(matrices, lr=1.0, weight_decay=decay), _MUON_RATE))

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for part, _ in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self, rate: float) -> None:
        """Move the weights."""
        for part, factor in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * factor
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """The moments by name, for a checkpoint."""
        return {
            f"{number}/{index}/{name}": value
            for number, (part, _) in enumerate(self.parts)
            for index, values in part.state_dict()["state"].items()
            for name, value in values.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of ``tensors``."""
        for number, (part, _) in enumerate(self.parts):
            moments: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                of_part, index, key = name.split("/")
                if int(of_part) == number:
                    moments.setdefault(int(index), {})[key] = tensor
            part.load_state_dict(part.state_dict() | {"state": moments})


class MovingAverage:
    """Exponential moving average of the weights, with a warm-up so that the first weights are forgotten."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, updates: int) -> None:
        """Take in the weights after so many updates."""
        decay = min(self.decay, updates / (updates + 10))
        for name, value in network.state_dict().items():
            self.weights[name].lerp_(value, 1 - decay)

    @contextmanager
    def swapped_in(self, network: nn.Module) -> Iterator[None]:
        """Let the network have the averaged weights for a while."""
        current = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.weights)
        yield
        network.load_state_dict(current)


def _is_hidden(name: str) -> bool:
    return any(part in name for part in ("core.", "encoder.layers.")) and "embedding" not in name
