"""Several processes that train one network, as torchrun starts them; alone, all of it does nothing."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class World:
    """This process among those of the training.

    Attributes
    ----------
    rank, size : of this process, and how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def share(self, total: int) -> range:
        """Which of ``total`` rows are this process's; the shares differ by one row at most."""
        return range(total * self.rank // self.size, total * (self.rank + 1) // self.size)

    def shares(self, total: int) -> list[int]:
        """How many of ``total`` rows each process has."""
        return [len(World(rank, self.size).share(total)) for rank in range(self.size)]

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def gathered(self, value: int) -> list[int]:
        """The number of every process, by rank."""
        if self.size == 1:
            return [value]
        found: list[int] = [0] * self.size
        dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()


def join_world(device: str) -> World:
    """Join the processes that torchrun started; a world of one without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return World(dist.get_rank(), size)
