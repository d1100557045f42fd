"""The stream of training rows: made in numbered blocks, by this process or by others, always the same.

A block is asked for with its number and its stage, so a worker process holds no stage that could grow old.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from data.batches import LengthBalancedSampler, SourceBalancedSampler, SpectrumSet, Variation
from data.errors import InputError
from data.masking import Masked
from data.peaks import PeakBatch, concatenate
from data.seeding import generator
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import PAD, STOP, VOCABULARY
from model.residual_noise import ResidualNoise
from model.settings import StageSettings, TrainingSettings

BLOCK = 64
"""Rows of a block: enough for vectorised noise, few enough that a new stage wastes little."""

_MOST_WRONG = 0.5
_SHIFTED_SHARE = 0.3
_LEVEL_UNKNOWN_SHARE = 0.2
"""Of the rows, do not tell their noise level, as no user's spectrum does."""


@dataclass
class Rows:
    """Spectra to learn from, and the answers that the recursion starts from.

    Attributes
    ----------
    peaks : preprocessed, with noise.
    target : (rows, slots) int64: tokens, one stop, padding.
    gap_mass : (rows, slots) float64, Da, of the gaps among the targets.
    first : (rows, slots) int64: tokens of the first answer, ``PAD`` where it says nothing.
    age : (rows,) int64: steps that the row counts as done.
    measured : (rows,) bool: no synthetic spectra.
    """

    peaks: PeakBatch
    target: NDArray[np.int64]
    gap_mass: NDArray[np.float64]
    first: NDArray[np.int64]
    age: NDArray[np.int64]
    measured: NDArray[np.bool_]

    def select(self, rows: NDArray[np.int64]) -> "Rows":
        """Some of the rows."""
        return Rows(self.peaks.select(rows), *(getattr(self, field.name)[rows] for field in fields(self)[1:]))

    @staticmethod
    def joined(parts: Sequence["Rows"]) -> "Rows":
        """The rows of all parts, in order."""
        arrays = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows)[1:]]
        return Rows(concatenate([part.peaks for part in parts]), *arrays)


