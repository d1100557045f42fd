"""Predicted peptides against identified ones, spectrum by spectrum: where they agree, where not, what is new."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

from data.errors import InputError
from data.peptide_parts import take_apart
from data.predictions import Prediction
from data.schema import Spectrum
from data.vocabulary import VOCABULARY
from model.metrics import Metrics, evaluate, matching_residues

Verdict = Literal["agree", "disagree", "only predicted", "only identified"]
VERDICTS: tuple[Verdict, ...] = ("agree", "disagree", "only predicted", "only identified")


@dataclass(frozen=True)
class Case:
    """One spectrum that was predicted or identified.

    Attributes
    ----------
    right, residues : residues of the prediction that agree with the identification, and all of it.
    is_novel : the predicted peptide is sure enough and identified in no spectrum.
    """

    spectrum_id: str
    verdict: Verdict
    prediction: Prediction | None
    identified: str | None
    right: int = 0
    residues: int = 0
    is_novel: bool = False


@dataclass
class NovelPeptide:
    """A peptide that no spectrum was identified as."""

    peptide: str
    spectra: int = 0
    probability: float = 0.0


@dataclass
class Comparison:
    """All cases of the files.

    Attributes
    ----------
    cases : in the order of the spectra.
    neither : spectra without either peptide.
    most_probable : the disagreements that the network was surest of, with their spectra, surest first.
    metrics : of the predictions, the identifications taken for the truth.
    outside : identified peptides that the metrics leave out because the vocabulary cannot hold them.
    """

    cases: list[Case] = field(default_factory=list)
    neither: int = 0
    most_probable: list[tuple[Case, Spectrum]] = field(default_factory=list)
    metrics: Metrics | None = None
    outside: int = 0

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How often each."""
        return Counter(case.verdict for case in self.cases)

    @property
    def novel(self) -> list[NovelPeptide]:
        """Novel peptides, the most probable first."""
        found: dict[str, NovelPeptide] = {}
        for case in self.cases:
            if case.is_novel and case.prediction:
                sequence = _sequence(case.prediction.peptidoform)
                peptide = found.setdefault(sequence, NovelPeptide(sequence))
                peptide.spectra += 1
                peptide.probability = max(peptide.probability, case.prediction.peptide_score)
        return sorted(found.values(), key=lambda peptide: (-peptide.probability, peptide.peptide))


def compare(
    predictions: Iterable[Prediction],
    spectra: Iterable[tuple[Spectrum, bool]],
    *,
    novel_probability: float,
    figures: int,
) -> Comparison:
    """Compare.

    Parameters
    ----------
    spectra : of the files, each with whether its peptide is an identification.
    novel_probability : the least of a novel peptide.
    figures : how many disagreements are kept with their spectra.
    """
    # mzTab does not keep the charge behind the id of a spectrum that is there once a charge
    by_spectrum = {(_place(p.spectrum_id), p.precursor_charge): p for p in predictions if p.peptidoform}
    result = Comparison()
    judged: list[Prediction] = []
    surest: list[tuple[float, int, Case, Spectrum]] = []
    number = count()
    for spectrum, is_identified in spectra:
        prediction = by_spectrum.get((_place(spectrum.spectrum_id), spectrum.precursor_charge))
        identified = spectrum.peptidoform if is_identified else None
        if prediction is None and identified is None:
            result.neither += 1
            continue
        case = _case(spectrum.spectrum_id, prediction, identified)
        result.cases.append(case)
        if identified is not None:
            judged.append(_judged(spectrum, prediction, identified))
        if case.verdict == "disagree" and prediction is not None:
            heapq.heappush(surest, (prediction.peptide_score, -next(number), case, spectrum))
            if len(surest) > figures:
                heapq.heappop(surest)
    known = [prediction for prediction in judged if _is_in_vocabulary(prediction.reference or "")]
    result.outside = len(judged) - len(known)
    result.metrics = evaluate(known) if known else None
    result.cases = list(_with_novelty(result.cases, novel_probability))
    result.most_probable = [(case, spectrum) for _, _, case, spectrum in sorted(surest, reverse=True, key=_score)]
    return result


def _score(entry: tuple[float, int, Case, Spectrum]) -> tuple[float, int]:
    return entry[:2]


def _case(spectrum_id: str, prediction: Prediction | None, identified: str | None) -> Case:
    if prediction is None:
        return Case(spectrum_id, "only identified", None, identified)
    if identified is None:
        return Case(spectrum_id, "only predicted", prediction, None)
    _, predicted_masses = VOCABULARY.read(prediction.peptidoform)
    _, identified_masses = VOCABULARY.read(identified)
    right = matching_residues(predicted_masses, identified_masses)
    is_same = len(predicted_masses) == len(identified_masses) and bool(right.all())
    verdict: Verdict = "agree" if is_same else "disagree"
    return Case(spectrum_id, verdict, prediction, identified, int(right.sum()), len(right))


def _judged(spectrum: Spectrum, prediction: Prediction | None, identified: str) -> Prediction:
    """The prediction, an empty one where there is none, with the identification as its reference."""
    if prediction is not None:
        return replace(prediction, reference=identified)
    return Prediction(
        spectrum.spectrum_id, spectrum.precursor_mz, spectrum.precursor_charge, None, "", (), 0.0, None, None,
        reference=identified,
    )  # fmt: skip


def _with_novelty(cases: Iterable[Case], probability: float) -> Iterator[Case]:
    cases = list(cases)
    known = {_sequence(case.identified) for case in cases if case.identified}
    for case in cases:
        prediction = case.prediction
        is_novel = (
            prediction is not None
            and prediction.peptide_score >= probability
            and case.verdict != "agree"
            and _sequence(prediction.peptidoform) not in known
        )
        yield replace(case, is_novel=is_novel)


def _sequence(peptidoform: str) -> str:
    """Residues alone, I written as L."""
    return take_apart(peptidoform).residues.replace("I", "L")


def _place(spectrum_id: str) -> str:
    return spectrum_id.partition("/")[0]


def _is_in_vocabulary(peptidoform: str) -> bool:
    try:
        VOCABULARY.encode(peptidoform)
    except InputError:
        return False
    return True
