"""What `peptrm info` tells: the card of a model, and what the machine offers it."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any

import torch

from model.calibration import CALIBRATION_FILE, Calibration
from model.checkpoint import CONFIG_FILE, WEIGHTS_FILE, load_network, multiplies_bf16
from model.inference import best_device
from model.tensor_file import read_tensors

_WIDTH = 22


def model_card(folder: Path) -> dict[str, Any]:
    """What a model is, for people.

    Raises
    ------
    InputError, CorruptedDataError : as `load_network`.
    """
    network, preprocessing = load_network(folder)
    config = json.loads((folder / CONFIG_FILE).read_text())
    weights = read_tensors(folder / WEIGHTS_FILE)
    settings = network.settings
    calibration = Calibration.load(folder)
    tokens = [network.vocabulary.tokens[int(number)].text for number in network.candidates]
    return {
        "folder": str(folder),
        "parameters": sum(weight.numel() for weight in weights.values()),
        "weights": ", ".join(sorted({str(weight.dtype).removeprefix("torch.") for weight in weights.values()}))
        + f", {(folder / WEIGHTS_FILE).stat().st_size / 1e6:.2f} MB",
        "mass evidence": settings.evidence,
        "refinement steps": f"{settings.steps}, up to {settings.max_steps}",
        "longest peptide": f"{settings.slots - 1} tokens",
        "precursor tolerance": f"{settings.closure_tolerance_ppm:g} ppm",
        "fragment tolerance": f"{settings.fragment_tolerance:g} {settings.fragment_tolerance_unit}",
        "peaks": f"the {preprocessing.max_peaks} strongest in {preprocessing.min_mz:g}–{preprocessing.max_mz:g} Th",
        "vocabulary": " ".join(tokens),
        "training": config.get("training", {}),
        "calibration": calibration.fitted_on if calibration else f"none ({CALIBRATION_FILE} is missing)",
        "licence": f"{metadata('peptrm')['License-Expression']}, as PepTRM",
    }


def machine_card() -> dict[str, Any]:
    """What this machine offers."""
    cuda = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "peptrm": version("peptrm"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": best_device(),
        "cuda": ", ".join(cuda) or "none",
        "mps": torch.backends.mps.is_available(),
        "matrix products": "bf16" if multiplies_bf16(best_device()) else "fp32",
    }


def as_text(cards: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The cards for people."""
    for title, card in cards.items():
        yield title.upper()
        for name, value in card.items():
            if isinstance(value, dict):
                value = "; ".join(
                    f"{key} {entry}" for key, entry in value.items() if not isinstance(entry, dict | list)
                )
            elif isinstance(value, bool):
                value = "yes" if value else "no"
            elif isinstance(value, int):
                value = f"{value:,}"
            yield f"  {name:<{_WIDTH}} {value}"
