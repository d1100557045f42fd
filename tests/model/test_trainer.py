"""Training: exact resume, the curriculum, validation that runs, and a network that learns."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from data.errors import InputError
from data.settings import NoiseSettings, PreprocessingSettings
from data.vocabulary import VOCABULARY
from model.carry import Carry
from model.curriculum import learning_rate, stage_at
from model.inference import Sequencer
from model.recipe import Recipe
from model.records import read_metrics
from model.settings import LossSettings, NetworkSettings, StageSettings, TrainingSettings
from model.trainer import DivergedError, _Run, train
from tests.model.conftest import ladder


class InterruptedRunError(Exception):
    """Stands for a kill between two updates."""


def interrupt(update, stage, metrics):
    if update == 8:
        raise InterruptedRunError


def run(folder, ladders, network, training, seed=3, **more):
    recipe = Recipe(
        network=network, training=training, noise=NoiseSettings(), preprocessing=PreprocessingSettings(), seed=seed
    )
    return train(recipe=recipe, training_set=ladders, validation_set=ladders, folder=folder, **more)


def weights(folder):
    return load_file(folder / "model.safetensors")


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_resumed_training_gives_the_weights_of_an_unbroken_one(tmp_path, ladders, small_network, short_training):
    run(tmp_path / "unbroken", ladders, small_network, short_training)

    with pytest.raises(InterruptedRunError):
        run(tmp_path / "broken", ladders, small_network, short_training, on_metrics=interrupt)
    assert not (tmp_path / "broken" / "model.safetensors").exists()
    assert (tmp_path / "broken" / "state" / "7.safetensors").exists()
    summary = run(tmp_path / "broken", ladders, small_network, short_training)
    assert summary.updates == 12
    assert equal(weights(tmp_path / "unbroken"), weights(tmp_path / "broken"))
    assert not (tmp_path / "broken" / "state").exists()


def test_a_student_learns_of_its_teacher_and_resumes_exactly(tmp_path, ladders, small_network, short_training):
    run(tmp_path / "teacher", ladders, replace(small_network, width=48), short_training)
    training = replace(short_training, teacher=str(tmp_path / "teacher"))
    taught = run(tmp_path / "unbroken", ladders, small_network, training)

    with pytest.raises(InterruptedRunError):
        run(tmp_path / "broken", ladders, small_network, training, on_metrics=interrupt)
    run(tmp_path / "broken", ladders, small_network, training)
    assert equal(weights(tmp_path / "unbroken"), weights(tmp_path / "broken"))
    alone = replace(training, loss=LossSettings(teacher_weight=0.0))
    untaught = run(tmp_path / "alone", ladders, small_network, alone)
    assert taught.curve[-1]["teacher"] < untaught.curve[-1]["teacher"]


def test_same_seed_same_weights_other_seed_others(tmp_path, ladders, small_network, short_training):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path / name, ladders, small_network, short_training, seed=seed)
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not equal(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_state_of_other_parameters_is_not_continued(tmp_path, ladders, small_network, short_training):
    with pytest.raises(InterruptedRunError):
        run(tmp_path / "a", ladders, small_network, short_training, on_metrics=interrupt)
    run(tmp_path / "a", ladders, small_network, short_training, seed=9)
    run(tmp_path / "b", ladders, small_network, short_training, seed=9)
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_validation_runs_at_update_0_and_as_often_as_asked(tmp_path, ladders, small_network, short_training):
    run(tmp_path, ladders, small_network, short_training)
    summary = json.loads((tmp_path / "training.json").read_text())
    assert [entry["update"] for entry in summary["validation"]] == [0, 4, 8, 12]
    assert all(len(entry["token_accuracy_by_step"]) == small_network.steps for entry in summary["validation"])
    assert [entry["stage"] for entry in summary["curve"]] == ["noisy", "noisy"]


def test_anchored_recursion_learns_to_extend_its_answer(tmp_path, ladders):
    network = NetworkSettings(width=32, heads=2, encoder_layers=0, core_layers=1, slots=16, candidate_width=16, steps=6)
    training = TrainingSettings(
        stages=(StageSettings(name="clean", updates=150, learning_rate=3e-3),),
        batch_size=32,
        warmup_updates=10,
        validate_every=150,
        validation_spectra=64,
    )
    last = run(tmp_path, ladders, network, training).validation[-1]["token_accuracy_by_step"]
    assert last[5] > 0.5
    assert last[0] < last[2] < last[5]


def test_further_training_starts_from_the_given_model(tmp_path, ladders, small_network, short_training):
    run(tmp_path / "first", ladders, small_network, short_training)
    first = json.loads((tmp_path / "first" / "training.json").read_text())["validation"][-1]
    summary = run(tmp_path / "second", ladders, small_network, short_training, start=tmp_path / "first")
    assert summary.validation[0]["token_accuracy_by_step"] == pytest.approx(first["token_accuracy_by_step"], abs=0.02)


def test_too_few_slots_are_refused(tmp_path, ladders, short_training):
    with pytest.raises(InputError, match=r"network\.slots"):
        run(tmp_path, ladders, NetworkSettings(slots=8), short_training)


def test_stages_follow_each_other_and_the_rate_falls(short_training):
    assert [stage_at(short_training, update).name for update in (0, 5, 6, 11, 99)] == ["clean"] * 2 + ["noisy"] * 3
    rates = [learning_rate(short_training, update) for update in range(12)]
    assert rates[0] == pytest.approx(rates[1] / 2, rel=0.05)
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[-1] < 0.1 * rates[1]


def test_a_stage_of_longer_peptides_widens_the_answers(tmp_path, ladders, small_network, short_training):
    widths = []

    def note(carry, stage, *more):
        widths.append((stage.name, carry.target.shape[1]))
        return forward(carry, stage, *more)

    stages = tuple(
        StageSettings(name=name, updates=3, lengths=lengths) for name, lengths in (("a", (6, 8)), ("b", None))
    )
    training = replace(short_training, stages=stages)
    recipe = Recipe(
        network=small_network, training=training, noise=NoiseSettings(), preprocessing=PreprocessingSettings(), seed=3
    )
    state = _Run(recipe, ladders, ladders, None, None, tmp_path, None, "cpu")
    forward = state.objective.forward
    state.objective.forward = note
    state.records.begin(state.summary)
    for _ in range(6):
        state.update(None)
    assert widths == [("a", 10)] * 3 + [("b", ladders.tokens.shape[1] + 1)] * 3


def test_parts_of_a_batch_accumulate_to_the_whole(tmp_path, ladders, small_network, short_training):
    runs = [
        run(tmp_path / str(parts), ladders, small_network, replace(short_training, accumulate=parts, precision="fp32"))
        for parts in (1, 4)
    ]
    whole, parted = ([entry["loss"] for entry in each.curve] for each in runs)
    assert parted == pytest.approx(whole, rel=1e-3)


def test_full_unrolling_begins_every_row_anew(tmp_path, ladders, small_network, short_training):
    unrolled = replace(short_training, steps_per_update=4, max_age=4, guided_share=0.0)
    recipe = Recipe(
        network=small_network, training=unrolled, noise=NoiseSettings(), preprocessing=PreprocessingSettings(), seed=1
    )
    trainer = _Run(recipe, ladders, ladders, None, None, tmp_path, None, "cpu")
    trainer.records.begin(trainer.summary)
    for update in range(1, 4):
        trainer.update(None)
        assert trainer.carry.finished.all() and (trainer.carry.state.step == 4).all()
        assert trainer.stream.position == 16 * update


def test_muon_learns_and_resumes_exactly(tmp_path, ladders, small_network, short_training):
    muon = replace(short_training, optimizer="muon")
    run(tmp_path / "unbroken", ladders, small_network, muon)

    with pytest.raises(InterruptedRunError):
        run(tmp_path / "broken", ladders, small_network, muon, on_metrics=interrupt)
    run(tmp_path / "broken", ladders, small_network, muon)
    assert equal(weights(tmp_path / "unbroken"), weights(tmp_path / "broken"))


def test_a_loss_that_is_no_number_stops_with_the_batch_saved(tmp_path, ladders, small_network, short_training):
    wild = replace(short_training, stages=(StageSettings(name="wild", updates=50, learning_rate=1e30),))
    with pytest.raises(DivergedError, match="not a number") as error:
        run(tmp_path, ladders, small_network, wild)
    carry = Carry.from_tensors(load_file(tmp_path / "diverged.safetensors"))
    assert len(carry.target) == 16 and str(tmp_path) in str(error.value)


def test_metrics_are_json_lines_of_the_unbroken_story(tmp_path, ladders, small_network, short_training):
    with pytest.raises(InterruptedRunError):
        run(tmp_path, ladders, small_network, short_training, on_metrics=interrupt)
    run(tmp_path, ladders, small_network, short_training)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [(line["kind"], line["update"]) for line in lines] == [
        ("validate", 0), ("validate", 4), ("validate", 8), ("train", 10), ("train", 12), ("validate", 12),
    ]  # fmt: skip
    assert {"loss", "tokens", "samples_per_second", "mfu", "learning_rate"} <= lines[3].keys()
    assert 0 < lines[3]["mfu"] < 1.5
    assert lines[0]["hard"]["spectra"] == 32


@pytest.mark.parametrize("spectrum", ["matched filter", "gaussian"])
def test_all_features_and_losses_train_together(tmp_path, ladders, small_network, short_training, spectrum):
    network = replace(
        small_network, right_anchor=True, residual_encoder=True, gap=True, halting=True, confidence=True, quality="true"
    )
    loss = LossSettings(step_weights="exponential", label_smoothing=0.1, spectrum=spectrum)
    stages = tuple(replace(stage, precursor_weight=0.1, doubly_charged=False) for stage in short_training.stages)
    training = replace(short_training, stages=stages, loss=loss, gap_share=0.3, corrupted_share=0.2)
    summary = run(tmp_path, ladders, network, training)
    names = {"tokens", "precursor", "spectrum", "gap", "confidence", "halting"}
    assert names <= summary.curve[-1].keys()
    assert all(0 <= summary.curve[-1][name] < 20 for name in names)
    prediction = next(iter(Sequencer(tmp_path).sequence([ladder("PEPTLDEK", 2, np.random.default_rng(0))])))
    assert prediction.peptidoform == "" or VOCABULARY.read(prediction.peptidoform)[0]
