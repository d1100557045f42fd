"""Starting from a trained network that lacks some parts: adapters and conditions come in without changing answers."""

from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor

from data.errors import InputError
from data.vocabulary import VOCABULARY
from model.checkpoint import load_network, save_network
from model.recursion import Network
from model.settings import NetworkSettings

_FREE = frozenset(
    (
        "steps",
        "max_steps",
        "fragment_tolerance",
        "fragment_tolerance_unit",
        "fragment_tolerance_min_da",
        "closure_tolerance_ppm",
    )
)
"""Settings that no weight belongs to."""

_GROWN = frozenset(
    ("adapter_width", "condition_on_instrument", "condition_on_fragmentation", "condition_on_collision_energy")
)
"""Settings whose weights may be new, if the trained network has them switched off."""


def start_from(network: Network, folder: Path) -> set[int]:
    """Give a network the weights of a trained one; parts that this one lacks start without effect.

    Returns
    -------
    The residue tokens that the trained network may answer.

    Raises
    ------
    InputError : the trained network has another shape.
    """
    source, _ = load_network(folder)
    other = _other_shape(source.settings, network.settings)
    if other:
        raise InputError(
            f"the model to start from has another shape: network.{other}",
            path=folder,
            remedy="Train it with these parameters",
        )
    known = source.state_dict()
    network.load_state_dict({name: _started(name, value, known) for name, value in network.state_dict().items()})
    return {int(number) for number in source.candidates}


def with_settings(folder: Path, settings: NetworkSettings, target: Path) -> None:
    """Copy a model with other settings of its network, as far as no trained weight is touched.

    Raises
    ------
    InputError : the settings ask for another shape.
    """
    network = Network(settings, VOCABULARY)
    network.allow(start_from(network, folder))
    preprocessing = load_network(folder)[1]
    save_network(target, network, network.state_dict(), preprocessing, {"copy_of": folder.name})


def freeze_all_but_adapters(network: Network) -> None:
    """Let the adapters alone be trained.

    Raises
    ------
    InputError : there are none.
    """
    if not network.settings.adapter_width:
        raise InputError("the network has no adapters to train", record="network.adapter_width")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(".adapter." in name)


def _other_shape(source: NetworkSettings, wanted: NetworkSettings) -> str:
    for field in fields(NetworkSettings):
        have, want = getattr(source, field.name), getattr(wanted, field.name)
        if have != want and field.name not in _FREE and not (field.name in _GROWN and not have):
            return field.name
    return ""


def _started(name: str, value: Tensor, known: dict[str, Tensor]) -> Tensor:
    if name in known:
        return known[name]
    return value if ".adapter." in name else torch.zeros_like(value)
