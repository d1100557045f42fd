"""A spectrum in the terminal: bars of its peaks in the colours of their ions, the prediction mirrored below."""

from collections.abc import Iterator, Sequence

import numpy as np
from rich.text import Text

from data.fragments import Ion
from data.peptide_parts import take_apart
from data.schema import Spectrum

_ROWS = 11
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_B, _Y, _OTHER = "blue", "red", "bright_black"
_STYLES = {"b": _B, "y": _Y}


def spectrum_lines(
    spectrum: Spectrum,
    ions: Sequence[Ion | None],
    predicted: Spectrum | None,
    predicted_ions: Sequence[Ion | None],
    width: int,
) -> Iterator[Text]:
    """The chart, line by line.

    Parameters
    ----------
    ions, predicted_ions : of each peak, as `data.fragments.explained_peaks` gives them.
    width : of the terminal, columns.
    """
    every = spectrum.mz if predicted is None else np.concatenate([spectrum.mz, predicted.mz])
    low, high = float(every.min()), float(every.max())
    yield _names(spectrum, ions, low, high, width)
    heights, styles = _columns(spectrum, ions, low, high, width)
    for row in range(_ROWS, 0, -1):
        yield _row(heights, styles, row)
    yield _axis(low, high, width)
    if predicted is not None:
        heights, styles = _columns(predicted, predicted_ions, low, high, width)
        for row in range(1, _ROWS + 1):
            yield _row(heights, styles, row, downward=True)
        yield _names(predicted, predicted_ions, low, high, width)


def peptide_text(peptidoform: str, residue_scores: Sequence[float]) -> Text:
    """The residues, coloured by their confidence: red, yellow, green, blue."""
    parts = take_apart(peptidoform)
    scores = residue_scores[len(residue_scores) - len(parts.residues) :] if residue_scores else ()
    attached: dict[int, str] = {}
    for attachment in parts.attachments:
        attached[attachment.position] = attached.get(attachment.position, "") + f"[{attachment.name}]"
    text = Text()
    if 0 in attached:
        text.append(f"{attached[0]}-", "dim")
    for place, letter in enumerate(parts.residues):
        text.append(letter, f"bold {_confidence_style(scores[place])}" if len(scores) > place else "bold")
        text.append(attached.get(place + 1, ""), "dim")
    return text


def _confidence_style(score: float) -> str:
    return "red" if score < 0.25 else "yellow" if score < 0.5 else "cyan" if score < 0.75 else "blue"


def _columns(
    spectrum: Spectrum, ions: Sequence[Ion | None], low: float, high: float, width: int
) -> tuple[list[float], list[str]]:
    """Height 0…1 and style of each column: the tallest peak in it, one of an ion before any other."""
    heights, styles, is_ion = [0.0] * width, [_OTHER] * width, [False] * width
    for mz, height, ion in zip(spectrum.mz.tolist(), spectrum.intensity.tolist(), ions, strict=True):
        column = _column(mz, low, high, width)
        if (ion is not None, height) > (is_ion[column], heights[column]):
            heights[column], is_ion[column] = height, ion is not None
            styles[column] = _OTHER if ion is None else _STYLES[ion.series]
    return heights, styles


def _column(mz: float, low: float, high: float, width: int) -> int:
    return min(int((mz - low) / max(high - low, 1e-9) * width), width - 1)


def _row(heights: Sequence[float], styles: Sequence[str], row: int, *, downward: bool = False) -> Text:
    """The part of the bars between ``row - 1`` and ``row`` of ``_ROWS``."""
    text = Text()
    for height, style in zip(heights, styles, strict=True):
        filled = min(max(height * _ROWS - (row - 1), 0.0), 1.0)
        if row == 1 and height > 0:
            filled = max(filled, 1 / 8)
        if not downward:
            text.append(_EIGHTHS[round(filled * 8)], style)
        else:
            text.append("█" if filled > 0.75 else "▀" if filled > 0.25 else "▔" if filled > 0 else " ", style)
    return text


def _axis(low: float, high: float, width: int) -> Text:
    line = list("─" * width)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        label = f"{low + share * (high - low):.0f}"
        start = min(int(share * width), width - len(label))
        line[start : start + len(label)] = label
    return Text("".join(line), "dim")


def _names(spectrum: Spectrum, ions: Sequence[Ion | None], low: float, high: float, width: int) -> Text:
    """Names of the tallest ions that have room, above or below their bars."""
    line: list[tuple[str, str]] = [(" ", "")] * width
    for place in spectrum.intensity.argsort()[::-1].tolist():
        ion = ions[place]
        if ion is None:
            continue
        label = ion.name
        start = min(_column(float(spectrum.mz[place]), low, high, width), width - len(label))
        span = range(max(start - 1, 0), min(start + len(label) + 1, width))
        if start >= 0 and all(line[column][0] == " " for column in span):
            for offset, letter in enumerate(label):
                line[start + offset] = (letter, _STYLES[ion.series])
    text = Text()
    for letter, style in line:
        text.append(letter, style)
    return text
