"""The knobs of the network and its training, as plain dataclasses; `params.yaml` explains each."""

from dataclasses import dataclass
from typing import Any, ClassVar

_STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Shape of the network; ``evidence: false`` is the plain Tiny Recursive Model."""

    __pydantic_config__: ClassVar = _STRICT
    width: int = 96
    heads: int = 4
    encoder_layers: int = 1
    core_layers: int = 2
    latent_steps: int = 1
    slots: int = 32
    max_charge: int = 8
    steps: int = 8
    max_steps: int = 24
    candidate_width: int = 32
    evidence: bool = True
    fragment_tolerance_ppm: float = 20.0
    fragment_tolerance_min_da: float = 0.01
    closure_tolerance_ppm: float = 20.0
    gate_bias: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """One stage of the curriculum."""

    __pydantic_config__: ClassVar = _STRICT
    name: str
    updates: int
    noise_level: tuple[float, float] = (0.0, 0.0)
    clean_share: float = 1.0
    learning_rate: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How the network is trained: by carry, two supervised steps an update, rows replaced as they finish."""

    __pydantic_config__: ClassVar = _STRICT
    stages: tuple[StageSettings, ...]
    batch_size: int = 128
    steps_per_update: int = 2
    max_age: int = 16
    guided_share: float = 0.5
    weight_decay: float = 0.01
    warmup_updates: int = 50
    gradient_clip: float = 1.0
    average_decay: float = 0.99
    precision: str = "auto"
    threads: int = 1
    validate_every: int = 250
    validation_spectra: int = 256
    checkpoint_every: int = 250
