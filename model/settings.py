"""The knobs of the network and its training, as plain dataclasses; `params.yaml` explains each."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from data.settings import UniformNoise

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
    gate_bias: float = 0.0
    step_embedding: Literal["every layer", "input"] = "every layer"
    evidence: bool = True
    right_anchor: bool = False
    isotope_evidence: bool = False
    spectrum_graph: bool = False
    start: Literal["empty", "spectrum graph"] = "empty"
    fragment_tolerance: float = 20.0
    fragment_tolerance_unit: Literal["ppm", "Da"] = "ppm"
    fragment_tolerance_min_da: float = 0.01
    closure_tolerance_ppm: float = 20.0
    condition_on_charge: bool = True
    condition_on_instrument: bool = False
    condition_on_fragmentation: bool = False
    condition_on_collision_energy: bool = False
    quality: Literal["none", "estimated", "true"] = "none"
    residual_encoder: bool = False
    adapter_width: int = 0
    gap: bool = False
    halting: bool = False
    confidence: bool = False


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """One stage of the curriculum."""

    __pydantic_config__: ClassVar = _STRICT
    name: str
    updates: int
    learning_rate: float = 1e-3
    clean_share: float = 1.0
    noise_level: tuple[float, float] = (0.0, 0.0)
    uniform_noise: UniformNoise | None = None
    uniform_share: float = 1.0
    lengths: tuple[int, int] | None = None
    synthetic_share: float = 1.0
    real_sources: tuple[str, ...] | None = None
    learned_share: float = 0.0
    precursor_weight: float = 0.0
    doubly_charged: bool = True


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """What is minimised beside the tokens' cross-entropy, and how the steps share it."""

    __pydantic_config__: ClassVar = _STRICT
    step_weights: Literal["uniform", "linear", "exponential"] = "uniform"
    label_smoothing: float = 0.0
    spectrum: Literal["none", "matched filter", "gaussian"] = "none"
    spectrum_weight: float = 0.1
    sigmas_da: tuple[float, ...] = (10.0, 5.0, 2.0, 0.5)
    gap_weight: float = 0.1
    halting_weight: float = 0.1
    confidence_weight: float = 0.1
    teacher_weight: float = 1.0
    domain_weight: float = 0.0
    domain_warmup_updates: int = 100


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How the network is trained: by carry, some supervised steps an update, rows replaced as they finish.

    ``max_age`` equal to ``steps_per_update`` is full unrolling: every row begins anew at every update.
    """

    __pydantic_config__: ClassVar = _STRICT
    stages: tuple[StageSettings, ...]
    loss: LossSettings = field(default_factory=LossSettings)
    batch_size: int = 128
    accumulate: int = 1
    steps_per_update: int = 2
    max_age: int = 16
    guided_share: float = 0.5
    corrupted_share: float = 0.0
    gap_share: float = 0.0
    exploration: float = 0.1
    optimizer: Literal["adamw", "muon"] = "adamw"
    trained: Literal["all", "adapters"] = "all"
    teacher: str | None = None
    weight_decay: float = 0.01
    warmup_updates: int = 50
    gradient_clip: float = 1.0
    average_decay: float = 0.99
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    compile: bool = False
    threads: int = 1
    workers: int = 0
    validate_every: int = 250
    validation_spectra: int = 256
    validation_noise: UniformNoise = field(
        default_factory=lambda: UniformNoise(
            noise_peaks=30, peak_dropout=0.45, peak_error_ppm=20.0, intensity_sigma=0.7
        )
    )
    checkpoint_every_minutes: float = 5.0


@dataclass(frozen=True, kw_only=True)
class LearnedNoiseSettings:
    """The autoencoder of `model.residual_noise` and its training."""

    __pydantic_config__: ClassVar = _STRICT
    latent: int = 8
    width: int = 64
    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 2e-3
    kl_weight: float = 1.0
