"""`params.yaml` as one typed object: unknown keys are an error that names the key and its nearest neighbour."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.errors import InputError
from data.proteomes import GENERAL, SPECIES, Species
from data.settings import (
    CorpusSettings,
    NoiseSettings,
    PeptideSettings,
    PreprocessingSettings,
    ProteomeSettings,
    SynthesisSettings,
)
from model.settings import NetworkSettings, StageSettings, TrainingSettings
from tasks.bridge_params import BridgeSettings
from tasks.params_text import changed
from tasks.study_params import StudySettings

PARAMS_FILE = Path("params.yaml")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentSettings(_Section):
    """The fixed noisy copies of the validation and test spectra."""

    levels: tuple[float, ...] = (0.0, 0.5, 1.0)


class MeasuredSettings(_Section):
    """Annotated spectra of the species, which then test the folds; those of other species may train.

    Attributes
    ----------
    files : path, which may name environment variables → the species of its spectra; null: as its column says.
    spectra_per_peptide : at most.
    edition : key of `data/baselines.yaml` where these are the spectra of a published table.
    """

    files: dict[str, str | None] = {}
    spectra_per_peptide: int = Field(default=5, ge=1)
    edition: str | None = None


class CrossValidationSettings(_Section):
    """One fold a species: how each is trained, tested and run."""

    training: TrainingSettings
    measured: MeasuredSettings = MeasuredSettings()
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


class FineTuningSettings(_Section):
    """The last training of the network that is shipped, with measured spectra mixed in.

    Attributes
    ----------
    start : folder of the network to train further, in the place of what the first training made.
    files : annotated spectra; may begin with an environment variable. Peptides that the corpus excludes are left out.
    spectra_per_peptide : at most.
    analysers : families of `data.instruments` whose spectra are taken, told by their fragments; none named: all.
    held_out_share : of their peptides, by hash: calibrated on, never trained on.
    noise : of the predicted spectra beside them; None: that of the first training.
    """

    training: TrainingSettings
    start: str | None = None
    files: tuple[str, ...] = ()
    analysers: tuple[str, ...] = ()
    spectra_per_peptide: int = Field(default=4, ge=1)
    held_out_share: float = Field(default=0.2, ge=0, lt=1)
    noise: NoiseSettings | None = None


class DistillationSettings(_Section):
    """A smaller network that learns from the shipped one's answers beside the truth, on the spectra of fine-tuning.

    Attributes
    ----------
    network : keys and values that replace those of ``network``; none: there is no smaller network.
    """

    training: TrainingSettings
    network: dict[str, Any] = {}


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
    species : one fold each; null: the nine of the benchmark.
    curricula : name → stages; a training that names one has its stages.
    noise_profiles : name → noise of an instrument; ``noise`` may name one.
    real_spectra : file of annotated spectra for stages that mix them in.

    Raises
    ------
    ValueError : the noise levels lack the clean spectra (0) or those that the folds are tested on, a training names
        no known curriculum or the noise no known profile, a fold's training does what its data do not allow, or the
        species are not told apart.
    """

    seed: int
    species: tuple[Species, ...] = SPECIES
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
    corpus: CorpusSettings
    fine_tuning: FineTuningSettings
    distillation: DistillationSettings
    ablations: AblationSettings
    curricula: dict[str, tuple[StageSettings, ...]]
    real_spectra: str | None = None
    noise_profiles: dict[str, NoiseSettings] = {}
    bridge: BridgeSettings = BridgeSettings()
    study: StudySettings = StudySettings()

    def of_training(self) -> dict[str, Any]:
        """What made a network, as plain values: without the comparisons, and the tables that no training names."""
        tables = {
            "ablations",
            "bridge",
            "study",
            "curricula",
            "noise_profiles",
            "species",
            "corpus",
            "fine_tuning",
            "distillation",
        }
        return self.model_dump(mode="json", exclude=tables)

    @field_validator("species", mode="before")
    @classmethod
    def _nine_by_default(cls, value: Any) -> Any:
        return SPECIES if value is None else value

    @field_validator("species", mode="after")
    @classmethod
    def _are_told_apart(cls, value: tuple[Species, ...]) -> tuple[Species, ...]:
        if len(value) < 2:
            raise ValueError("a fold is tested on one species and trained on others: name two or more")
        if len({each.slug for each in value} - {GENERAL.slug}) < len(value):
            raise ValueError(f"slugs must differ from each other and from '{GENERAL.slug}'")
        if len({each.taxon for each in value}) < len(value) or min(each.taxon for each in value) <= GENERAL.taxon:
            raise ValueError("taxa must differ from each other and be 2 or more")
        for each in value:
            if not re.fullmatch(r"\w+", each.slug):
                raise ValueError(f"the slug '{each.slug}' names files: letters, digits and _ alone")
        return value

    @model_validator(mode="before")
    @classmethod
    def _with_stages_of_curricula(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("curricula"), dict):
            return values
        folds = values.get("cross_validation")
        found = {"training": _with_stages(values.get("training"), values["curricula"])}
        if isinstance(values.get("noise"), str):
            found["noise"] = _named(values["noise"], values.get("noise_profiles") or {}, "noise profile")
        if isinstance(folds, dict):
            found["cross_validation"] = folds | {"training": _with_stages(folds.get("training"), values["curricula"])}
        return values | found

    @model_validator(mode="after")
    def _has_the_levels_it_reads(self) -> "Params":
        for level in (0.0, self.cross_validation.test_noise_level):
            if level not in self.augment.levels:
                raise ValueError(f"augment.levels must hold {level:g}: the report and the folds read these spectra")
        folds = self.cross_validation
        if not folds.measured.files and any(stage.synthetic_share < 1 for stage in folds.training.stages):
            raise ValueError("a fold's stage with a synthetic_share below 1 needs cross_validation.measured.files")
        if folds.measured.files and folds.start == "pretrained" and self.real_spectra is not None:
            raise ValueError("pre-training on real_spectra may have seen the folds' spectra: start from scratch")
        return self