@dataclass
class RowSource:
    """Makes blocks of rows.

    Attributes
    ----------
    synthetic : predicted spectra, to which noise is added.
    real : measured spectra, which come as they are; None where no stage asks for any.
    slots : of the network.
    learned : noise learned from measured spectra, for stages that use it.
    """

    synthetic: SpectrumSet
    real: SpectrumSet | None
    training: TrainingSettings
    noise: NoiseSettings
    preprocessing: PreprocessingSettings
    slots: int
    seed: int
    learned: ResidualNoise | None = None

    def __post_init__(self) -> None:
        self._sampler = LengthBalancedSampler(self.synthetic.lengths)
        self._real_sampler = SourceBalancedSampler(self.real) if self.real else None
        for stage in self.training.stages:
            self._sampler.draw(1, np.random.default_rng(0), stage.lengths)
            if self._real_sampler is not None and stage.synthetic_share < 1:
                self._real_sampler.draw(1, np.random.default_rng(0), stage.lengths, stage.real_sources)
            if stage.learned_share and self.learned is None:
                raise InputError(f"stage {stage.name} uses learned noise, and there is none")
            if stage.synthetic_share < 1 and self.real is None:
                raise InputError(
                    f"stage {stage.name} trains on measured spectra, and there are none",
                    remedy="Name a file of annotated spectra in real_spectra (params.yaml) or with --real",
                )

    @property
    def sets(self) -> list[SpectrumSet]:
        """The synthetic spectra, and the measured ones if there are any."""
        return [each for each in (self.synthetic, self.real) if each is not None]

    def slots_of(self, stage: StageSettings) -> int:
        """Slots that a stage's rows have: those of its longest peptides, a terminal modification and the stop."""
        return self.slots if stage.lengths is None else min(self.slots, stage.lengths[1] + 2)

    def block(self, number: int, stage: StageSettings) -> Rows:
        """A block of the stream: the same number and stage give the same rows, in whatever process."""
        rng = generator(self.seed, "rows", number)
        synthetic = rng.random(BLOCK) < stage.synthetic_share
        parts = self._synthetic(int(synthetic.sum()), stage, rng) if synthetic.any() else []
        if self.real is not None and not synthetic.all():
            parts.append(self._measured(int((~synthetic).sum()), stage, rng))
        rows = Rows.joined([self._cut(part, self.slots_of(stage)) for part in parts])
        unknown = rng.random(BLOCK) < _LEVEL_UNKNOWN_SHARE
        rows.peaks.noise_level[unknown] = np.nan
        return rows.select(rng.permutation(BLOCK))

    def _synthetic(self, count: int, stage: StageSettings, rng: np.random.Generator) -> list[Rows]:
        low, high = stage.noise_level
        level = np.where(rng.random(count) < stage.clean_share, 0.0, rng.uniform(low, high, count))
        rows = self._sampler.draw(count, rng, stage.lengths)
        uniform = rng.random(count) < (stage.uniform_share if stage.uniform_noise else 0.0)
        learned = np.zeros(count, bool)
        if stage.learned_share:
            learned = ~uniform & (level > 0) & (rng.random(count) < stage.learned_share)
        structured = ~uniform & ~learned
        parts = []
        if structured.any():
            parts.append(self._noisy(rows[structured], level[structured], self.noise, rng))
        if self.learned is not None and learned.any():
            noise = self.learned.remaining(self.noise)
            parts.append(self._noisy(rows[learned], np.ones(int(learned.sum())), noise, rng, self.learned.vary))
        if stage.uniform_noise is not None and uniform.any():
            parts.append(self._noisy(rows[uniform], level[uniform], stage.uniform_noise.settings(), rng))
        return parts

    def _noisy(
        self,
        rows: NDArray[np.int64],
        level: NDArray[np.float64],
        noise: NoiseSettings,
        rng: np.random.Generator,
        vary: Variation | None = None,
    ) -> Rows:
        drawn = self.synthetic.draw(rows, level, noise, self.preprocessing, rng, self.training.gap_share, vary)
        return self._rows(drawn, rng, measured=False)

    def _measured(self, count: int, stage: StageSettings, rng: np.random.Generator) -> Rows:
        assert self.real is not None and self._real_sampler is not None
        rows = self._real_sampler.draw(count, rng, stage.lengths, stage.real_sources)
        drawn = self.real.draw(rows, np.zeros(count), self.noise, self.preprocessing, rng)
        drawn.peaks.noise_level[:] = np.nan
        return self._rows(drawn, rng, measured=True)

    @staticmethod
    def _cut(rows: Rows, slots: int) -> Rows:
        return replace(rows, **{name: getattr(rows, name)[:, :slots] for name in ("target", "gap_mass", "first")})

    def _rows(self, drawn: Masked, rng: np.random.Generator, *, measured: bool) -> Rows:
        width = self.slots - drawn.tokens.shape[1]
        target = np.pad(drawn.tokens, ((0, 0), (0, width)), constant_values=PAD)
        gap_mass = np.pad(drawn.gap_mass, ((0, 0), (0, width)))
        kind = rng.random(len(target))
        guided = kind < self.training.guided_share
        corrupted = ~guided & (kind < self.training.guided_share + self.training.corrupted_share)
        first, age = _correct_prefix(target, guided, rng)
        for row in np.flatnonzero(corrupted):
            first[row] = _corrupted(target[row], rng)
            age[row] = rng.integers(self.training.max_age)
        oldest = max(self.training.max_age - self.training.steps_per_update, 0)
        return Rows(drawn.peaks, target, gap_mass, first, np.minimum(age, oldest), np.full(len(target), measured))


