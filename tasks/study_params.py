"""The parameters of the study: what is searched, how long a trial lasts, and which sizes are compared."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dimension(_Section):
    """One thing that is searched: a number between two, on a logarithmic scale, or one of some options.

    Attributes
    ----------
    section : whose keys are replaced; ``stage`` is the one stage of a trial's training.
    key, low, high : of a number.
    options : label → keys and values.

    Raises
    ------
    ValueError : neither a number nor options, or both.
    """

    section: Literal["network", "training", "stage"]
    key: str | None = None
    low: float | None = Field(default=None, gt=0)
    high: float | None = Field(default=None, gt=0)
    options: dict[str, dict[str, Any]] = {}

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "Dimension":
        number = (self.key, self.low, self.high)
        if (self.options and number != (None, None, None)) or (not self.options and None in number):
            raise ValueError("a dimension has either key, low and high, or options")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class StudySettings(_Section):
    """Short trainings that share nothing but their time: a search by successive halving, and a comparison of sizes.

    Attributes
    ----------
    shards : predicted spectra; None: the pipeline's own.
    trial_seconds, size_seconds : processor time of one thread, for a trial and for each size.
    rungs : validations of a trial, after equal parts of its time; at each but the last the worse ones stop.
    training, stage : keys and values that replace those of ``training`` and of its last stage, in trials and sizes.
    sizes : name → keys and values that replace those of ``network``.
    """

    shards: str | None = None
    trials: int = Field(default=16, ge=1)
    trial_seconds: float = Field(default=60.0, gt=0)
    rungs: int = Field(default=3, ge=1)
    size_seconds: float = Field(default=300.0, gt=0)
    training: dict[str, Any] = {}
    stage: dict[str, Any] = {}
    space: dict[str, Dimension] = {}
    sizes: dict[str, dict[str, Any]] = {}
