"""The picture of one spectrum: its peptide with the cleavages seen, its peaks, and the prediction mirrored below."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from data.atomic import atomic_path
from data.fragments import Ion, explained_peaks, fragment_ions
from data.peptide_parts import UNKNOWN, Parts, take_apart
from data.schema import Spectrum
from tasks.figures import FRAGMENT_TOLERANCE_PPM, STYLE

CONFIDENCE = colormaps["RdYlBu"]
"""Red where the network is unsure, blue where it is sure; told apart by the colour-blind, too."""

_B, _Y, _OTHER = "#0072B2", "#D55E00", "#9aa3ad"
_INK = "#1a1f26"
_LABEL_LEAST = 0.02
_LABEL_APART = 0.014
_MOST_RESIDUES_A_LINE = 40
_DOTS_PER_INCH = 160


@dataclass(frozen=True)
class Picture:
    """What is drawn.

    Attributes
    ----------
    peptidoform : that explains the peaks; None: the peaks alone.
    residue_scores : 0…1, one a residue, an N-terminal modification first where there is one; empty: no colours.
    predicted : drawn downward.
    title : above all.
    """

    spectrum: Spectrum
    peptidoform: str | None
    residue_scores: Sequence[float] = ()
    predicted: Spectrum | None = None
    title: str = ""
    tolerance_ppm: float = FRAGMENT_TOLERANCE_PPM


@dataclass(frozen=True)
class Half:
    """One of two explanations of a spectrum.

    Attributes
    ----------
    name : written beside it.
    residue_scores : as of a `Picture`.
    """

    name: str
    peptidoform: str
    residue_scores: Sequence[float] = ()


def draw(picture: Picture) -> Figure:
    """The figure; to be closed by the caller."""
    with plt.rc_context(STYLE | {"figure.autolayout": False, "font.size": 9}):
        rows = [0.9, 5] if picture.peptidoform else [0.01, 5]
        figure, (ladder, peaks) = plt.subplots(
            2, 1, figsize=(10, 5.2), height_ratios=rows, layout="constrained", gridspec_kw={"hspace": 0.02}
        )
        ladder.set_axis_off()
        charge = picture.spectrum.precursor_charge
        ions = fragment_ions(picture.peptidoform, charge) if picture.peptidoform else []
        seen = explained_peaks(picture.spectrum, ions, picture.tolerance_ppm)
        _draw_peaks(peaks, picture.spectrum, seen, 1)
        if picture.predicted is not None:
            _draw_peaks(peaks, picture.predicted, explained_peaks(picture.predicted, ions, picture.tolerance_ppm), -1)
        _frame(peaks, ("observed", "MS2PIP's prediction") if picture.predicted is not None else None)
        if picture.peptidoform:
            _draw_ladder(ladder, take_apart(picture.peptidoform), picture.residue_scores, seen)
        figure.suptitle(picture.title, fontsize=10, color=_INK, x=0.01, ha="left")
        return figure


def two_answers(spectrum: Spectrum, above: Half, below: Half) -> Figure:
    """One spectrum twice: upward explained by one peptide, downward by another; to be closed by the caller."""
    charge = spectrum.precursor_charge
    with plt.rc_context(STYLE | {"figure.autolayout": False}):
        figure, (upper, peaks, lower) = plt.subplots(
            3, 1, figsize=(10, 5), height_ratios=[1, 6, 1], layout="constrained"
        )
        for ladder, half, direction in ((upper, above, 1), (lower, below, -1)):
            ladder.set_axis_off()
            seen = explained_peaks(spectrum, fragment_ions(half.peptidoform, charge), FRAGMENT_TOLERANCE_PPM)
            _draw_peaks(peaks, spectrum, seen, direction)
            _draw_ladder(ladder, take_apart(half.peptidoform), half.residue_scores, seen)
        _frame(peaks, (above.name, below.name))
        return figure


def save(picture: Picture, path: Path) -> None:
    """The figure as SVG or PNG, by the name's ending.

    Raises
    ------
    OutputError : the system refuses to write.
    """
    save_figure(draw(picture), path, _DOTS_PER_INCH)


def save_figure(figure: Figure, path: Path, dots_per_inch: int) -> None:
    """Write a figure as SVG or PNG, by the name's ending, and close it.

    Raises
    ------
    OutputError : the system refuses to write.
    """
    kind = path.suffix.lower().removeprefix(".")
    try:
        with atomic_path(path) as temporary, plt.rc_context(STYLE | {"figure.autolayout": False}):
            figure.savefig(temporary, format=kind, dpi=dots_per_inch, facecolor="white")
    finally:
        plt.close(figure)


def scores_of_residues(parts: Parts, scores: Sequence[float]) -> list[float]:
    """One score a residue; that of an N-terminal modification, which comes first, is left out."""
    return list(scores[len(scores) - len(parts.residues) :]) if len(scores) >= len(parts.residues) else []


def _draw_peaks(axes: Axes, spectrum: Spectrum, ions: Sequence[Ion | None], direction: int) -> None:
    """Stems, those of ions in their colours; names at the tallest that have room."""
    for is_explained in (False, True):
        chosen = [place for place, ion in enumerate(ions) if (ion is not None) == is_explained]
        colours = [_colour(ions[place]) for place in chosen]
        heights = direction * spectrum.intensity[chosen]
        axes.vlines(spectrum.mz[chosen], 0, heights, colors=colours, linewidth=1.4 if is_explained else 0.8)
    width = float(spectrum.mz[-1] - spectrum.mz[0]) or 1.0
    taken: list[float] = []
    for place in spectrum.intensity.argsort()[::-1].tolist():
        ion, mz, height = ions[place], float(spectrum.mz[place]), float(spectrum.intensity[place])
        if ion is None or height < _LABEL_LEAST or any(abs(mz - other) < _LABEL_APART * width for other in taken):
            continue
        taken.append(mz)
        axes.annotate(
            _ion_label(ion),
            (mz, direction * height),
            xytext=(0, 3 * direction),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom" if direction > 0 else "top",
            fontsize=7.5,
            color=_colour(ion),
        )


def _colour(ion: Ion | None) -> str:
    return _OTHER if ion is None else _B if ion.series == "b" else _Y


def _ion_label(ion: Ion) -> str:
    return f"{ion.series}{ion.number}" + ("" if ion.charge == 1 else "⁺" * ion.charge)


def _frame(axes: Axes, halves: tuple[str, str] | None) -> None:
    """Axes and, where two spectra are drawn, the names of the upper and the lower one."""
    axes.set(xlabel="m/z (Th)", ylabel="relative intensity", ylim=(-1.22 if halves else 0, 1.22))
    axes.axhline(0, color=_INK, linewidth=0.8)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1] if halves else [0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):.0%}"))
    axes.margins(x=0.02)
    if halves:
        for text, height in zip(halves, (0.99, 0.01), strict=True):
            axes.text(
                0.995, height, text, transform=axes.transAxes, ha="right", va="top" if height > 0.5 else "bottom",
                fontsize=8, color="#5b6570",
            )  # fmt: skip


def _draw_ladder(axes: Axes, parts: Parts, scores: Sequence[float], seen: Sequence[Ion | None]) -> None:
    """Residues in boxes of their confidence, and between them a mark where a b or a y ion is seen."""
    found = {(ion.series, ion.cleavage) for ion in seen if ion is not None}
    by_residue = scores_of_residues(parts, scores)
    modified = {attachment.position: attachment for attachment in parts.attachments}
    length = len(parts.residues)
    axes.set(xlim=(0, max(length, _MOST_RESIDUES_A_LINE) + 1), ylim=(0, 1))
    for place, letter in enumerate(parts.residues):
        score = by_residue[place] if by_residue else None
        colour = CONFIDENCE(score) if score is not None else "#f1f3f5"
        ink = "white" if score is not None and (score < 0.15 or score > 0.85) else _INK
        axes.text(
            place + 0.5, 0.5, letter, ha="center", va="center", fontsize=12, family="monospace", color=ink,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "none"},
        )  # fmt: skip
        if score is not None:
            axes.text(place + 0.5, -0.02, f"{100 * score:.0f}", ha="center", va="center", fontsize=6.5, color="#5b6570")
        if (attachment := modified.get(place + 1)) or (place == 0 and (attachment := modified.get(0))):
            text = f"{attachment.mass:+.0f}" if letter != UNKNOWN else f"{attachment.mass:.1f}"
            axes.text(place + 0.5, 1.0, text, ha="center", va="center", fontsize=7, color=_INK)
        cleavage = place + 1
        if ("b", cleavage) in found:
            axes.plot([cleavage - 0.18, cleavage, cleavage], [0.95, 0.95, 0.5], color=_B, linewidth=1.3)
        if ("y", cleavage) in found:
            axes.plot([cleavage, cleavage, cleavage + 0.18], [0.5, 0.05, 0.05], color=_Y, linewidth=1.3)
    if by_residue:
        axes.text(length + 0.4, 0.5, "confidence in %, red unsure, blue sure", va="center", fontsize=7, color="#5b6570")
