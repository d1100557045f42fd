"""The metrics on hand-made cases, and against second implementations of the published definition and of Casanovo's."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.predictions import Prediction
from data.vocabulary import VOCABULARY
from model.metrics import (
    Metrics,
    bootstrap_intervals,
    count,
    evaluate,
    macro_average,
    matching_residues,
    precision_coverage,
    residue_confusion,
    token_accuracy_by_step,
)


def prediction(true: str, read: str, score: float = 0.5, steps: tuple[str, ...] = (), charge: int = 2) -> Prediction:
    return Prediction(
        "x:0", 500.0, charge, None, read, (), score, None, None, reference=true, peptidoform_by_step=steps
    )


def right_residues(true: str, read: str) -> int:
    return int(count([prediction(true, read)]).right[0])


@pytest.mark.parametrize(
    ("true", "read", "right"),
    [
        ("PEPTLDEK", "PEPTLDEK", 8),
        ("PEPTIDEK", "PEPTLDEK", 8),  # I and L weigh the same
        ("PEPTKDE", "PEPTQDE", 7),  # K and Q differ by 0.036 Da, less than 0.1
        ("PEPTLDEK", "EPPTLDEK", 6),  # swapped neighbours are both wrong
        ("GGSAMK", "NSAMK", 4),  # GG = N: what follows starts at the same mass
        ("NSAMK", "GGSAMK", 4),
        ("AGSAMK", "QSAMK", 4),  # AG = Q
        ("SAMPLER", "SAMPLERK", 7),  # longer, but the prefix masses fit
        ("PEPTLDEK", "WWWWW", 0),
        ("PEPTLDEK", "", 0),
        ("SAM[UNIMOD:35]PLER", "SAMPLER", 6),  # all but M by prefix or by suffix
        ("SAM[UNIMOD:35]PLER", "SAFPLER", 7),  # F is 0.033 Da heavier than oxidised M, less than 0.1
        ("N[UNIMOD:7]SAMK", "DSAMK", 5),  # deamidated N weighs what D weighs
    ],
)
def test_right_residues_by_hand(true, read, right):
    assert right_residues(true, read) == right


def published_definition(predicted: list[float], true: list[float]) -> list[bool]:
    """From the text: mass within 0.1 Da, and the mass before it or behind it within 0.5 Da of a true one's."""

    def found(read: list[float], truth: list[float]) -> list[bool]:
        result, position = [], 0
        for index, mass in enumerate(read):
            start = sum(read[:index])
            while position < len(truth) and sum(truth[:position]) <= start - 0.5:
                position += 1
            here = position < len(truth) and abs(sum(truth[:position]) - start) < 0.5
            result.append(here and abs(truth[position] - mass) < 0.1)
            position += here
        return result

    forward = found(predicted, true)
    backward = found(predicted[::-1], true[::-1])[::-1]
    return [a or b for a, b in zip(forward, backward, strict=True)]


peptides = st.text("GASPVTLNDQKEMHFRYW", min_size=1, max_size=15)


@given(true=peptides, read=peptides, keep=st.integers(0, 10))
def test_second_implementation_agrees(true, read, keep):
    read = true[:keep] + read
    masses = [VOCABULARY.token_masses(VOCABULARY.encode(text)) for text in (read, true)]
    expected = published_definition(*(list(map(float, values)) for values in masses))
    assert matching_residues(*masses).tolist() == expected


def casanovo(true: list[float], read: list[float]) -> tuple[int, bool]:
    """Right residues and whether the peptide is right, by the walk of Casanovo's ``evaluate.py`` in words of our own.

    A walk from an end compares the masses up to and with the next residue of both: within 0.5 Da they are a pair, right
    if the residues differ by less than 0.1 Da, and noted at the later position of the two; else the lighter side goes
    on. The walk from the C terminus ends at the first position that the walk from the N terminus found wrong.
    """
    flags = [False] * max(len(true), len(read))

    def walk(i: int, j: int, step: int, is_over: Callable[[int, int], bool]) -> None:
        mass_true = mass_read = 0.0
        while not is_over(i, j):
            with_true, with_read = mass_true + true[i], mass_read + read[j]
            paired = abs(with_true - with_read) < 0.5
            if paired:
                flags[max(i, j)] = abs(true[i] - read[j]) < 0.1
            true_goes_on, read_goes_on = paired or with_read > with_true, paired or with_read <= with_true
            i, mass_true = (i + step, with_true) if true_goes_on else (i, mass_true)
            j, mass_read = (j + step, with_read) if read_goes_on else (j, mass_read)

    walk(0, 0, 1, lambda i, j: i >= len(true) or j >= len(read))
    if not all(flags):
        first_wrong = flags.index(False)
        walk(len(true) - 1, len(read) - 1, -1, lambda i, j: i < first_wrong or j < first_wrong)
    return sum(flags), all(flags)


SAME_MASS = [("N", "GG"), ("K", "Q"), ("AG", "GA", "Q", "K"), ("VS", "SV", "W"), ("L",), ("T",), ("PE", "EP")]
SAME_MASS += [("DA", "AD", "W", "GE", "EG"), ("M[UNIMOD:35]", "F"), ("SAM", "MAS", "ASM"), ("N[UNIMOD:7]", "D")]


