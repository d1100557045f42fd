"""Checkpoints: a folder with `model.safetensors` and `config.json`; no pickle, so that loading is safe."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data.atomic import make_folder, write_atomically
from data.errors import CorruptedDataError, InputError
from data.settings import PreprocessingSettings
from data.vocabulary import STOP, VOCABULARY
from model.recursion import Network
from model.settings import NetworkSettings
from model.tensor_file import read_tensors, write_tensors

FORMAT_VERSION = 2
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"


def save_network(
    folder: Path,
    network: Network,
    weights: dict[str, Tensor],
    preprocessing: PreprocessingSettings,
    training: dict[str, Any],
) -> None:
    """Write weights and configuration; a reader sees the old or the new file, never half of one.

    Parameters
    ----------
    weights : state of the network, or its moving average.
    training : how it was trained, for people.
    """
    config = {
        "format_version": FORMAT_VERSION,
        "network": asdict(network.settings),
        "preprocessing": asdict(preprocessing),
        "tokens": [token.text for token in network.vocabulary.tokens],
        "trained_tokens": [network.vocabulary.tokens[int(number)].text for number in network.candidates],
        "training": training,
    }
    make_folder(folder)
    write_tensors(folder / WEIGHTS_FILE, weights)
    write_atomically(folder / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode())


def load_network(folder: Path, device: str = "cpu") -> tuple[Network, PreprocessingSettings]:
    """Read a network, ready for inference.

    Raises
    ------
    InputError : no model is in the folder, or it was made for other tokens or by another version.
    CorruptedDataError : its files cannot be read.
    """
    if not (folder / CONFIG_FILE).is_file():
        raise InputError(
            "no model here", path=folder, remedy="Train one with `dvc repro train` or name another with --model"
        )
    try:
        config = json.loads((folder / CONFIG_FILE).read_text())
        if config["format_version"] != FORMAT_VERSION or config["tokens"] != [t.text for t in VOCABULARY.tokens]:
            raise InputError("the model was made for another version of peptrm", path=folder, remedy="Train it again")
        network = Network(NetworkSettings(**config["network"]), VOCABULARY)
        trained = set(config["trained_tokens"])
        network.allow(n for n, token in enumerate(VOCABULARY.tokens) if n > STOP and token.text in trained)
        network.load_state_dict(read_tensors(folder / WEIGHTS_FILE))
        preprocessing = PreprocessingSettings(**config["preprocessing"])
    except InputError:
        raise
    except Exception as error:
        raise CorruptedDataError(
            f"the model cannot be read ({type(error).__name__}: {error})", path=folder, remedy="Train it again"
        ) from error
    return network.to(device).eval(), preprocessing


def autocast(device: str, precision: str) -> torch.autocast:
    """Mixed precision for matrix products; masses and m/z are outside of it, in float64 and float32.

    Parameters
    ----------
    precision : ``bf16``, ``fp32``, or ``auto``: bf16 where the processor multiplies it natively.
    """
    enabled = precision == "bf16" or (precision == "auto" and multiplies_bf16(device))
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=enabled)


def multiplies_bf16(device: str) -> bool:
    """Whether the device multiplies matrices in bf16 natively."""
    return bool(torch.cpu._is_avx512_bf16_supported()) if device == "cpu" else True
