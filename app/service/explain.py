"""A prediction as the service answers it: residues, ions among the peaks, steps, candidates, the predicted spectrum."""

import re
from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray

from app.service.schemas import (
    Ambiguity,
    Answer,
    ComparedPeptide,
    Include,
    Ion,
    Peptide,
    PredictedPeak,
    Residue,
)
from data.chemistry import MODIFICATIONS, neutral_mass
from data.errors import InputError
from data.fragment_intensity import installed_predictor
from data.ions import backbone_ions, explained_peaks
from data.predictions import Prediction
from data.schema import Spectrum
from data.vocabulary import GAP
from model.inference import Sequencer

EVERYTHING: tuple[Include, ...] = ("steps", "candidates", "ions", "prediction")

_FAINTEST = 0.005
"""Of the base peak; fainter predicted peaks are not told."""

_AMBIGUITY = re.compile(r"(\d+)(?:-(\d+))?:(.+)")


class Explainer:
    """Knows the vocabulary and the tolerances of one sequencer."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._vocabulary = sequencer.vocabulary
        self._evidence = sequencer.network.mass_evidence

    def answer(
        self, prediction: Prediction, spectrum: Spectrum | None = None, include: Collection[Include] = ()
    ) -> Answer:
        """The answer with what is asked for.

        Parameters
        ----------
        spectrum : needed for ``ions``.
        """
        peaks = spectrum if "ions" in include else None
        peptide = self._peptide(prediction.peptidoform, peaks)
        for residue, score in zip(peptide.residues, prediction.residue_scores, strict=True):
            residue.score = round(score, 4)
        answer = Answer(
            spectrum_id=prediction.spectrum_id,
            precursor_mz=prediction.precursor_mz,
            precursor_charge=prediction.precursor_charge,
            retention_time=prediction.retention_time,
            peptidoform=prediction.peptidoform,
            peptide_score=prediction.peptide_score,
            residues=peptide.residues,
            calculated_mz=prediction.calculated_mz,
            ppm_error=prediction.ppm_error,
            outlier_score=prediction.outlier_score,
            is_proven=prediction.is_proven,
            ambiguity=prediction.ambiguity,
            ambiguities=_ambiguities(prediction.ambiguity),
            gap=prediction.gap,
            reference=prediction.reference,
            ions=peptide.ions,
            explained_intensity=peptide.explained_intensity,
        )
        if "steps" in include:
            answer.steps = [self._peptide(text, peaks, is_step=True) for text in prediction.peptidoform_by_step]
        if "candidates" in include:
            answer.candidates = [
                ComparedPeptide(**dict(self._peptide(each.peptidoform, peaks)), score=each.score)
                for each in prediction.candidates
            ]
        if "prediction" in include:
            answer.prediction = self._predicted(prediction.peptidoform, prediction.precursor_charge)
        return answer

    def _peptide(self, text: str, spectrum: Spectrum | None, *, is_step: bool = False) -> Peptide:
        """A peptide with its ions among the peaks.

        Parameters
        ----------
        is_step : it need not weigh what the precursor weighs: y ions are counted from the precursor's mass, as the
            network counts them.
        """
        numbers, masses = self._vocabulary.read(text)
        peptide = Peptide(
            peptidoform=text, residues=[self._residue(*each) for each in zip(numbers, masses.tolist(), strict=True)]
        )
        if spectrum is None:
            return peptide
        ions = backbone_ions(
            masses,
            spectrum.precursor_charge,
            has_terminal=self._starts_with_terminal(numbers),
            peptide_mass=neutral_mass(spectrum.precursor_mz, spectrum.precursor_charge) if is_step else None,
        )
        found = explained_peaks(ions, spectrum.mz, self._tolerance_da_at)
        peptide.ions = [
            Ion(
                name=each.ion.name,
                peak=each.peak,
                mz=float(spectrum.mz[each.peak]),
                error_ppm=round(each.error_ppm, 3),
            )
            for each in found
        ]
        explained = spectrum.intensity[[each.peak for each in found]].sum() if found else 0.0
        peptide.explained_intensity = round(float(explained / spectrum.intensity.sum()), 4)
        return peptide

    def _residue(self, number: int, mass: float) -> Residue:
        token = self._vocabulary.tokens[number]
        if number == GAP:
            return Residue(text=f"X[{mass:+.4f}]", letter="X", modification=f"{mass:+.4f}")
        names = [MODIFICATIONS[accession].name for accession in token.modifications]
        if token.delta_mass is not None:
            names.append(f"{token.delta_mass:+g}")
        return Residue(text=token.text, letter=token.residue, modification=", ".join(names))

    def _starts_with_terminal(self, numbers: list[int]) -> bool:
        return bool(numbers) and bool(self._vocabulary.is_terminal[numbers[0]])

    def _tolerance_da_at(self, mz: NDArray[np.float64]) -> NDArray[np.float64]:
        tolerance: NDArray[np.float64] = self._evidence.tolerance_da_at(torch.from_numpy(mz)).numpy()
        return tolerance

    def _predicted(self, text: str, precursor_charge: int) -> list[PredictedPeak] | None:
        """None where there is no prediction of such a peptide."""
        predictor = installed_predictor("spectra are not predicted")
        numbers, masses = self._vocabulary.read(text)
        letters = "".join(self._vocabulary.tokens[number].residue for number in numbers)
        if predictor is None or GAP in numbers:
            return None
        try:
            intensity = predictor.predict([letters], [precursor_charge])
        except InputError:
            return None
        ions = backbone_ions(masses, precursor_charge, has_terminal=self._starts_with_terminal(numbers))
        heights = [(ion, float(intensity[ion.cleavage - 1, ion.series])) for ion in ions]
        base = max((height for _, height in heights), default=0.0)
        return [
            PredictedPeak(name=ion.name, mz=round(ion.mz, 5), intensity=round(height / base, 4))
            for ion, height in sorted(heights, key=lambda each: each[0].mz)
            if base and height >= _FAINTEST * base
        ]


def _ambiguities(text: str) -> list[Ambiguity]:
    """``3-4:AG=GA;7:F=M[UNIMOD:35]`` in parts."""
    found = []
    for part in filter(None, text.split(";")):
        match = _AMBIGUITY.fullmatch(part)
        if match is not None:
            readings = match[3].split("=")
            told = [reading for reading in readings if reading != "…"]
            first = int(match[1])
            found.append(
                Ambiguity(first=first, last=int(match[2] or first), readings=told, has_more=len(told) < len(readings))
            )
    return found