def _correct_prefix(
    target: NDArray[np.int64], guided: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A correct prefix of random length for guided rows, as old as it takes to find it; nothing for the others.

    So the network learns to extend a correct prefix of any length before it can make one of its own.
    """
    length = (target > STOP).sum(1)
    known = np.floor((length + 1) * rng.random(len(target))).astype(np.int64) * guided
    return np.where(np.arange(target.shape[1]) < known[:, None], target, PAD), known


def _corrupted(target: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The truth with errors to repair: wrong residues, and at times one too many or too few.

    Glancing at a corrupted truth (Qian et al. 2021) shows the network answers that are nearly right, which its own
    young answers never are.
    """
    length = int((target > STOP).sum())
    terminal = int(VOCABULARY.is_terminal[target[0]])
    residues = list(target[terminal:length])
    share = rng.uniform(0, _MOST_WRONG)
    read = [residues[rng.integers(len(residues))] if rng.random() < share else token for token in residues]
    if rng.random() < _SHIFTED_SHARE:
        place = int(rng.integers(len(read)))
        if rng.random() < 0.5:
            del read[place]
        else:
            read.insert(place, residues[rng.integers(len(residues))])
    answer = [*target[:terminal], *read, STOP][: len(target)]
    first = np.full_like(target, PAD)
    first[: len(answer)] = answer
    return first


class RowStream:
    """Hands out the rows of the blocks in order, and asks other processes for the next ones ahead of time.

    Attributes
    ----------
    position : rows handed out, to all processes of a training; a new stage moves it to the next whole block.
    """

    def __init__(self, source: RowSource, workers: int) -> None:
        self.source, self.workers = source, workers
        self.position, self._stage = 0, ""
        self._blocks: dict[int, Rows | Future[Rows]] = {}
        self._pool: ProcessPoolExecutor | None = None

    def take(self, total: int, wanted: range, stage: StageSettings) -> Rows:
        """Of the next ``total`` rows those in the range ``wanted``.

        Parameters
        ----------
        stage : the rows are made for it, however many were made ahead for another.
        """
        if stage.name != self._stage:
            self._blocks.clear()
            if self._stage:
                self.position = -(-self.position // BLOCK) * BLOCK
            self._stage = stage.name
        first = self.position + wanted.start
        places = range(first, first + len(wanted))
        nothing = self._block(self.position // BLOCK, stage).select(np.arange(0))
        parts = [nothing]
        for number in range(places.start // BLOCK, -(-places.stop // BLOCK)):
            inside = np.arange(max(places.start - number * BLOCK, 0), min(places.stop - number * BLOCK, BLOCK))
            parts.append(self._block(number, stage).select(inside))
        self.position += total
        self._look_ahead(stage)
        return Rows.joined(parts)

    def state(self) -> dict[str, int | str]:
        """What ``restore`` needs to go on."""
        return {"position": self.position, "stage": self._stage}

    def restore(self, state: dict[str, int | str]) -> None:
        """Go on where another stream was."""
        self.position, self._stage = int(state["position"]), str(state["stage"])

    def close(self) -> None:
        """End the worker processes."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _block(self, number: int, stage: StageSettings) -> Rows:
        block = self._blocks.get(number)
        if block is None:
            block = self.source.block(number, stage)
        elif isinstance(block, Future):
            block = block.result()
        self._blocks[number] = block
        return block

    def _look_ahead(self, stage: StageSettings) -> None:
        current = self.position // BLOCK
        self._blocks = {number: block for number, block in self._blocks.items() if number >= current}
        if not self.workers:
            return
        if self._pool is None:
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, context, _hold, (self.source,))
        for number in range(current, current + 2 * self.workers):
            if number not in self._blocks:
                self._blocks[number] = self._pool.submit(_held_block, number, stage)


_held: RowSource | None = None


def _hold(source: RowSource) -> None:
    """Keep the source in a worker process; its stage comes with every request."""
    global _held
    _held = source


def _held_block(number: int, stage: StageSettings) -> Rows:
    assert _held is not None
    return _held.block(number, stage)
