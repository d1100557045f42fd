"""The trainer: staged curriculum, deep supervision by carry, moving average, validation, exact resume."""

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from data.atomic import make_folder
from data.batches import SpectrumSet
from data.errors import InputError, PepTRMError
from data.seeding import derive, generator
from data.vocabulary import PAD, STOP, VOCABULARY
from model.carry import Carry, begin
from model.checkpoint import autocast, save_network
from model.curriculum import learning_rate, stage_at
from model.domain import reversal_strength
from model.growth import freeze_all_but_adapters, start_from
from model.objective import Objective
from model.optimization import MovingAverage, Optimizer
from model.parallel import join_world
from model.recipe import Recipe
from model.records import Records, TrainingSummary
from model.recursion import Network
from model.residual_noise import ResidualNoise
from model.rows import RowSource, RowStream
from model.settings import NetworkSettings, StageSettings
from model.teacher import Teacher
from model.tensor_file import write_tensors
from model.throughput import flops_of_update, peak_flops
from model.training_state import TrainingState
from model.validation import refinement, with_noise

log = logging.getLogger(__name__)

MetricsSink = Callable[[int, str, dict[str, float]], None]

_CURVE_EVERY = 10


class StoppedError(PepTRMError):
    """The training was asked to stop; its state is saved."""

    exit_status = 143


class DivergedError(PepTRMError):
    """The loss is no number any more; the batch is saved."""


def train(
    *,
    recipe: Recipe,
    training_set: SpectrumSet,
    validation_set: SpectrumSet,
    folder: Path,
    real_set: SpectrumSet | None = None,
    learned_noise: ResidualNoise | None = None,
    start: Path | None = None,
    device: str = "cpu",
    on_metrics: MetricsSink | None = None,
) -> TrainingSummary:
    """Train a network and leave it in ``folder``.

    An unfinished training of the same recipe found in ``folder/state`` is continued: on one thread the weights are
    those of an unbroken run. With ``start`` the weights of that model are trained further. Under torchrun each process
    trains its share of every batch.

    Parameters
    ----------
    real_set : measured spectra, for stages whose synthetic share is below 1.
    learned_noise : for stages with a share of it.

    Raises
    ------
    InputError : a peptide needs more slots than the network has, a stage finds no spectra, or ``start`` has another
        shape.
    StoppedError : SIGTERM came; the state is saved, and the same call goes on from it.
    DivergedError : the loss is no number any more; the batch lies in ``folder/diverged.safetensors``.
    """
    torch.set_num_threads(recipe.training.threads)
    run = _Run(recipe, training_set, validation_set, real_set, learned_noise, folder, start, device)
    try:
        with _asked_to_stop() as asked:
            run.resume()
            if run.summary.updates == 0:
                run.validate(on_metrics)
            while run.summary.updates < run.total:
                run.update(on_metrics)
                if asked.is_set() and run.summary.updates < run.total:
                    run.stop()
    finally:
        run.stream.close()
    run.finish()
    return run.summary