def _with_stages(training: Any, curricula: dict[str, Any]) -> Any:
    """The training with the stages of the curriculum that it names."""
    if not isinstance(training, dict) or not isinstance(training.get("stages"), str):
        return training
    return training | {"stages": _named(training["stages"], curricula, "curriculum")}


def _named(name: str, known: dict[str, Any], kind: str) -> Any:
    if name not in known:
        close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)
        raise ValueError(f"no {kind} {name!r}" + (f"; did you mean {close[0]!r}" if close else ""))
    return known[name]


def params_text(path: Path = PARAMS_FILE, changes: Iterable[str] = ()) -> str:
    """The text of the parameters with changes, ``section.key=value``; comments are kept.

    Raises
    ------
    InputError : the file is missing or no YAML, or a change cannot be made.
    """
    try:
        text = path.read_text()
        for change in changes:
            text = changed(text, change)
    except FileNotFoundError:
        raise InputError("no such parameter file", path=path, remedy="Run from the project's root") from None
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", path=path) from None
    return text


def load_params(path: Path = PARAMS_FILE, changes: Iterable[str] = ()) -> Params:
    """Read and check the parameters.

    Parameters
    ----------
    changes : ``section.key=value``, in the place of what the file says.

    Raises
    ------
    InputError : the file is missing, is no YAML, or holds an unknown key or a value of the wrong type or range.
    """
    try:
        raw = yaml.safe_load(params_text(path, changes))
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", path=path) from None
    if not isinstance(raw, dict):
        raise InputError("holds no parameters", path=path)
    return check_params(raw, path)


def check_params(raw: dict[str, Any], path: Path) -> Params:
    """Parameters as plain values, as one typed object.

    Raises
    ------
    InputError : an unknown key or a value of the wrong type or range.
    """
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
