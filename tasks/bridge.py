"""The bridge from synthetic to real: every strategy trained from the same network for the same number of updates.

Plain functions; they take and return JSON values, because they run in processes of their own (`tasks.isolation`).
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.atomic import write_atomically
from data.batches import SpectrumSet
from data.errors import InputError
from data.real_psms import ORBITRAP
from data.schema import Spectrum
from data.seeding import derive, generator
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import VOCABULARY
from model.answers import AnswerSettings
from model.checkpoint import WEIGHTS_FILE, load_network
from model.growth import with_settings
from model.inference import Sequencer
from model.metrics import bootstrap_intervals, evaluate
from model.recipe import Recipe, settings_from
from model.reptile import Task, reptile
from model.residual_noise import ResidualNoise
from model.settings import NetworkSettings, TrainingSettings
from model.trainer import train
from model.validation import with_noise
from tasks.bridge_data import BridgeData, prepare
from tasks.bridge_params import AdaptationRow, BridgeRow
from tasks.params import Params
from tasks.workspace import Workspace

LEARNED_NOISE = "learned-noise"


def prepare_bridge(params: dict[str, Any], root: str) -> dict[str, int]:
    """Write the spectra of the bridge, and say how many there are of each."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    return prepare(settings, workspace).counts


@dataclass(frozen=True)
class Start:
    """The network that all strategies start from."""

    folder: Path
    network: NetworkSettings
    preprocessing: PreprocessingSettings

    @classmethod
    def of(cls, settings: Params, workspace: Workspace) -> "Start":
        """Read its settings.

        Raises
        ------
        InputError : there is no such model.
        """
        folder = Path(settings.bridge.start) if settings.bridge.start else workspace.model("pretrained")
        network, preprocessing = load_network(folder)
        return cls(folder, network.settings, preprocessing)


def row_recipe(settings: Params, row: BridgeRow, start: Start) -> Recipe:
    """What a strategy trains.

    Raises
    ------
    InputError : a key or a noise profile is unknown, or the stages' shares are not all of the updates.
    """
    stages = _with_updates(row.stages, settings.bridge.updates)
    return _recipe(settings, start, row.network, row.loss, row.training, stages, row.noise)


def _with_updates(stages: tuple[dict[str, Any], ...], total: int) -> tuple[dict[str, Any], ...]:
    """The stages with numbers of updates in the place of shares; those without a share part what the others leave."""
    given = [stage["share"] for stage in stages if "share" in stage]
    rest = (1.0 - sum(given)) / max(len(stages) - len(given), 1)
    shares = np.array([stage.get("share", rest) for stage in stages], float)
    if stages and (shares.min() < 0 or not np.isclose(shares.sum(), 1.0)):
        parts = " + ".join(f"{share:g}" for share in shares)
        raise InputError(f"the shares of a strategy's stages are no parts of 1: {parts}", record="bridge.rows")
    if any("updates" in stage for stage in stages):
        raise InputError("a stage names its updates", record="bridge.rows", remedy="Give it a share of bridge.updates")
    ends = np.rint(total * shares.cumsum()).astype(int)  # ends are rounded, not lengths: these sum to the total
    updates = np.diff(ends, prepend=0).tolist()
    plain = [{key: value for key, value in stage.items() if key != "share"} for stage in stages]
    return tuple(stage | {"updates": number} for stage, number in zip(plain, updates, strict=True))


def _recipe(
    settings: Params,
    start: Start,
    changes: Mapping[str, Any],
    loss: Mapping[str, Any],
    training: Mapping[str, Any],
    stages: tuple[dict[str, Any], ...],
    noise: str | None,
) -> Recipe:
    plain = {"stages": [settings.bridge.stage | stage for stage in stages]}
    wanted: dict[str, Any] = {**settings.bridge.training, **training, **plain}
    wanted["loss"] = {**wanted.get("loss", {}), **loss}
    return Recipe(
        network=settings_from(NetworkSettings, asdict(start.network) | dict(changes)),
        training=settings_from(TrainingSettings, wanted),
        noise=profile(settings, noise),
        preprocessing=start.preprocessing,
        seed=derive(settings.seed, "bridge"),
    )


