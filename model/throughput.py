"""Model FLOPs utilisation: the arithmetic that an update needs, over what the device can do in its time."""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from model.carry import Carry
from model.checkpoint import autocast
from model.recursion import Network

_SIZE = 1024
_REPEATS = 5


@torch.no_grad()
def flops_of_update(network: Network, carry: Carry, steps: int) -> int:
    """Floating-point operations of the matrix products of an update: forward once and backward twice as many."""
    with FlopCounterMode(display=False) as counter:
        encoded = network.encode(carry.spectra, carry.index)
        state = carry.state
        for _ in range(steps):
            state = network(encoded, state)
    return 3 * int(counter.get_total_flops())


@torch.no_grad()
def peak_flops(device: str, precision: str) -> float:
    """Operations a second of a large matrix product here and now, as fast as the device goes at this precision."""
    left = torch.randn(_SIZE, _SIZE, device=device)
    with autocast(device, precision):
        best = min(_seconds(left, device) for _ in range(_REPEATS))
    return 2 * _SIZE**3 / best


def _seconds(left: torch.Tensor, device: str) -> float:
    began = time.perf_counter()
    product = left @ left
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    del product
    return time.perf_counter() - began
