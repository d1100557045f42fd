"""The one place that every random stream is derived from: the run's seed and the names of what it is for."""

import hashlib

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """A seed of 63 bits for one purpose; the same on every machine and in every process."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """An independent random stream for one purpose."""
    return np.random.default_rng(derive(seed, *names))
