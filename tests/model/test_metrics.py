"""The metrics on hand-made cases and against a second implementation written from the published definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.predictions import Prediction
from data.vocabulary import VOCABULARY
from model.metrics import (
    bootstrap_intervals,
    by_charge,
    by_length,
    count,
    evaluate,
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


def test_groups():
    predictions = [prediction("SAMK", "SAMK", charge=2), prediction("[UNIMOD:1]-SAMPLER", "SAMPLER", charge=3)]
    assert {length: m.peptide_recall for length, m in by_length(predictions).items()} == {4: 1.0, 7: 0.0}
    assert {charge: m.n_spectra for charge, m in by_charge(predictions).items()} == {2: 1, 3: 1}


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
