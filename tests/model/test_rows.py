"""The stream of rows: the same from any process, and never of an old stage."""

from dataclasses import replace

import numpy as np
import pytest

from data.batches import SpectrumSet
from data.errors import InputError
from data.pairs import Pairs
from data.settings import NoiseSettings, PreprocessingSettings, UniformNoise
from data.vocabulary import GAP, PAD, STOP, VOCABULARY
from model.residual_noise import learn_noise
from model.rows import BLOCK, Rows, RowSource, RowStream
from model.settings import LearnedNoiseSettings, StageSettings, TrainingSettings

SHORT = StageSettings(name="short", updates=5, lengths=(6, 8))
LONG = StageSettings(name="long", updates=5, lengths=(10, 12), noise_level=(1.0, 1.0), clean_share=0.0)


def source_of(ladders: SpectrumSet, real: SpectrumSet | None = None, **training: object) -> RowSource:
    settings = TrainingSettings(**({"stages": (SHORT, LONG)} | training))
    return RowSource(ladders, real, settings, NoiseSettings(), PreprocessingSettings(), 16, 7)


def lengths(rows: Rows) -> np.ndarray:
    return (rows.target > STOP).sum(1)


def same(left: Rows, right: Rows) -> bool:
    pairs = ((left.peaks.mz, right.peaks.mz), (left.target, right.target), (left.first, right.first))
    return all(np.array_equal(a, b) for a, b in pairs) and np.array_equal(left.age, right.age)


def test_workers_give_the_rows_that_one_process_gives(ladders):
    alone, helped = RowStream(source_of(ladders), 0), RowStream(source_of(ladders), 2)
    try:
        for count in (50, 7, 100, 64, 1):
            assert same(alone.take(count, range(count), SHORT), helped.take(count, range(count), SHORT))
    finally:
        helped.close()


def test_a_stage_change_reaches_every_worker_at_once(ladders):
    stream = RowStream(source_of(ladders), 2)
    try:
        assert lengths(stream.take(30, range(30), SHORT)).max() <= 8
        rows = stream.take(40, range(40), LONG)  # blocks of the short stage were already under way
        assert lengths(rows).min() >= 10
        assert set(rows.peaks.noise_level[~np.isnan(rows.peaks.noise_level)]) == {1.0}
    finally:
        stream.close()


def test_rows_are_as_wide_as_the_stages_longest_peptides_need(ladders):
    source = source_of(ladders, corrupted_share=0.9, guided_share=0.1)
    assert [source.slots_of(stage) for stage in (SHORT, LONG, replace(LONG, lengths=None))] == [10, 14, 16]
    rows = source.block(0, SHORT)
    assert rows.target.shape == rows.first.shape == rows.gap_mass.shape == (BLOCK, 10)
    assert ((rows.target == STOP).sum(1) == 1).all()


def test_shares_of_several_processes_are_the_stream_of_one(ladders):
    whole = RowStream(source_of(ladders), 0).take(90, range(90), SHORT)
    first, second = (RowStream(source_of(ladders), 0).take(90, part, SHORT) for part in (range(41), range(41, 90)))
    rows = Rows.joined([first, second])
    assert np.array_equal(rows.target, whole.target) and np.array_equal(rows.age, whole.age)


def test_a_stream_goes_on_where_another_was(ladders):
    unbroken, broken = RowStream(source_of(ladders), 0), RowStream(source_of(ladders), 0)
    for stream in (unbroken, broken):
        stream.take(37, range(37), SHORT)
    resumed = RowStream(source_of(ladders), 0)
    resumed.restore(broken.state())
    assert same(unbroken.take(60, range(60), SHORT), resumed.take(60, range(60), SHORT))


def test_no_rows_is_an_answer_too(ladders):
    assert len(RowStream(source_of(ladders), 0).take(5, range(2, 2), SHORT).target) == 0


def test_measured_spectra_come_at_their_share_and_as_they_are(ladders):
    real = ladders.select(np.flatnonzero(ladders.lengths == 9))
    mixed = StageSettings(name="mixed", updates=1, synthetic_share=0.5, lengths=None)
    block = source_of(ladders.select(np.flatnonzero(ladders.lengths != 9)), real, stages=(mixed,)).block(0, mixed)
    assert 0.3 < (lengths(block) == 9).mean() < 0.7
    with pytest.raises(InputError, match="measured spectra"):
        source_of(ladders, stages=(mixed,))


def test_a_stage_without_peptides_of_its_lengths_is_refused(ladders):
    with pytest.raises(InputError, match="30 to 40 residues"):
        source_of(ladders, stages=(replace(SHORT, lengths=(30, 40)),))