@given(
    terminal=st.sampled_from(["", "[UNIMOD:1]-", "[UNIMOD:385]-"]),  # the last takes mass away
    parts=st.lists(st.sampled_from(SAME_MASS), min_size=1, max_size=8),
    draw=st.data(),
)
def test_casanovos_count_agrees_where_the_answer_weighs_what_the_peptide_weighs(terminal, parts, draw):
    true, read = (terminal + "".join(draw.draw(st.sampled_from(same)) for same in parts) for _ in range(2))
    masses = [VOCABULARY.token_masses(VOCABULARY.encode(text)) for text in (true, read)]
    assert abs(masses[0].sum() - masses[1].sum()) < 0.4
    (right,), (whole,) = (getattr(count([prediction(true, read)]), name) for name in ("right", "peptide"))
    assert (right, bool(whole)) == casanovo(*(list(map(float, values)) for values in masses))


@given(true=peptides, read=peptides, keep=st.integers(0, 10), end=st.integers(0, 10))
def test_casanovos_count_differs_by_little_where_the_answer_weighs_something_else(true, read, keep, end):
    read = true[:keep] + read + (true[-end:] if end else "")
    masses = [VOCABULARY.token_masses(VOCABULARY.encode(text)) for text in (true, read)]
    (right,), (whole,) = (getattr(count([prediction(true, read)]), name) for name in ("right", "peptide"))
    theirs, theirs_whole = casanovo(*(list(map(float, values)) for values in masses))
    assert theirs <= right  # each residue that they count is right by prefix or by suffix
    assert theirs_whole == bool(whole)


def test_figures_of_a_small_set():
    metrics = evaluate(
        [
            prediction("SAMPLER", "SAMPLER", 0.9),
            prediction("PEPTLDEK", "EPPTLDEK", 0.8),
            prediction("GGSAMK", "", 0.0),
            Prediction("x", 1.0, 2, None, "AAA", (), 0.5, None, None),
        ]
    )
    assert metrics.n_spectra == 3
    assert metrics.aa_precision == pytest.approx(13 / 15)
    assert metrics.aa_recall == pytest.approx(13 / 21)
    assert metrics.peptide_recall == pytest.approx(1 / 3)
    assert metrics.peptide_precision == pytest.approx(1 / 2)
    coverage, precision = 1 / 3, [1, 1 / 2, 1 / 3]
    trapezoids = coverage * (1 + (1 + 1 / 2) / 2 + (1 / 2 + 1 / 3) / 2)
    assert metrics.auc == pytest.approx(trapezoids)
    assert precision_coverage([prediction("SAMK", "SAMK"), prediction("SAMK", "SAMR")])[1].tolist() == [1, 0.5]
    assert precision[0] == 1


def test_nothing_to_judge_is_zero_and_not_an_error():
    assert evaluate([]).peptide_recall == 0
    assert evaluate([prediction("SAMK", "")]).aa_precision == 0
    assert token_accuracy_by_step([]) == []
    assert bootstrap_intervals([], 10, 1) == {}


def test_token_accuracy_counts_the_stop_and_keeps_the_last_answer():
    early = prediction("SAMK", "SAMK", steps=("SAR", "SAMK"))
    late = prediction("GGSAMK", "GGSAMK", steps=("", "GG", "GGSAMK"))
    # 12 positions; step 1: S, A of the first; nothing of the second
    assert token_accuracy_by_step([early, late]) == pytest.approx([2 / 12, (5 + 2) / 12, 1.0])


def test_confusion_by_hand():
    labels, counts = residue_confusion([prediction("SAMK", "SAFK")])
    place = {label: index for index, label in enumerate(labels)}
    assert counts[place["M"], place["F"]] == 1
    assert counts[place["S"], place["S"]] == counts[place["A"], place["A"]] == 1
    assert counts.sum() == 3


def test_bootstrap_interval_has_the_width_of_the_binomial():
    rng = np.random.default_rng(0)
    predictions = [prediction("SAMK", "SAMK" if hit else "SARK") for hit in rng.random(400) < 0.3]
    share = evaluate(predictions).peptide_recall
    low, high = bootstrap_intervals(predictions, 2000, 1)["peptide_recall"]
    half = 1.96 * np.sqrt(share * (1 - share) / 400)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.01)
    assert bootstrap_intervals(predictions, 50, 1) == bootstrap_intervals(predictions, 50, 1)


def test_bootstrap_of_the_area_resamples_what_the_area_is_of():
    rng = np.random.default_rng(3)
    scores = rng.random(40)
    predictions = [prediction("SAMK", "SAMK" if rng.random() < s else "SARK", s) for s in scores]
    draws = [evaluate([predictions[i] for i in rng.integers(40, size=40)]).auc for _ in range(200)]
    low, high = bootstrap_intervals(predictions, 1000, 1)["auc"]
    assert low < evaluate(predictions).auc < high
    assert (low, high) == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=0.06)
    assert bootstrap_intervals(predictions[:1], 10, 1)["auc"] == (evaluate(predictions[:1]).auc,) * 2


def test_macro_average_is_of_folds_and_micro_of_spectra():
    small, large = [prediction("SAMK", "SAMK")], [prediction("SAMK", "SARK")] * 3
    macro = macro_average([evaluate(small), evaluate(large)])
    assert (macro.n_spectra, macro.peptide_recall) == (4, 0.5)
    assert evaluate(small + large).peptide_recall == 0.25
    assert macro_average([]) == Metrics(0, 0.0, 0.0, 0.0, 0.0, 0.0)
