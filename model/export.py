"""A trained network as few and small files, to be handed on: its weights, in bfloat16 if wished, and its settings."""

import json
from pathlib import Path

import torch

from data.atomic import make_folder, write_atomically
from data.errors import InputError, OutputError
from model.calibration import CALIBRATION_FILE
from model.checkpoint import CONFIG_FILE, WEIGHTS_FILE, load_network
from model.tensor_file import read_tensors, write_tensors

_FILES = (WEIGHTS_FILE, CONFIG_FILE, CALIBRATION_FILE)

PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32}


def export_network(folder: Path, target: Path, precision: str, *, force: bool) -> int:
    """Write a model's folder that `Sequencer` reads as it reads the first: no state of the training, no pickle.

    Weights are all that is rounded: masses are no weights, and a network computes with what it reads in float32.

    Parameters
    ----------
    precision : ``bf16`` or ``fp32``.
    force : overwrite a model in the target.

    Returns
    -------
    bytes written

    Raises
    ------
    InputError : no usable model in the folder, or the target is the folder itself.
    OutputError : a model is in the target already, or it cannot be written.
    """
    load_network(folder)
    if target.resolve() == folder.resolve():
        raise InputError("is the model itself", path=target, remedy="Name another folder")
    if (target / CONFIG_FILE).exists() and not force:
        raise OutputError("a model is there already", path=target, remedy="Choose another name or give --force")
    weights = {
        name: tensor.to(PRECISIONS[precision]) if tensor.is_floating_point() else tensor
        for name, tensor in read_tensors(folder / WEIGHTS_FILE).items()
    }
    config = json.loads((folder / CONFIG_FILE).read_text()) | {"precision": precision}
    make_folder(target)
    (target / CALIBRATION_FILE).unlink(missing_ok=True)
    write_tensors(target / WEIGHTS_FILE, weights)
    write_atomically(target / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode())
    if (folder / CALIBRATION_FILE).is_file():
        write_atomically(target / CALIBRATION_FILE, (folder / CALIBRATION_FILE).read_bytes())
    load_network(target)
    return sum(path.stat().st_size for name in _FILES if (path := target / name).exists())
