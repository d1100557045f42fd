"""The refinement tracker: what each step of the recursion did to the answers, on average."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.vocabulary import PAD, STOP, VOCABULARY
from model.losses import token_loss

LENGTH_BINS = ((0, 9), (10, 12), (13, 15), (16, 19), (20, 25), (26, 99))
"""Residues, both ends included."""


@dataclass
class Refinement:
    """Figures of a set of spectra; the lists have one entry a step.

    Attributes
    ----------
    token_accuracy_by_step : right tokens, residues and the stop, of the true ones.
    peptide_recall_by_step : spectra whose whole peptide is right.
    cross_entropy_by_step : mean over tokens.
    edit_rate_by_step : tokens that the step changed; the first step changes the empty answer.
    edit_quality_by_step : (wrong made right − right made wrong) over changed tokens, −1…1.
    convergence_step : mean over spectra of the last step that changed anything.
    token_accuracy_by_length : ``10-12`` → accuracy after the last step.
    """

    spectra: int
    token_accuracy_by_step: list[float]
    peptide_recall_by_step: list[float]
    cross_entropy_by_step: list[float]
    edit_rate_by_step: list[float]
    edit_quality_by_step: list[float]
    convergence_step: float
    token_accuracy_by_length: dict[str, float] = field(default_factory=dict)
    peptide_recall_by_length: dict[str, float] = field(default_factory=dict)

    @property
    def token_accuracy(self) -> float:
        """After the last step."""
        return self.token_accuracy_by_step[-1]

    @property
    def peptide_recall(self) -> float:
        """After the last step."""
        return self.peptide_recall_by_step[-1]

    def summary(self) -> str:
        """One line for people."""
        first, last = self.token_accuracy_by_step[0], self.token_accuracy
        edits = self.edit_rate_by_step[1:] or [0.0]
        return (
            f"token accuracy {first:.3f} → {last:.3f} over {len(self.token_accuracy_by_step)} steps, "
            f"peptide recall {self.peptide_recall:.3f}, edits {np.mean(edits):.1%} a step, "
            f"settled at step {self.convergence_step:.1f}"
        )


class RefinementTracker:
    """Counts batch by batch; ``add`` takes the answers of all steps."""

    def __init__(self, steps: int) -> None:
        self._sums = np.zeros((6, steps))
        self._rows: list[NDArray[np.float64]] = []

    def add(self, answers: list[Tensor], target: Tensor) -> None:
        """Count a batch.

        Parameters
        ----------
        answers : of each step (batch, slots, tokens), logits.
        target : (batch, slots) int64, padded.
        """
        wanted = target != PAD
        before = torch.full_like(target, PAD)
        settled = torch.zeros(len(target), device=target.device)
        right = torch.zeros_like(wanted)
        for step, answer in enumerate(answers):
            tokens = answer.argmax(-1)
            was_right, right = right, (tokens == target) & wanted
            changed = (tokens != before) & wanted
            settled = settled.masked_fill(changed.any(1), step + 1.0)
            self._sums[:, step] += [
                float(right.sum()),
                float((right | ~wanted).all(1).sum()),
                float(token_loss(answer.float(), target).sum()),
                float(changed.sum()),
                float((changed & right & ~was_right).sum()),
                float((changed & was_right & ~right).sum()),
            ]
            before = tokens
        terminal = torch.as_tensor(VOCABULARY.is_terminal, device=target.device)[target.clamp(max=len(VOCABULARY) - 1)]
        residues = ((target > STOP) & ~terminal).sum(1)
        columns = (residues, right.sum(1), wanted.sum(1), (right | ~wanted).all(1), settled)
        self._rows.append(torch.stack([column.double() for column in columns], 1).cpu().numpy())

    def result(self) -> Refinement:
        """The figures of all that was added."""
        rows = np.concatenate(self._rows)
        residues, right, wanted, whole, settled = rows.T
        tokens, (correct, peptides, entropy, changed, better, worse) = wanted.sum(), self._sums
        accuracy, recall = {}, {}
        for low, high in LENGTH_BINS:
            here = (residues >= low) & (residues <= high)
            if here.any():
                accuracy[f"{low}-{high}"] = float(right[here].sum() / wanted[here].sum())
                recall[f"{low}-{high}"] = float(whole[here].mean())
        return Refinement(
            spectra=len(rows),
            token_accuracy_by_step=(correct / tokens).tolist(),
            peptide_recall_by_step=(peptides / len(rows)).tolist(),
            cross_entropy_by_step=(entropy / tokens).tolist(),
            edit_rate_by_step=(changed / tokens).tolist(),
            edit_quality_by_step=((better - worse) / np.maximum(changed, 1)).tolist(),
            convergence_step=float(settled.mean()),
            token_accuracy_by_length=accuracy,
            peptide_recall_by_length=recall,
        )
