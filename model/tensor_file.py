"""Tensor files in the safetensors format, read and written with torch alone, so that a bare machine can train.

Format: eight bytes with the header's length, a JSON header (name → dtype, shape, offsets), then the raw tensors
(https://huggingface.co/docs/safetensors). No pickle: a file can hold nothing but tensors.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data.atomic import write_atomically

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_LENGTH_BYTES = 8


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a file whole or not at all; tensors that share memory are written one by one."""
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    offset = 0
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        data = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        span = [offset, offset + len(data)]
        header[name] = {"dtype": _NAMES[plain.dtype], "shape": list(plain.shape), "data_offsets": span}
        parts.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    write_atomically(path, b"".join([len(text).to_bytes(_LENGTH_BYTES, "little"), text, *parts]))


def read_tensors(path: Path, device: str = "cpu") -> dict[str, Tensor]:
    """All tensors of a file by name.

    Raises
    ------
    ValueError : the file is cut off or is no such file.
    """
    content = path.read_bytes()
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    if len(content) < start or start == _LENGTH_BYTES:
        raise ValueError("not a safetensors file, or cut off")
    header = json.loads(content[_LENGTH_BYTES:start])
    data = bytearray(content[start:])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        if last > len(data):
            raise ValueError(f"the file ends within {name}")
        dtype, count = _DTYPES[entry["dtype"]], (last - first) // _DTYPES[entry["dtype"]].itemsize
        flat = torch.frombuffer(data, dtype=dtype, count=count, offset=first) if count else torch.empty(0, dtype=dtype)
        tensors[name] = flat.reshape(entry["shape"]).clone().to(device)
    return tensors


@cache
def fitted_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that the package brings, in single precision; read once."""
    return {name: weight.float() for name, weight in read_tensors(path).items()}