def profile(settings: Params, name: str | None) -> NoiseSettings:
    """A noise profile by its name; the pipeline's own noise where there is none.

    Raises
    ------
    InputError : there is no such profile.
    """
    if name is None:
        return settings.noise
    if name not in settings.noise_profiles:
        raise InputError(f"no noise profile {name!r}", record="bridge", remedy="Name one of noise_profiles")
    return settings.noise_profiles[name]


def train_row(params: dict[str, Any], root: str, name: str) -> dict[str, Any]:
    """Train and measure one strategy; one that was measured before with the same recipe is read back."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    row, start = settings.bridge.rows[name], Start.of(settings, workspace)
    data = BridgeData(workspace.bridge)
    recipe = row_recipe(settings, row, start)
    path = workspace.bridge / f"row-{name.replace(' ', '-')}.json"
    key = _key(settings, workspace, recipe, data)
    if path.exists() and (found := json.loads(path.read_text()))["key"] == key:
        return dict(found)
    folder = path.with_suffix("")
    summary = None
    if row.stages:
        shutil.rmtree(folder, ignore_errors=True)
        learned = any(stage.learned_share for stage in recipe.training.stages)
        summary = train(
            recipe=recipe,
            training_set=data.synthetic,
            validation_set=data.unseen,
            real_set=SpectrumSet.from_spectra(data.training(ORBITRAP)),
            learned_noise=ResidualNoise.load(workspace.bridge / LEARNED_NOISE) if learned else None,
            folder=folder,
            start=start.folder,
        )
    result = {
        "key": key,
        "name": name,
        "samples": summary.samples if summary else 0,
        "training_seconds": summary.seconds if summary else 0.0,
        "tests": _measured(settings, folder if summary else start.folder, _test_sets(settings, data)),
    }
    write_atomically(path, json.dumps(result, indent=1).encode())
    return result


def adapt(params: dict[str, Any], root: str, analyser: str, name: str) -> dict[str, Any]:
    """Adapt to an analyser that was left out, with a few of its labelled spectra, and measure."""
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    adaptation, data = settings.bridge.adaptation, BridgeData(workspace.bridge)
    row, start = adaptation.rows[name], Start.of(settings, workspace)
    recipe = _adaptation_recipe(settings, row, start, analyser)
    path = workspace.bridge / f"adapted-{f'{analyser}-{name}'.replace(' ', '-')}.json"
    key = _key(settings, workspace, recipe, data) | {"adaptation": adaptation.model_dump(mode="json", exclude={"rows"})}
    if path.exists() and (found := json.loads(path.read_text()))["key"] == key:
        return dict(found)
    origin = _meta_trained(settings, workspace, data, analyser, start) if row.meta else start.folder
    folder = path.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    if row.stages:
        labelled = data.training(analyser)
        chosen = generator(settings.seed, "bridge", "labelled", analyser).permutation(len(labelled))
        few = [labelled[place] for place in chosen[: adaptation.labelled_spectra]]
        train(
            recipe=recipe,
            training_set=data.synthetic,
            validation_set=data.unseen,
            real_set=SpectrumSet.from_spectra(few),
            folder=folder,
            start=origin,
        )
    else:
        with_settings(origin, recipe.network, folder)
    test = adaptation.tests[analyser]
    result = {
        "key": key,
        "analyser": analyser,
        "name": name,
        "trained_parameters": _trained_parameters(folder, adapters_only=recipe.training.trained == "adapters")
        if row.stages
        else 0,
        "tests": _measured(settings, folder, {test: data.test(test)}),
    }
    write_atomically(path, json.dumps(result, indent=1).encode())
    return result


def _adaptation_recipe(settings: Params, row: AdaptationRow, start: Start, analyser: str) -> Recipe:
    adaptation = settings.bridge.adaptation
    changes = adaptation.networks.get(analyser, {}) | row.network
    stages = tuple({"updates": adaptation.updates, "synthetic_share": 0.0} | stage for stage in row.stages)
    return _recipe(settings, start, changes, {}, row.training, stages, adaptation.profiles.get(analyser))


def _meta_trained(settings: Params, workspace: Workspace, data: BridgeData, left_out: str, start: Start) -> Path:
    """The network that Reptile makes of the other analysers' spectra; one of the same settings is kept."""
    adaptation = settings.bridge.adaptation
    folder = workspace.bridge / f"reptile-without-{left_out.replace(' ', '-')}"
    tasks = []
    for analyser in adaptation.profiles:
        if analyser != left_out:
            stage = {"name": analyser, "updates": adaptation.meta_updates, "synthetic_share": 0.5}
            changes = adaptation.networks.get(analyser, {})
            recipe = _recipe(settings, start, changes, {}, {}, (stage,), adaptation.profiles[analyser])
            real = SpectrumSet.from_spectra(data.training(analyser))
            tasks.append(Task(analyser, recipe, data.synthetic, real))
    key = {"start": str(start.folder), "rounds": adaptation.meta_rounds, "rate": adaptation.meta_rate}
    key |= {"tasks": [task.recipe.as_json() for task in tasks]}
    mark = folder.with_suffix(".json")
    if not (mark.exists() and json.loads(mark.read_text()) == key and folder.is_dir()):
        reptile(tasks, data.unseen, adaptation.meta_rounds, adaptation.meta_rate, start.folder, folder)
        write_atomically(mark, json.dumps(key).encode())
    return folder