class _Run:
    """One training under way."""

    def __init__(
        self,
        recipe: Recipe,
        training_set: SpectrumSet,
        validation_set: SpectrumSet,
        real_set: SpectrumSet | None,
        learned_noise: ResidualNoise | None,
        folder: Path,
        start: Path | None,
        device: str,
    ) -> None:
        self.recipe, self.training, self.folder, self.device = recipe, recipe.training, folder, device
        self.world = join_world(device)
        sets = [training_set, validation_set, *([real_set] if real_set else [])]
        slots = _slots_needed(sets, recipe.network)
        make_folder(folder)
        torch.manual_seed(derive(recipe.seed, "weights"))
        self.network = Network(recipe.network, VOCABULARY).to(device)
        known = start_from(self.network, start) if start is not None else set()
        self.network.allow(_tokens_of(training_set, real_set) | known)
        if self.training.trained == "adapters":
            freeze_all_but_adapters(self.network)
        whole = Objective(self.network, self.training, device)
        self.domain = whole.domain
        self.objective: nn.Module = whole
        if self.training.compile:
            self.network.compile(dynamic=False)
        if self.world.size > 1:
            self.objective = DistributedDataParallel(self.objective)
        self.total = sum(stage.updates for stage in self.training.stages)
        self.average = MovingAverage(self.network, self.training.average_decay)
        self.optimizer = Optimizer(whole, self.training)
        self.teacher = Teacher(Path(self.training.teacher), device) if self.training.teacher else None
        source = RowSource(
            training_set,
            real_set,
            self.training,
            recipe.noise,
            recipe.preprocessing,
            slots,
            recipe.seed,
            learned_noise,
        )
        self.source, self.stream = source, RowStream(source, self.training.workers)
        self.easy, self.hard = _validation_sets(validation_set, recipe)
        self.carry: Carry | None = None
        self.losses: dict[str, list[float]] = {}
        self.records = Records(folder)
        self.state = TrainingState(folder / "state", self.world)
        self.saved_at, self.reported = time.monotonic(), (0, 0.0)
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self.summary = TrainingSummary(parameters=parameters, spectra=len(training_set), seed=recipe.seed)
        self.flops = self.peak = 0.0

    def update(self, on_metrics: MetricsSink | None) -> None:
        """One optimiser step and what is due after it."""
        began = time.perf_counter()
        number = self.summary.updates
        stage, rate = stage_at(self.training, number), learning_rate(self.training, number)
        carry = self._filled(stage)
        self.optimizer.zero_grad()
        losses = self._backward(carry, stage)
        norm = torch.nn.utils.clip_grad_norm_(self.objective.parameters(), self.training.gradient_clip)
        if not math.isfinite(losses["loss"]) or not bool(norm.isfinite()):
            self._diverged(carry)
        self.optimizer.step(rate)
        self.summary.updates += 1
        self.average.update(self.network, self.summary.updates)
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)
        self.summary.samples += self.training.batch_size
        self.summary.seconds += time.perf_counter() - began
        self._report(stage.name, rate, on_metrics)

    def _filled(self, stage: StageSettings) -> Carry:
        """The carry with new rows in the place of the finished ones."""
        if self.carry is None or self.carry.target.shape[1] != self.source.slots_of(stage):
            self.carry = self._new_rows(self.world.shares(self.training.batch_size), stage)
        if not self.flops:
            steps = self.training.steps_per_update
            self.flops = flops_of_update(self.network, self.carry, steps) * self.world.size
            self.peak = peak_flops(self.device, self.training.precision) * self.world.size
        places = self.carry.finished.nonzero()[:, 0]
        wanted = self.world.gathered(len(places))
        if sum(wanted):
            self.carry.put(places, self._new_rows(wanted, stage))
        return self.carry

    def _new_rows(self, wanted: list[int], stage: StageSettings) -> Carry:
        """The next rows of the stream; each process takes as many as it wants, in the order of their ranks."""
        first = sum(wanted[: self.world.rank])
        rows = self.stream.take(sum(wanted), range(first, first + wanted[self.world.rank]), stage)
        peak_columns = self.recipe.preprocessing.max_peaks
        return begin(rows, self.network, stage, peak_columns, self.device, self.teacher)

    def _backward(self, carry: Carry, stage: StageSettings) -> dict[str, float]:
        """Losses and gradients of the batch, in as many parts as are to be accumulated; the carry moves on."""
        tokens = self.world.summed((carry.target != PAD).sum()).float() / self.world.size
        explore = self._explore(len(carry.target))
        reversal = reversal_strength(self.summary.updates, self.training.loss.domain_warmup_updates)
        sums: dict[str, Tensor] = {}
        total = torch.zeros((), device=self.device)
        parts = torch.arange(len(carry.target), device=self.device).chunk(self.training.accumulate)
        for number, places in enumerate(parts, start=1):
            part = carry if len(parts) == 1 else carry.select(places)
            with self._unsynchronised(number < len(parts)):
                outcome = self.objective(part, stage, tokens, explore[places], reversal)
                outcome.loss.backward()
            part.state, part.finished = outcome.state, outcome.finished
            if part is not carry:
                carry.put(places, part)
            total += outcome.loss.detach() / self.world.size
            for name, value in outcome.losses.items():
                sums[name] = sums.get(name, torch.zeros((), device=self.device)) + value
        everything = tokens * self.world.size
        losses = {name: float(self.world.summed(value) / everything) for name, value in sums.items()}
        return {"loss": float(self.world.summed(total))} | losses

    def _unsynchronised(self, accumulating: bool) -> AbstractContextManager[None]:
        """Where gradients are only accumulated, the processes need not exchange them."""
        if accumulating and isinstance(self.objective, DistributedDataParallel):
            return self.objective.no_sync()
        return nullcontext()

    def _explore(self, rows: int) -> Tensor:
        """(rows,) bool, which rows of this process may not halt at this update."""
        mine = self.world.share(self.training.batch_size)
        rng = generator(self.recipe.seed, "explore", self.summary.updates)
        explore = rng.random(self.training.batch_size) < self.training.exploration
        return torch.from_numpy(explore[mine.start : mine.start + rows]).to(self.device)

    def _report(self, stage: str, rate: float, on_metrics: MetricsSink | None) -> None:
        done = self.summary.updates
        if done % _CURVE_EVERY == 0 or done == self.total:
            means = {name: math.fsum(values) / len(values) for name, values in self.losses.items()}
            self.losses.clear()
            updates, seconds = done - self.reported[0], max(self.summary.seconds - self.reported[1], 1e-9)
            self.reported = (done, self.summary.seconds)
            speed = {
                "samples_per_second": updates * self.training.batch_size / seconds,
                "mfu": self.flops * updates / seconds / self.peak if self.peak else 0.0,
            }
            entry = {"update": done, "stage": stage, "learning_rate": rate} | means | speed
            self.summary.curve.append(entry)
            if self.world.leads:
                self.records.add("train", entry)
            if on_metrics:
                on_metrics(done, stage, {"learning_rate": rate} | means | speed)
        if done % self.training.validate_every == 0 or done == self.total:
            self.validate(on_metrics)
        if done < self.total and self._checkpoint_is_due():
            self.save_state()

    def _checkpoint_is_due(self) -> bool:
        """By the clock of the first process, so that all save after the same update."""
        due = time.monotonic() - self.saved_at >= 60 * self.training.checkpoint_every_minutes
        return bool(self.world.gathered(int(due))[0])

    def validate(self, on_metrics: MetricsSink | None) -> None:
        """Refinement of the averaged weights on the easy and the hard set; at update 0, too."""
        done = self.summary.updates
        if self.summary.validation and self.summary.validation[-1]["update"] == done:
            return
        stage = stage_at(self.training, max(done - 1, 0)).name
        if self.world.leads:
            steps = self.recipe.network.steps
            with self.average.swapped_in(self.network), autocast(self.device, self.training.precision):
                easy, hard = (
                    refinement(self.network, spectra, self.recipe.preprocessing, steps, self.device)
                    for spectra in (self.easy, self.hard)
                )
            self.records.add("validate", self.summary.add_validation(stage, easy, hard))
            for name, figures in (("easy", easy), ("hard", hard)):
                log.info("update %d (%s), %s: %s", done, stage, name, figures.summary())
                if on_metrics:
                    accuracy, recall = figures.token_accuracy, figures.peptide_recall
                    on_metrics(done, stage, {f"{name}_token_accuracy": accuracy, f"{name}_peptide_recall": recall})
        self.world.wait()

    def save_state(self) -> None:
        """All that an exact resume needs."""
        assert self.carry is not None
        parts = {
            "carry": self.carry.tensors(),
            "network": self.network.state_dict(),
            "average": self.average.weights,
            "optimizer": self.optimizer.tensors(),
        }
        if self.domain is not None:
            parts["domain"] = self.domain.state_dict()
        progress = {
            "recipe": self.recipe.as_json(),
            "spectra": self.summary.spectra,
            "summary": asdict(self.summary),
            "losses": self.losses,
            "stream": self.stream.state(),
        }
        self.state.save(self.summary.updates, parts, progress)
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Continue an unfinished training of the same recipe, if there is one."""
        found = self.state.load({"recipe": self.recipe.as_json(), "spectra": self.summary.spectra}, self.device)
        if found is not None:
            parts, progress = found
            self.network.load_state_dict(parts["network"])
            self.average.weights = parts["average"]
            self.optimizer.load(parts["optimizer"])
            if self.domain is not None:
                self.domain.load_state_dict(parts["domain"])
            self.carry = Carry.from_tensors(parts["carry"])
            self.summary, self.losses = TrainingSummary(**progress["summary"]), progress["losses"]
            self.stream.restore(progress["stream"])
            self.reported = (self.summary.updates, self.summary.seconds)
            log.info("%s: resumed at update %d", self.folder, self.summary.updates)
        if self.world.leads:
            self.records.begin(self.summary)
        self.world.wait()

    def stop(self) -> NoReturn:
        """Save and end, because the process was asked to."""
        self.save_state()
        raise StoppedError(
            f"stopped at update {self.summary.updates} of {self.total}",
            path=self.folder,
            remedy="Start it again to go on from there",
        )

    def _diverged(self, carry: Carry) -> NoReturn:
        path = self.folder / "diverged.safetensors"
        write_tensors(path, carry.tensors())
        raise DivergedError(
            f"the loss or its gradient is not a number at update {self.summary.updates}; the batch is saved",
            path=path,
            remedy="Lower the learning rate or set training.precision to fp32",
        )

    def finish(self) -> None:
        """Leave the averaged weights and the summary, and drop the training state."""
        if self.world.leads:
            training = {"updates": self.summary.updates, "samples": self.summary.samples, "seed": self.recipe.seed}
            save_network(self.folder, self.network, self.average.weights, self.recipe.preprocessing, training)
            self.records.finish(self.summary)
            self.state.drop()
        self.world.wait()


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM sets; the handler before it comes back in the end."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(signal_number: int, frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def _slots_needed(sets: list[SpectrumSet], network: NetworkSettings) -> int:
    """One more than the longest peptide of all sets needs, as far as the network has so many."""
    longest: int = max(each.tokens.shape[1] for each in sets)
    if longest > network.slots:
        raise InputError(
            f"a peptide needs {longest} slots and network.slots is {network.slots}", record="network.slots"
        )
    return min(network.slots, longest + 1)


def _tokens_of(*sets: SpectrumSet | None) -> set[int]:
    """The residue tokens that occur in the spectra."""
    return {int(token) for each in sets if each for token in np.unique(each.tokens) if token > STOP}


def _validation_sets(spectra: SpectrumSet, recipe: Recipe) -> tuple[SpectrumSet, SpectrumSet]:
    """A sample of the spectra, clean and with the hard noise."""
    sample = generator(recipe.seed, "validation").permutation(len(spectra))[: recipe.training.validation_spectra]
    easy = spectra.select(sample)
    noise = recipe.training.validation_noise.settings()
    return easy, with_noise(easy, noise, generator(recipe.seed, "validation noise"))
