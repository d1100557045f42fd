"""Wrong answers: of what kind each is, and the most confident ones drawn, truth above and answer below."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import relpath
from pathlib import Path

import numpy as np

from data.atomic import make_folder
from data.fragments import explained_peaks, fragment_ions
from data.predictions import Prediction
from data.schema import Spectrum
from data.vocabulary import VOCABULARY
from model.metrics import count
from tasks.figures import FRAGMENT_TOLERANCE_PPM
from tasks.spectrum_figure import Half, save_figure, two_answers

Read = Sequence[tuple[Spectrum, Prediction]]
"""Annotated spectra with what was read in them."""

ANOTHER_ORDER = "the right residues in another order"
ONE_STRETCH = "one stretch of at most three residues for another of the same mass"
FEW_IONS = "more than half of the cleavages left no ion"
LONG = "more than 20 residues"
SEVERAL = "other residues in several or longer stretches"
NO_ANSWER = "no answer"

_SHORT = 3
_LONGEST = 20
_SAME_MASS_DA = 0.05
_DRAWN_PEAKS = 150
_DOTS_PER_INCH = 90
_FIGURES_PER_FILE = 2


@dataclass(frozen=True)
class Stretch:
    """Where answer and truth part: all between their longest common ends.

    Attributes
    ----------
    first, last : tokens of the truth, counted from 1; the last lies before the first where the answer only adds some.
    truth, answer : token ids.
    mass_error_da : of the answer's against the truth's.
    """

    first: int
    last: int
    truth: tuple[int, ...]
    answer: tuple[int, ...]
    mass_error_da: float


def differing_stretch(truth: str, answer: str) -> Stretch:
    """The stretch in which a wrong answer differs from the truth.

    Raises
    ------
    InputError : one is no peptide.
    """
    (right, right_masses), (read, read_masses) = VOCABULARY.read(truth), VOCABULARY.read(answer)
    shorter = min(len(right), len(read))
    start = 0
    while start < shorter and right[start] == read[start]:
        start += 1
    end = 0
    while end < shorter - start and right[-1 - end] == read[-1 - end]:
        end += 1
    inner, outer = slice(start, len(right) - end), slice(start, len(read) - end)
    error = float(read_masses[outer].sum() - right_masses[inner].sum())
    return Stretch(start + 1, len(right) - end, tuple(right[inner]), tuple(read[outer]), error)


def kind_of_mistake(prediction: Prediction) -> str:
    """How far a wrong answer is from the right one."""
    if not prediction.peptidoform:
        return NO_ANSWER
    truth, _ = VOCABULARY.read(prediction.reference or "")
    answer, _ = VOCABULARY.read(prediction.peptidoform)
    if sorted(answer) == sorted(truth):
        return ANOTHER_ORDER
    if (prediction.missing_fragments or 0) > 0.5:
        return FEW_IONS
    if len(truth) > _LONGEST:
        return LONG
    stretch = differing_stretch(prediction.reference or "", prediction.peptidoform)
    is_short = max(len(stretch.truth), len(stretch.answer)) <= _SHORT
    return ONE_STRETCH if is_short and abs(stretch.mass_error_da) <= _SAME_MASS_DA else SEVERAL


def wrong(read: Read) -> list[tuple[Spectrum, Prediction]]:
    """Those whose answer is not the annotated peptide."""
    right = count([prediction for _, prediction in read]).peptide.astype(bool)
    return [pair for pair, is_right in zip(read, right, strict=True) if not is_right]


def mistakes(read: Read) -> Iterator[str]:
    """Kinds of wrong answers, counted."""
    kinds = Counter(kind_of_mistake(prediction) for _, prediction in wrong(read))
    yield "\n**Wrong answers of the five files**\n\n| | spectra |\n|---|---:|"
    for kind, number in kinds.most_common():
        yield f"| {kind} | {number} |"


def examples(files: Mapping[str, Read]) -> Iterator[tuple[str, str, Spectrum, Prediction]]:
    """File, kind, spectrum and answer of those that are drawn.

    Of each file the most confident wrong answer of two kinds: those that fewest figures show yet, then the commonest.
    """
    drawn: Counter[str] = Counter()
    for name, read in files.items():
        kinds: dict[str, list[tuple[Spectrum, Prediction]]] = {}
        for spectrum, prediction in wrong(read):
            kinds.setdefault(kind_of_mistake(prediction), []).append((spectrum, prediction))
        kinds.pop(NO_ANSWER, None)
        shown = dict(drawn)
        chosen = sorted(kinds, key=lambda kind: (shown.get(kind, 0), -len(kinds[kind]), kind))[:_FIGURES_PER_FILE]
        for kind in chosen:
            drawn[kind] += 1
            best = min(kinds[kind], key=lambda pair: (-pair[1].peptide_score, pair[0].spectrum_id))
            yield name, kind, *best


def drawn(files: Mapping[str, Read], folder: Path, page: Path) -> Iterator[str]:
    """Draw the examples into a folder, and tell of each.

    Parameters
    ----------
    page : that the lines are for; its links lead from there.
    """
    make_folder(folder)
    numbers: Counter[str] = Counter()
    for name, kind, spectrum, prediction in examples(files):
        numbers[name] += 1
        path = folder / f"{name}-{numbers[name]}.png"
        figure = two_answers(
            _strongest(spectrum),
            Half("annotated", prediction.reference or ""),
            Half("read", prediction.peptidoform, prediction.residue_scores),
        )
        save_figure(figure, path, _DOTS_PER_INCH)
        yield f"\n{told(name, kind, spectrum, prediction)}\n"
        yield f"![{kind}: {spectrum.spectrum_id}]({relpath(path, page.parent)})"


def told(name: str, kind: str, spectrum: Spectrum, prediction: Prediction) -> str:
    """What went wrong in one spectrum, and whether its peaks could have told."""
    truth, answer = prediction.reference or "", prediction.peptidoform
    stretch = differing_stretch(truth, answer)
    terminal = int(VOCABULARY.is_terminal[VOCABULARY.encode(truth)].sum())  # tokens that come before the residues
    inside = {place - terminal for place in range(stretch.first, stretch.last) if place > terminal}
    lost = len(inside - _cleavages(spectrum, truth))
    explained = [_explained_share(spectrum, peptide) for peptide in (truth, answer)]
    return (
        f"**{kind[0].upper()}{kind[1:]}** ({name}, `{spectrum.spectrum_id}`, charge {spectrum.precursor_charge}): "
        f"`{truth}` was read as `{answer}`, with a probability of {prediction.peptide_score:.2f}. "
        f"`{_text(stretch.truth)}` became `{_text(stretch.answer)}` ({stretch.mass_error_da:+.3f} Da); "
        f"of the {len(inside)} cleavages in there {lost} left no b or y ion. "
        f"The annotation explains {explained[0]:.1%} of the intensity, the answer {explained[1]:.1%}."
    )


def _text(tokens: Sequence[int]) -> str:
    return "".join(VOCABULARY.tokens[token].text for token in tokens) or "nothing"


def _cleavages(spectrum: Spectrum, peptidoform: str) -> set[int]:
    ions = fragment_ions(peptidoform, spectrum.precursor_charge)
    return {ion.cleavage for ion in explained_peaks(spectrum, ions, FRAGMENT_TOLERANCE_PPM) if ion is not None}


def _explained_share(spectrum: Spectrum, peptidoform: str) -> float:
    ions = fragment_ions(peptidoform, spectrum.precursor_charge)
    is_explained = [ion is not None for ion in explained_peaks(spectrum, ions, FRAGMENT_TOLERANCE_PPM)]
    return float(spectrum.intensity[is_explained].sum() / max(spectrum.intensity.sum(), 1e-9))


def _strongest(spectrum: Spectrum) -> Spectrum:
    """The peaks that a figure has room for."""
    kept = np.sort(spectrum.intensity.argsort(kind="stable")[-_DRAWN_PEAKS:])
    return replace(spectrum, mz=spectrum.mz[kept], intensity=spectrum.intensity[kept])
