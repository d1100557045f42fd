"""The refinement tracker on answers made by hand."""

import pytest
import torch

from data.vocabulary import PAD, STOP, VOCABULARY
from model.refinement import RefinementTracker

G, A, S = VOCABULARY.encode("GAS")
TARGET = torch.tensor([[G, A, STOP, PAD], [S, A, G, STOP]])


def answer(*rows: list[int]) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(rows), len(VOCABULARY)).float() * 20


def test_a_history_by_hand():
    tracker = RefinementTracker(3)
    tracker.add(
        [
            answer([G, G, STOP, G], [A, A, A, A]),  # right: G and stop; the second A
            answer([G, A, STOP, G], [A, S, A, A]),  # one better, one worse
            answer([G, A, STOP, S], [S, A, G, STOP]),  # padding does not count
        ],
        TARGET,
    )
    found = tracker.result()
    assert found.token_accuracy_by_step == pytest.approx([3 / 7, 3 / 7, 1.0])
    assert found.peptide_recall_by_step == pytest.approx([0.0, 0.5, 1.0])
    assert found.edit_rate_by_step == pytest.approx([1.0, 2 / 7, 4 / 7])
    assert found.edit_quality_by_step == pytest.approx([3 / 7, 0.0, 1.0])
    assert found.convergence_step == pytest.approx((2 + 3) / 2)
    assert found.cross_entropy_by_step[0] > found.cross_entropy_by_step[2]
    assert found.token_accuracy == 1.0 and "3 steps" in found.summary()


def test_lengths_are_binned_by_residues():
    tracker = RefinementTracker(1)
    long = [*VOCABULARY.encode("[UNIMOD:1]-" + "G" * 10), STOP]
    target = torch.tensor([[*long], [*VOCABULARY.encode("G" * 7), STOP, *[PAD] * 4]])
    tracker.add([answer(*target.tolist())], target)
    assert tracker.result().token_accuracy_by_length == {"0-9": 1.0, "10-12": 1.0}