def test_first_answers_are_nothing_prefixes_or_corrupted_truths(ladders):
    source = source_of(ladders, guided_share=0.4, corrupted_share=0.3)
    rows = Rows.joined([source.block(number, SHORT) for number in range(8)])
    empty = (rows.first == PAD).all(1)
    known = (rows.first != PAD).sum(1)
    prefix = ((rows.first == rows.target) | (np.arange(rows.target.shape[1]) >= known[:, None])).all(1) & ~empty
    other = ~empty & ~prefix
    assert 0.25 < empty.mean() < 0.45 and 0.3 < prefix.mean() < 0.5 and 0.15 < other.mean() < 0.35
    shared = (rows.first[other] == rows.target[other]).mean()
    assert shared > 0.5  # nearly right
    assert ((rows.first[other] == STOP).sum(1) == 1).all()
    assert (rows.age <= 14).all() and rows.age[other].max() > 8


def test_uniform_noise_takes_the_place_of_structured_noise(ladders):
    noise = UniformNoise(noise_peaks=0, peak_dropout=0.5, peak_error_ppm=0.0, intensity_sigma=0.0)
    stage = StageSettings(name="x", updates=1, clean_share=0.0, noise_level=(1.0, 1.0), uniform_noise=noise)
    rows = Rows.joined([source_of(ladders).block(number, stage) for number in range(4)])
    peaks = np.isfinite(rows.peaks.mz).sum(1)
    assert (peaks / (2 * (lengths(rows) - 1))).mean() == pytest.approx(0.5, abs=0.04)


def test_uniform_noise_can_be_met_by_a_share_of_the_rows(ladders):
    noise = UniformNoise(noise_peaks=0, peak_dropout=1.0, peak_error_ppm=0.0, intensity_sigma=0.0)
    stage = StageSettings(
        name="x", updates=1, clean_share=0.0, noise_level=(1.0, 1.0), uniform_noise=noise, uniform_share=0.3
    )
    source = source_of(ladders, gap_share=0.5)
    rows = Rows.joined([source.block(number, stage) for number in range(8)])
    assert (~np.isfinite(rows.peaks.mz).any(1)).mean() == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_rows_may_have_the_same_noise(ladders, share):
    noise = UniformNoise(noise_peaks=1, peak_dropout=0.0, peak_error_ppm=0.0, intensity_sigma=0.0)
    stage = StageSettings(name="x", updates=1, uniform_noise=noise, uniform_share=share)
    assert len(source_of(ladders, gap_share=0.5).block(0, stage).target) == BLOCK


def test_gaps_are_made_at_their_share(ladders):
    rows = Rows.joined([source_of(ladders, gap_share=0.5).block(number, SHORT) for number in range(4)])
    assert 0.3 < (rows.target == GAP).any(1).mean() < 0.6
    assert ((rows.gap_mass > 0) == (rows.target == GAP)).all()
    assert len(rows.target) == 4 * BLOCK
    assert VOCABULARY.masses[GAP] == 0


def test_measured_rows_say_so_and_come_from_the_named_sources(ladders):
    names = ("here", "there")
    real = replace(ladders, source_names=names, source=np.arange(len(ladders)) % 2)
    stage = StageSettings(name="half", updates=5, synthetic_share=0.5, real_sources=("there",))
    rows = source_of(ladders, real, stages=(stage,)).block(0, stage)
    assert 0 < rows.measured.sum() < BLOCK
    peptides = {tuple(row[row > STOP]) for row in real.tokens[real.source == 1]}
    assert all(tuple(row[row > STOP]) in peptides for row in rows.target[rows.measured])
    with pytest.raises(InputError, match="of nowhere"):
        source_of(ladders, real, stages=(replace(stage, real_sources=("nowhere",)),))


def test_a_stage_with_learned_noise_needs_some(ladders):
    stage = StageSettings(name="learned", updates=5, noise_level=(1.0, 1.0), clean_share=0.0, learned_share=1.0)
    with pytest.raises(InputError, match="learned noise, and there is none"):
        source_of(ladders, stages=(stage,))
    tokens = np.where(ladders.tokens > STOP, ladders.tokens, PAD)
    learned = learn_noise(Pairs(ladders.peaks, ladders.peaks, tokens), LearnedNoiseSettings(epochs=2), 20.0, 1)
    made = replace(source_of(ladders, stages=(SHORT, LONG)), learned=learned).block(0, stage)
    plain = source_of(ladders).block(0, replace(stage, learned_share=0.0))
    assert np.array_equal(np.sort(lengths(made)), np.sort(lengths(plain)))
    assert np.isfinite(made.peaks.mz).sum() != np.isfinite(plain.peaks.mz).sum()
