"""Muon in single precision against torch's own, which works in bf16, and against the singular values it promises."""

import pytest
import torch

from model.muon import Muon, orthogonalized

SHAPES = [(8, 8), (24, 8), (8, 24), (8, 8)]


def test_steps_are_those_of_torch_up_to_its_precision():
    torch.manual_seed(3)
    ours = [torch.randn(shape, requires_grad=True) for shape in SHAPES]
    theirs = [matrix.detach().clone().requires_grad_() for matrix in ours]
    first = [matrix.detach().clone() for matrix in ours]
    optimizers = Muon(ours, lr=0.02, weight_decay=0.1), torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1)
    for _ in range(5):
        gradients = [torch.randn(shape) for shape in SHAPES]
        for matrices, optimizer in zip((ours, theirs), optimizers, strict=True):
            for matrix, gradient in zip(matrices, gradients, strict=True):
                matrix.grad = gradient.clone()
            optimizer.step()
    for mine, its, before in zip(ours, theirs, first, strict=True):
        assert ((mine - its).norm() / (its - before).norm()).item() < 0.02


def test_singular_values_come_near_one():
    torch.manual_seed(1)
    singular = torch.linalg.svdvals(orthogonalized(torch.randn(4, 16, 48)))
    assert singular.min() > 0.6 and singular.max() < 1.3


def test_a_matrix_without_gradient_stays():
    matrix = torch.ones(4, 4, requires_grad=True)
    Muon([matrix], lr=0.1).step()
    assert matrix.sum().item() == pytest.approx(16)
