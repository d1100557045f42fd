"""Figures of the report as SVG, in colours that the colour-blind can tell apart (Okabe & Ito 2008)."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from data.chemistry import RESIDUE_MASSES
from data.peptide_parts import UNKNOWN, take_apart
from data.schema import Spectrum
from model.metrics import Metrics

if TYPE_CHECKING:
    from spectrum_utils.spectrum import MsmsSpectrum

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000", "#F0E442")
FRAGMENT_TOLERANCE_PPM = 20
_STAND_IN = "G"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "peptrm",
    "figure.autolayout": True,
}

_LETTERS_SIDE_BY_SIDE = 48
"""Of the names of groups; more would overlap."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def nothing(why: str) -> str:
    """In the place of a figure that would be empty."""
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(4.6, 0.6))
        figure.text(0.5, 0.5, why, ha="center", va="center", color="#666666")
        return svg(figure)


def precision_coverage(curves: Mapping[str, Curve]) -> str:
    """Peptide precision against coverage, a line a species."""
    if not curves:
        return nothing("no species has a curve")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 3.8))
        for (name, (coverage, precision)), colour in zip(curves.items(), COLOURS, strict=False):
            axes.plot(coverage, precision, color=colour, label=name, linewidth=1.4)
        axes.set(xlabel="coverage (share of spectra)", ylabel="peptide precision", xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return svg(figure)


def accuracy_by_step(accuracy: Mapping[str, Mapping[str, Sequence[float]]], default_steps: int) -> str:
    """Token accuracy after each refinement step; the anchored network solid, the plain recursion dashed."""
    if not any(accuracy.values()):
        return nothing("no network was measured step by step")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 3.8))
        for model, dash in (("pretrained", "-"), ("plain", "--")):
            for (level, values), colour in zip(accuracy.get(model, {}).items(), COLOURS, strict=False):
                label = f"{'mass-anchored' if model == 'pretrained' else 'plain'}, {level}"
                steps = np.arange(1, len(values) + 1)
                axes.plot(steps, values, dash, color=colour, label=label, marker=".", markersize=4)
        axes.axvline(default_steps, color="#999999", linewidth=0.8, linestyle=":")
        axes.set(xlabel="refinement step", ylabel="token accuracy", ylim=(0, 1))
        axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return svg(figure)


def by_group(groups: Mapping[str, Metrics], label: str) -> str:
    """Amino-acid precision and peptide recall of groups of spectra, with the number of spectra."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 3.0))
        place = np.arange(len(groups))
        values = list(groups.values())
        axes.bar(place - 0.2, [m.aa_precision for m in values], 0.4, color=COLOURS[0], label="amino-acid precision")
        axes.bar(place + 0.2, [m.peptide_recall for m in values], 0.4, color=COLOURS[1], label="peptide recall")
        names = [f"{key}\n({metrics.n_spectra})" for key, metrics in groups.items()]
        axes.set_xticks(place, names, fontsize=6)
        if sum(map(len, groups)) > _LETTERS_SIDE_BY_SIDE:
            axes.tick_params(axis="x", labelrotation=30)
        axes.set(xlabel=f"{label} (spectra)", ylim=(0, 1))
        axes.legend(frameon=False, fontsize=7, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        return svg(figure)


def loss_curves(curves: Mapping[str, Sequence[Mapping[str, float | str]]]) -> str:
    """Training loss against updates; a line marks where the next stage of the curriculum begins."""
    if not curves:
        return nothing("no training has a curve")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 3.2))
        for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
            axes.plot([e["update"] for e in curve], [e["tokens"] for e in curve], color=colour, label=name)
        for before, after in _stage_changes(next(iter(curves.values()), [])):
            axes.axvline(float(before), color="#999999", linewidth=0.8, linestyle=":")
            axes.annotate(f" {after}", (float(before), 1), xycoords=("data", "axes fraction"), fontsize=7, va="top")
        axes.set(xlabel="update", ylabel="cross-entropy", ylim=(0, None))
        axes.legend(frameon=False, fontsize=7)
        return svg(figure)


def _stage_changes(curve: Sequence[Mapping[str, float | str]]) -> list[tuple[float | str, float | str]]:
    """Update and name of each stage's begin."""
    changes: list[tuple[float | str, float | str]] = []
    last: float | str = ""
    begin: float | str = 0
    for entry in curve:
        if entry["stage"] != last:
            changes.append((begin, entry["stage"]))
            last = entry["stage"]
        begin = entry["update"]
    return changes


def confusion(labels: Sequence[str], counts: NDArray[np.int64]) -> str:
    """Share of each true residue (rows) that was read as another (columns)."""
    used = np.flatnonzero(counts.sum(0) + counts.sum(1)).tolist()
    if not used:
        return nothing("no residue could be compared")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.6, 5.0))
        shares = counts[np.ix_(used, used)] / np.maximum(counts[used].sum(1), 1)[:, None]
        image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        names = [_short(labels[index]) for index in used]
        axes.set_xticks(range(len(used)), names, fontsize=6, rotation=90)
        axes.set_yticks(range(len(used)), names, fontsize=6)
        axes.set(xlabel="read", ylabel="true")
        figure.colorbar(image, ax=axes, shrink=0.7)
        return svg(figure)


def mirror(observed: Spectrum, reference: Spectrum, predicted: str) -> str:
    """The observed spectrum above the true peptide's own, both annotated with the b and y ions of the answer."""
    from spectrum_utils import plot

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.6, 3.2))
        spectra = (annotated(spectrum, predicted) for spectrum in (observed, reference))
        plot.mirror(*spectra, spectrum_kws={"grid": False}, ax=axes)
        axes.set_ylabel("intensity")
        return svg(figure)


def annotated(spectrum: Spectrum, peptidoform: str, tolerance_ppm: float = FRAGMENT_TOLERANCE_PPM) -> "MsmsSpectrum":
    """The spectrum as spectrum_utils has it, with the b and y ions of a peptide named."""
    from spectrum_utils.spectrum import MsmsSpectrum

    record = MsmsSpectrum(
        spectrum.spectrum_id, spectrum.precursor_mz, spectrum.precursor_charge, spectrum.mz, spectrum.intensity
    )
    return record.annotate_proforma(with_masses(peptidoform), tolerance_ppm, "ppm", ion_types="by")


def with_masses(peptidoform: str) -> str:
    """Modifications as masses, which spectrum_utils reads without fetching Unimod; terminal ones summed in one."""
    parts = take_apart(peptidoform)
    attached: dict[int, float] = {}
    for attachment in parts.attachments:
        attached[attachment.position] = attached.get(attachment.position, 0.0) + attachment.mass
    texts = [f"[{attached[0]:+.6f}]-" if 0 in attached else ""]
    for position, letter in enumerate(parts.residues, start=1):
        mass = attached.get(position, 0.0)
        if letter == UNKNOWN:  # spectrum_utils knows no residue without a mass
            letter, mass = _STAND_IN, mass - RESIDUE_MASSES[_STAND_IN]
        texts.append(f"{letter}[{mass:+.6f}]" if mass else letter)
    return "".join(texts)


def _short(label: str) -> str:
    """A token for an axis: the accession without its words."""
    return re.sub(r"UNIMOD:", "", label)


def svg(figure: Figure) -> str:
    """The figure as text, closed."""
    buffer = io.StringIO()
    with plt.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
