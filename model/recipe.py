"""The recipe of a training: all that its weights depend on beside the spectra, as one value that JSON can hold."""

import json
from dataclasses import asdict, dataclass, fields, is_dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from data.errors import InputError
from data.settings import NoiseSettings, PreprocessingSettings
from model.settings import NetworkSettings, TrainingSettings

Settings = TypeVar("Settings")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Shape, training, noise, preprocessing and seed."""

    network: NetworkSettings
    training: TrainingSettings
    noise: NoiseSettings
    preprocessing: PreprocessingSettings
    seed: int

    def as_json(self) -> dict[str, Any]:
        """As JSON gives it back: lists for tuples."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """The inverse of ``as_json``.

        Raises
        ------
        InputError : a key is unknown or missing.
        """
        return settings_from(cls, values)


def settings_from(kind: type[Settings], values: dict[str, Any]) -> Settings:
    """Nested settings from plain values.

    Raises
    ------
    InputError : a key is unknown or missing.
    """
    hints = get_type_hints(kind)
    unknown = values.keys() - {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise InputError("unknown setting", record=f"{kind.__name__}.{min(unknown)}")
    try:
        return kind(**{name: _value(hints[name], value) for name, value in values.items()})
    except TypeError as error:
        raise InputError(str(error), record=kind.__name__) from None


def _value(hint: Any, value: Any) -> Any:
    """A plain value as its hint wants it: settings for mappings, tuples for lists."""
    if is_dataclass(hint):
        return settings_from(hint, value)  # type: ignore[arg-type]
    options = [option for option in get_args(hint) if option is not NoneType]
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(options[0], entry) for entry in value)
    if isinstance(value, dict | list) and options and get_origin(hint) is not dict:
        return _value(options[0], value)
    return value
