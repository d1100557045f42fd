"""Muon in single precision: steps along orthogonalised momentum, matrices of one shape at once.

`torch.optim.Muon` orthogonalises in bf16, which takes a fifth of an update on a processor that cannot multiply it.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration whose slope at zero is steepest (Jordan 2024, "Muon")."""

_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Momentum with Nesterov's look-ahead, orthogonalised (Jordan 2024).

    Parameters
    ----------
    parameters : matrices.
    lr : Frobenius norm of a step over that of an orthogonal matrix; times √(rows / columns) for tall matrices.
    weight_decay : decoupled.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move the matrices that have a gradient."""
        for group in self.param_groups:
            of_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    of_shape[matrix.shape].append(matrix)
            for matrices in of_shape.values():
                self._move(matrices, group["lr"], group["weight_decay"], group["momentum"])

    def _move(self, matrices: list[Tensor], lr: float, weight_decay: float, momentum: float) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        buffers = [self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix)) for matrix in matrices]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        ahead = torch.stack(torch._foreach_lerp(gradients, buffers, momentum))
        rows, columns = ahead.shape[-2:]
        steps = orthogonalized(ahead) * (lr * max(1.0, rows / columns) ** 0.5)
        torch._foreach_mul_(matrices, 1 - lr * weight_decay)
        torch._foreach_sub_(matrices, list(steps.unbind()))


def orthogonalized(matrices: Tensor) -> Tensor:
    """The nearest matrices whose singular values all lie near 1.

    Parameters
    ----------
    matrices : (count, rows, columns).
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    orthogonal: Tensor = x.mT if tall else x
    return orthogonal
