"""Figures of trust for the report, as SVG: reliability, precision and coverage, and false discoveries."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import pyplot as plt

from tasks.figures import COLOURS, STYLE, svg

_FEWEST = 10
"""Cases of a bin that is drawn."""

Bins = Sequence[tuple[float, float, int]]


def reliability(parts: Mapping[str, Mapping[str, Bins]]) -> str:
    """Accuracy against confidence before and after calibration, peptides left and residues right; a line a set."""
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, 2, figsize=(7.2, 3.6), sharey=True)
        for axes, unit in zip(panels, ("peptide", "residue"), strict=True):
            axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
            for (name, bins), colour in zip(parts.items(), COLOURS, strict=False):
                for when, dash in (("before", ":"), ("after", "-")):
                    points = [point for point in bins[f"{unit}_{when}"] if point[2] >= _FEWEST]
                    label = name if when == "after" else None
                    axes.plot(
                        [p[0] for p in points], [p[1] for p in points], dash, color=colour, label=label, marker="."
                    )
            axes.set(xlabel=f"{unit} confidence", xlim=(0, 1), ylim=(0, 1))
        panels[0].set_ylabel("share that is right")
        panels[0].legend(frameon=False, fontsize=7)
        return svg(figure)


def precision_coverage(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Peptide precision against coverage before (arg max, mean confidence) and after (exact, calibrated)."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 3.6))
        for (name, scores), colour in zip(parts.items(), COLOURS, strict=False):
            for score, dash in (("mean, arg max, before", ":"), ("calibrated", "-")):
                curve = scores[score]["curve"]
                label = name if score == "calibrated" else None
                axes.plot([p[0] for p in curve], [p[1] for p in curve], dash, color=colour, label=label)
        axes.set(xlabel="coverage (share of spectra)", ylabel="peptide precision", xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return svg(figure)


def false_discoveries(parts: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> str:
    """True against estimated shares of wrong peptides, by probabilities and by decoys."""
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, 2, figsize=(7.2, 3.6), sharey=True)
        for axes, estimate in zip(panels, ("probability", "decoys"), strict=True):
            axes.plot([0, 0.2], [0, 0.2], color="#999999", linewidth=0.8)
            for (name, estimates), colour in zip(parts.items(), COLOURS, strict=False):
                points = [entry for entry in estimates[estimate] if entry["true"] is not None]
                values = [p["estimated"] for p in points], [p["true"] for p in points]
                axes.plot(*values, color=colour, label=name, marker="o", markersize=4)
            axes.set(xlabel=f"estimated by {estimate}", xlim=(0, 0.22), ylim=(0, 1))
        panels[0].set_ylabel("true share of wrong peptides")
        panels[0].legend(frameon=False, fontsize=7)
        return svg(figure)
