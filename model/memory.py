"""Memory that runs out, told from other failures of torch, numpy and the C library."""

import gc

import torch

_SIGNS = ("out of memory", "allocate memory", "not enough memory", "bad_alloc", "could not create a memory")
"""In the messages of the RuntimeErrors that torch's allocators raise: CUDA's, the processor's, and oneDNN's."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def release_memory(device: str) -> None:
    """Give back what a failed attempt left behind."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
