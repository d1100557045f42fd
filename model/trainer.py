"""The trainer: staged curriculum, deep supervision by carry, moving average, validation, exact resume."""

import json
import logging
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from data.atomic import make_folder, write_atomically
from data.batches import SpectrumSet
from data.errors import InputError
from data.seeding import derive, generator
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import PAD, VOCABULARY
from model.carry import Carry, RowSource
from model.checkpoint import autocast, load_network, save_network, write_tensors
from model.curriculum import learning_rate, stage_at
from model.recursion import Network
from model.settings import NetworkSettings, TrainingSettings
from model.validation import accuracy_by_step

log = logging.getLogger(__name__)

MetricsSink = Callable[[int, str, dict[str, float]], None]

_CURVE_EVERY = 10


@dataclass
class TrainingSummary:
    """What a training did; written to ``training.json`` beside the weights.

    Attributes
    ----------
    curve : update, stage, loss (mean of the last 10 updates), learning_rate.
    validation : update, stage, token_accuracy_by_step, peptide_recall; clean spectra, the averaged weights.
    samples : rows that had a gradient, counted once an update.
    """

    updates: int = 0
    samples: int = 0
    spectra: int = 0
    parameters: int = 0
    seconds: float = 0.0
    seed: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    validation: list[dict[str, Any]] = field(default_factory=list)


def train(
    *,
    network: NetworkSettings,
    training: TrainingSettings,
    noise: NoiseSettings,
    preprocessing: PreprocessingSettings,
    training_set: SpectrumSet,
    validation_set: SpectrumSet,
    folder: Path,
    seed: int,
    start: Path | None = None,
    device: str = "cpu",
    on_metrics: MetricsSink | None = None,
) -> TrainingSummary:
    """Train a network and leave it in ``folder``.

    An unfinished training found in ``folder/state`` is continued: on one thread the weights are those of an
    unbroken run. With ``start`` the weights of that model are trained further.

    Raises
    ------
    InputError : a peptide needs more slots than the network has, or ``start`` has another shape.
    """
    torch.set_num_threads(training.threads)
    run = _Run(network, training, noise, preprocessing, training_set, validation_set, folder, seed, start, device)
    run.resume()
    run.validate(on_metrics)
    while run.summary.updates < run.total:
        run.update(on_metrics)
    run.finish()
    return run.summary


