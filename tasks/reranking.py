"""Other ways to choose among the best peptides of a spectrum, to compare with the calibrated choice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.schema import Spectrum
from model.calibrating import matched_shares
from model.calibration import CHOICE_FEATURES
from model.inference import Sequencer

_FEATURES = {
    "final score": "match",
    "log-probability of the answer": "lead",
    "heights as MS2PIP predicts them": "predicted heights",
}


def rerankings(folder: Path, spectra: Sequence[Spectrum]) -> dict[str, Any]:
    """Peptide recall when the best of all candidates is chosen by one criterion alone."""
    sequencer = Sequencer(folder, threads=1)
    right: dict[str, list[Any]] = {}
    for first in range(0, len(spectra), sequencer.batch_size):
        batch = spectra[first : first + sequencer.batch_size]
        answers, _ = sequencer.answers(batch)
        is_right = matched_shares(sequencer.vocabulary, answers, batch) == 1
        for name, feature in _FEATURES.items():
            score = np.where(answers.exists, answers.feature[..., CHOICE_FEATURES.index(feature)], -np.inf)
            best: NDArray[np.int64] = score.argmax(1)
            chosen: NDArray[np.bool_] = is_right[np.arange(len(best)), best]
            right.setdefault(name, []).extend(chosen.tolist())
        right.setdefault("the truth, the most that ranking can reach", []).extend(bool(row.any()) for row in is_right)
    return {
        f"exact and neighbours, the best by {name}": {"peptide_recall": float(np.mean(values)), "milliseconds": None}
        for name, values in right.items()
    }
