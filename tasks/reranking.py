"""Other ways to choose among the best peptides of a spectrum, to compare with the calibrated rank."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data.fragment_intensity import SHORTEST, IntensityPredictor
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.schema import Spectrum
from data.vocabulary import PAD
from model.answers import Answers
from model.calibrating import matched_shares
from model.calibration import PEPTIDE_FEATURES
from model.inference import Sequencer
from model.spectra import to_spectra

_FEATURES = {
    "match score": "match",
    "log-probability of the answer": "answer",
    "agreement of the second look": "agreement",
    "intensity explained": "intensity explained",
}
_MS2PIP_MODEL = "HCDch2"

Floats = NDArray[np.float64]


def rerankings(folder: Path, spectra: Sequence[Spectrum]) -> dict[str, Any]:
    """Peptide recall when the best of all candidates is chosen by one criterion alone, and what MS2PIP costs."""
    sequencer = Sequencer(folder, threads=1)
    predictor = IntensityPredictor(_MS2PIP_MODEL)
    right: dict[str, list[Any]] = {}
    seconds = 0.0
    for first in range(0, len(spectra), sequencer.batch_size):
        batch = spectra[first : first + sequencer.batch_size]
        answers, _ = sequencer.answers(batch)
        is_right = matched_shares(sequencer.vocabulary, answers, batch) == 1
        criteria = {name: answers.feature[..., PEPTIDE_FEATURES.index(feature)] for name, feature in _FEATURES.items()}
        began = time.perf_counter()
        criteria["correlation with MS2PIP"] = _correlation(sequencer, predictor, batch, answers)
        seconds += time.perf_counter() - began
        for name, score in criteria.items():
            best: NDArray[np.int64] = np.where(answers.exists, score, -np.inf).argmax(1)
            chosen: NDArray[np.bool_] = is_right[np.arange(len(best)), best]
            right.setdefault(name, []).extend(chosen.tolist())
        right.setdefault("the truth, the most that ranking can reach", []).extend(bool(row.any()) for row in is_right)
    return {
        f"exact and neighbours, the best by {name}": {
            "peptide_recall": float(np.mean(values)),
            "milliseconds": 1e3 * seconds / len(spectra) if "MS2PIP" in name else None,
        }
        for name, values in right.items()
    }


def _correlation(
    sequencer: Sequencer, predictor: IntensityPredictor, batch: Sequence[Spectrum], answers: Answers
) -> Floats:
    """(batch, candidates): Pearson's correlation of predicted and observed ion intensities, both under the root."""
    network, vocabulary = sequencer.network, sequencer.vocabulary
    peaks = preprocess(PeakBatch.from_spectra(list(batch)), sequencer.preprocessing)
    index = network.index(to_spectra(peaks, max(1, peaks.mz.shape[1]), "cpu"))
    result: Floats = np.full(answers.exists.shape, -1.0)
    for candidate in range(answers.candidates.shape[1]):
        tokens = answers.candidates[:, candidate]
        prefix = network.mass_evidence.masses[tokens].cumsum(1)
        with torch.no_grad():
            observed = network.mass_evidence.ions(index, prefix).intensity.numpy()
        residues = ["".join(vocabulary.tokens[number].residue for number in row if number != PAD) for row in tokens]
        usable = [
            row for row in np.flatnonzero(answers.exists[:, candidate]).tolist() if len(residues[row]) >= SHORTEST
        ]
        if not usable:
            continue
        charges = [batch[row].precursor_charge for row in usable]
        predicted = _root(predictor.predict([residues[row] for row in usable], charges))
        ends = np.cumsum([len(residues[row]) - 1 for row in usable])
        for row, expected in zip(usable, np.split(predicted, ends[:-1]), strict=True):
            start = int((tokens[row] != PAD).sum()) - len(residues[row])
            seen = observed[row, start : start + len(expected), : expected.shape[1]]
            if seen.any():
                result[row, candidate] = np.corrcoef(expected.ravel(), seen.ravel())[0, 1]
    return result


def _root(intensity: NDArray[np.float32]) -> NDArray[np.float32]:
    """As preprocessing scales the observed ones; rounding makes some predictions less than nothing."""
    root: NDArray[np.float32] = np.sqrt(intensity.clip(0))
    return root
