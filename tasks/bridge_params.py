"""The parameters of the bridge: strategies from synthetic to real spectra, and adaptations to an analyser."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from model.settings import LearnedNoiseSettings


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BridgeRow(_Section):
    """One strategy from synthetic to real: what is done to the network that all strategies start from.

    Attributes
    ----------
    stages : keys and values that replace those of ``bridge.stage``, one a stage; none: the network as it starts.
        ``share`` is of ``bridge.updates``; stages without one part what the others leave.
    noise : a name of ``noise_profiles``; ``noise`` itself where none is given.
    network, loss, training : keys and values that replace those of the start and of ``bridge.training``.
    """

    stages: tuple[dict[str, Any], ...] = ()
    noise: str | None = None
    network: dict[str, Any] = {}
    loss: dict[str, Any] = {}
    training: dict[str, Any] = {}


class AdaptationRow(_Section):
    """One way to adapt to an instrument with a few labelled spectra.

    Attributes
    ----------
    meta : start from weights that Reptile has trained on the other instruments.
    """

    meta: bool = False
    stages: tuple[dict[str, Any], ...] = ()
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}


class AdaptationSettings(_Section):
    """Adaptation to instruments that were left out.

    Attributes
    ----------
    labelled_spectra : of the instrument, to adapt with.
    profiles, networks, tests : analyser → noise profile, network settings that no weight belongs to, and test set.
    meta_rounds, meta_updates, meta_rate : of Reptile.
    """

    labelled_spectra: int = Field(default=100, ge=1)
    updates: int = Field(default=30, ge=1)
    meta_rounds: int = Field(default=10, ge=1)
    meta_updates: int = Field(default=5, ge=1)
    meta_rate: float = Field(default=0.5, gt=0, le=1)
    profiles: dict[str, str] = {}
    networks: dict[str, dict[str, Any]] = {}
    tests: dict[str, str] = {}
    rows: dict[str, AdaptationRow] = {}


class BridgeSettings(_Section):
    """Strategies from synthetic to real spectra, each trained for the same number of updates from the same network.

    Attributes
    ----------
    start, shards : model and predicted spectra; None: the pipeline's own.
    training_files, test_files : annotated spectra; no peptide of a test file is trained on.
    ion_trap_test_share : of the ion trap's peptides, by hash, are a test set of their own.
    """

    start: str | None = None
    shards: str | None = None
    synthetic_spectra: int = Field(default=40_000, ge=1)
    training_files: tuple[str, ...] = ()
    test_files: dict[str, str] = {}
    ion_trap_test_share: float = Field(default=0.4, ge=0, le=1)
    most_per_peptide: int = Field(default=3, ge=1)
    test_spectra: int = Field(default=200, ge=1)
    steps: int = Field(default=24, ge=1)
    exact_decoding: bool = True
    updates: int = Field(default=60, ge=1)
    training: dict[str, Any] = {}
    stage: dict[str, Any] = {}
    learned_noise: LearnedNoiseSettings = LearnedNoiseSettings()
    learned_noise_profile: str = ""
    rows: dict[str, BridgeRow] = {}
    adaptation: AdaptationSettings = AdaptationSettings()