def _trained_parameters(folder: Path, *, adapters_only: bool) -> int:
    named = load_network(folder)[0].named_parameters()
    return sum(parameter.numel() for name, parameter in named if not adapters_only or ".adapter." in name)


def _key(settings: Params, workspace: Workspace, recipe: Recipe, data: BridgeData) -> dict[str, Any]:
    """What a result depends on."""
    others = {"start", "updates", "training", "stage", "rows", "adaptation"}  # these are in the recipe, or below
    bridge = settings.bridge.model_dump(mode="json", exclude=others)
    start = hashlib.sha256((Start.of(settings, workspace).folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    return {"recipe": recipe.as_json(), "bridge": bridge, "counts": data.counts, "start_sha256": start}


def _test_sets(settings: Params, data: BridgeData) -> dict[str, list[Spectrum]]:
    """Clean and hard synthetic spectra of unseen peptides, and every real test set."""
    unseen = data.unseen
    rng = generator(settings.seed, "bridge", "unseen")
    some = unseen.select(np.sort(rng.permutation(len(unseen))[: settings.bridge.test_spectra]))
    noise = settings.training.validation_noise.settings()
    hard = with_noise(some, noise, generator(settings.seed, "bridge", "hard"))
    peptidoforms = [VOCABULARY.decode(tokens) for tokens in some.tokens]
    sets = {"clean": some.peaks.to_spectra(peptidoforms, "clean"), "hard": hard.peaks.to_spectra(peptidoforms, "hard")}
    names = [name.removeprefix("test-").replace("-", " ") for name in data.counts if name.startswith("test-")]
    return sets | {name: data.test(name) for name in names}


def _measured(settings: Params, folder: Path, tests: Mapping[str, list[Spectrum]]) -> dict[str, Any]:
    """The field's metrics of each test set, with 95% bootstrap intervals."""
    answers = AnswerSettings(exact=settings.bridge.exact_decoding, calibrated=False)
    sequencer = Sequencer(folder, threads=1, answers=answers)
    figures = {}
    for name, spectra in tests.items():
        predictions = list(sequencer.sequence(spectra, settings.bridge.steps))
        intervals = bootstrap_intervals(predictions, settings.evaluation.bootstrap_samples, settings.seed)
        figures[name] = asdict(evaluate(predictions)) | {"intervals": intervals}
    return figures