class _Run:
    """One training under way."""

    def __init__(
        self,
        network: NetworkSettings,
        training: TrainingSettings,
        noise: NoiseSettings,
        preprocessing: PreprocessingSettings,
        training_set: SpectrumSet,
        validation_set: SpectrumSet,
        folder: Path,
        seed: int,
        start: Path | None,
        device: str,
    ) -> None:
        longest = max(training_set.tokens.shape[1], validation_set.tokens.shape[1])
        if longest > network.slots:
            raise InputError(
                f"a peptide needs {longest} slots and network.slots is {network.slots}", record="network.slots"
            )
        torch.manual_seed(derive(seed, "weights"))
        self.network = Network(network, VOCABULARY).to(device)
        if start is not None:
            self.network.load_state_dict(_weights_of(start, network))
        self.training, self.preprocessing, self.device, self.seed = training, preprocessing, device, seed
        self.folder, self.state_folder = folder, folder / "state"
        self.total = sum(stage.updates for stage in training.stages)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=1.0, betas=(0.9, 0.98), weight_decay=training.weight_decay
        )
        self.source = RowSource(training_set, self.network, training, noise, preprocessing)
        sample = generator(seed, "validation").permutation(len(validation_set))[: training.validation_spectra]
        self.validation_set = validation_set.select(sample)
        self.carry: Carry | None = None
        self.losses: list[float] = []
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self.summary = TrainingSummary(parameters=parameters, spectra=len(training_set), seed=seed)

    def update(self, on_metrics: MetricsSink | None) -> None:
        """One optimiser step and what is due after it."""
        began = time.perf_counter()
        number = self.summary.updates
        stage = stage_at(self.training, number)
        rate = learning_rate(self.training, number)
        rng = generator(self.seed, "rows", number)
        if self.carry is None:
            self.carry = self.source.rows(self.training.batch_size, stage, rng, self.device)
        else:
            self.source.replace(self.carry, stage, rng)
        loss = self._loss(self.carry)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.training.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self._average()
        self.losses.append(loss.item())
        self.summary.updates += 1
        self.summary.samples += self.training.batch_size
        self.summary.seconds += time.perf_counter() - began
        self._report(stage.name, rate, on_metrics)

    def _loss(self, carry: Carry) -> Tensor:
        """Cross-entropy of each supervised step, averaged; the carry's state moves on."""
        wanted = carry.target != PAD
        loss = torch.zeros((), device=self.device)
        self.network.train()
        with autocast(self.device, self.training.precision):
            encoded = self.network.encode(carry.spectra, carry.index)
            for _ in range(self.training.steps_per_update):
                carry.state = self.network(encoded, carry.state.detach())
                answer = carry.state.answer
                loss = loss + functional.cross_entropy(answer.flatten(0, 1), carry.target.flatten(), ignore_index=PAD)
        carry.state = carry.state.detach()
        solved = ((carry.state.answer.argmax(-1) == carry.target) | ~wanted).all(1)
        carry.finished = solved | (carry.state.step >= self.training.max_age)
        return loss / self.training.steps_per_update

    def _average(self) -> None:
        """Exponential moving average of the weights, with a warm-up so that the first weights are forgotten."""
        updates = self.summary.updates + 1
        decay = min(self.training.average_decay, updates / (updates + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)

    def _report(self, stage: str, rate: float, on_metrics: MetricsSink | None) -> None:
        done = self.summary.updates
        if done % _CURVE_EVERY == 0 or done == self.total:
            loss = math.fsum(self.losses) / len(self.losses)
            self.losses.clear()
            self.summary.curve.append({"update": done, "stage": stage, "loss": loss, "learning_rate": rate})
            if on_metrics:
                on_metrics(done, stage, {"loss": loss, "learning_rate": rate})
        if done % self.training.validate_every == 0 or done == self.total:
            self.validate(on_metrics)
        if done % self.training.checkpoint_every == 0 and done < self.total:
            self.save_state()

    def validate(self, on_metrics: MetricsSink | None) -> None:
        """Accuracy by step of the averaged weights on clean validation spectra; at update 0, too."""
        done = self.summary.updates
        if self.summary.validation and self.summary.validation[-1]["update"] == done:
            return
        stage = stage_at(self.training, max(done - 1, 0)).name
        current = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        with autocast(self.device, self.training.precision):
            accuracy, recall = accuracy_by_step(
                self.network, self.validation_set, self.preprocessing, self.network.settings.steps, self.device
            )
        self.network.load_state_dict(current)
        self.summary.validation.append(
            {"update": done, "stage": stage, "token_accuracy_by_step": accuracy, "peptide_recall": recall}
        )
        log.info("update %d (%s): token accuracy %.3f, peptide recall %.3f", done, stage, accuracy[-1], recall)
        if on_metrics:
            on_metrics(done, stage, {"validation_token_accuracy": accuracy[-1], "validation_peptide_recall": recall})

    def save_state(self) -> None:
        """All that an exact resume needs, in one file so that no two parts can differ in age."""
        assert self.carry is not None
        tensors = {f"carry/{name}": tensor for name, tensor in self.carry.tensors().items()}
        tensors |= {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average/{name}": tensor for name, tensor in self.average.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in values.items()}
        make_folder(self.state_folder)
        done = self.summary.updates
        progress = self._recipe() | {"summary": asdict(self.summary), "losses": self.losses}
        write_atomically(self.state_folder / f"{done}.json", json.dumps(progress).encode())
        write_tensors(self.state_folder / f"{done}.safetensors", tensors)
        for old in self.state_folder.iterdir():
            if old.stem.isdigit() and int(old.stem) < done:
                old.unlink()

    def resume(self) -> None:
        """Continue an unfinished training of the same recipe, if there is one."""
        saved = sorted((int(path.stem) for path in self.state_folder.glob("*.safetensors")), reverse=True)
        if not saved:
            return
        progress = json.loads((self.state_folder / f"{saved[0]}.json").read_text())
        if {key: progress.get(key) for key in self._recipe()} != self._recipe():
            log.warning("%s: an unfinished training of other parameters is discarded", self.state_folder)
            shutil.rmtree(self.state_folder)
            return
        tensors = load_file(self.state_folder / f"{saved[0]}.safetensors", device=self.device)
        self.network.load_state_dict(_part(tensors, "network"))
        self.average = _part(tensors, "average")
        self.carry = Carry.from_tensors(_part(tensors, "carry"))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(tensors, "optimizer").items():
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
        self.summary, self.losses = TrainingSummary(**progress["summary"]), progress["losses"]
        log.info("%s: resumed at update %d", self.folder, self.summary.updates)

    def _recipe(self) -> dict[str, Any]:
        """What must be equal for a resume to make sense, as JSON gives it back."""
        recipe = {
            "network": asdict(self.network.settings),
            "training": asdict(self.training),
            "preprocessing": asdict(self.preprocessing),
            "noise": asdict(self.source.noise),
            "spectra": self.summary.spectra,
            "seed": self.seed,
        }
        plain: dict[str, Any] = json.loads(json.dumps({"recipe": recipe}))
        return plain

    def finish(self) -> None:
        """Leave the averaged weights and the summary, and drop the training state."""
        make_folder(self.folder)
        write_atomically(self.folder / "training.json", (json.dumps(asdict(self.summary), indent=1) + "\n").encode())
        training = {"updates": self.summary.updates, "samples": self.summary.samples, "seed": self.seed}
        save_network(self.folder, self.network, self.average, self.preprocessing, training)
        shutil.rmtree(self.state_folder, ignore_errors=True)


def _weights_of(folder: Path, settings: NetworkSettings) -> dict[str, Tensor]:
    source, _ = load_network(folder)
    if source.settings != settings:
        raise InputError(
            "the model to start from has another shape", path=folder, remedy="Train it with these parameters"
        )
    return source.state_dict()


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{name}/")}
