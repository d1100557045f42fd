"""`params.yaml` as one typed object: unknown keys are an error that names the key and its nearest neighbour."""

import difflib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data.errors import InputError
from data.settings import (
    NoiseSettings,
    PeptideSettings,
    PreprocessingSettings,
    ProteomeSettings,
    SynthesisSettings,
)
from model.settings import NetworkSettings, StageSettings, TrainingSettings


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentSettings(_Section):
    """The fixed noisy copies of the validation and test spectra."""

    levels: tuple[float, ...] = (0.0, 0.5, 1.0)


class CrossValidationSettings(_Section):
    """Nine folds: how each is trained and run."""

    training: TrainingSettings
    start: Literal["pretrained", "scratch"] = "pretrained"
    runner: Literal["threads", "processes", "dask", "ray"] = "threads"
    runner_address: str | None = None
    parallel_folds: int = Field(default=2, ge=1)
    retries: int = Field(default=2, ge=0)
    retry_delay_s: float = Field(default=5.0, ge=0)
    test_noise_level: float = Field(default=0.5, ge=0, le=1)


class EvaluationSettings(_Section):
    """What the report measures."""

    steps: int = Field(default=24, ge=1)
    batch_size: int = Field(default=128, ge=1)
    bootstrap_samples: int = Field(default=1000, ge=10)
    sample_spectra: int = Field(default=6, ge=0)


class CalibrationSettings(_Section):
    """How trust is fitted and measured."""

    spectra: int = Field(default=1200, ge=0)
    fold_spectra: int = Field(default=300, ge=0)
    test_spectra: int = Field(default=300, ge=1)
    real_spectra: tuple[str, ...] = ()


class AblationRow(_Section):
    """One row of the table: what differs from the plain network and its training.

    Attributes
    ----------
    network, loss, training, stage : keys and values that replace those of the plain network's settings.
    """

    network: dict[str, Any] = {}
    loss: dict[str, Any] = {}
    training: dict[str, Any] = {}
    stage: dict[str, Any] = {}


class AblationSettings(_Section):
    """The rows that are compared, each trained from the same seed for the same number of samples."""

    updates: int = Field(default=400, ge=1)
    test_spectra: int = Field(default=512, ge=1)
    steps: int = Field(default=32, ge=1)
    rows: dict[str, AblationRow] = {}


class Params(_Section):
    """All knobs of the pipeline.

    Attributes
    ----------
    curricula : name → stages; a training that names one has its stages.
    real_spectra : file of annotated spectra for stages that mix them in.

    Raises
    ------
    ValueError : the noise levels lack the clean spectra (0) or those that the folds are tested on, or a training names
        no known curriculum.
    """

    seed: int
    proteomes: ProteomeSettings
    peptides: PeptideSettings
    synthesis: SynthesisSettings
    noise: NoiseSettings
    augment: AugmentSettings
    preprocessing: PreprocessingSettings
    network: NetworkSettings
    training: TrainingSettings
    cross_validation: CrossValidationSettings
    evaluation: EvaluationSettings
    calibration: CalibrationSettings
    ablations: AblationSettings
    curricula: dict[str, tuple[StageSettings, ...]]
    real_spectra: str | None = None

    def of_training(self) -> dict[str, Any]:
        """What made a network, as plain values: without the ablation and the curricula, which no training names."""
        return self.model_dump(mode="json", exclude={"ablations", "curricula"})

    @model_validator(mode="before")
    @classmethod
    def _with_stages_of_curricula(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("curricula"), dict):
            return values
        folds = values.get("cross_validation")
        found = {"training": _with_stages(values.get("training"), values["curricula"])}
        if isinstance(folds, dict):
            found["cross_validation"] = folds | {"training": _with_stages(folds.get("training"), values["curricula"])}
        return values | found

    @model_validator(mode="after")
    def _has_the_levels_it_reads(self) -> "Params":
        for level in (0.0, self.cross_validation.test_noise_level):
            if level not in self.augment.levels:
                raise ValueError(f"augment.levels must hold {level:g}: the report and the folds read these spectra")
        return self


def _with_stages(training: Any, curricula: dict[str, Any]) -> Any:
    """The training with the stages of the curriculum that it names."""
    if not isinstance(training, dict) or not isinstance(training.get("stages"), str):
        return training
    name = training["stages"]
    if name not in curricula:
        close = difflib.get_close_matches(name, sorted(curricula), n=1, cutoff=0.0)
        raise ValueError(f"no curriculum {name!r}; did you mean {close[0]!r}")
    return training | {"stages": curricula[name]}


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check the parameters.

    Raises
    ------
    InputError : the file is missing, is no YAML, or holds an unknown key or a value of the wrong type or range.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise InputError("no such parameter file", path=path, remedy="Run from the project's root") from None
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", path=path) from None
    if not isinstance(raw, dict):
        raise InputError("holds no parameters", path=path)
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            raise InputError("unknown parameter", path=path, record=key, remedy=_nearest(raw, first["loc"])) from None
        raise InputError(first["msg"], path=path, record=key) from None


def _nearest(raw: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """Name the known key next to an unknown one."""
    known = {name for name in _known_keys(Params.model_json_schema())}
    close = difflib.get_close_matches(str(location[-1]), sorted(known), n=1, cutoff=0.0)
    return f"Did you mean '{close[0]}'" if close else "Remove it"


def _known_keys(schema: dict[str, Any]) -> set[str]:
    keys = set(schema.get("properties", {}))
    for part in schema.get("$defs", {}).values():
        keys |= set(part.get("properties", {}))
    return keys
