"""The report: one page that needs nothing else, the headline figures, and the curves as tables."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from data.atomic import make_folder, write_atomically
from data.predictions import Prediction
from data.seeding import derive
from data.vocabulary import VOCABULARY
from model.breakdown import Grouping, break_down
from model.metrics import bootstrap_intervals, evaluate, precision_coverage, residue_confusion
from tasks import figures, trust_figures
from tasks.baselines import AVERAGE, Comparison, compare, load_baselines
from tasks.params import Params
from tasks.report_data import METRICS, ReportData, gather
from tasks.trust_table import DEFAULT_DECODING
from tasks.workspace import Workspace

_CURVE_POINTS = 100
_GROUPS: dict[Grouping, tuple[str, str]] = {
    "length": ("By length", "residues"),
    "charge": ("By charge", "precursor charge"),
    "missing": ("By missing fragments", "share of cleavages without a b or y ion"),
    "modification": ("By modification", "modification"),
}
"""Title and axis of each grouping."""


def write_report(root: Path, params: Params, provenance: dict[str, str]) -> Path:
    """Write ``reports/report.html``, ``metrics.json`` and ``curves/*.csv`` and return the page's path.

    Raises
    ------
    InputError : a result that the report needs is missing.
    """
    workspace = Workspace(root)
    data = gather(workspace, params, provenance)
    reports = workspace.recursion_report.parent
    make_folder(reports / "curves")
    for name, (header, rows) in _curves(data).items():
        write_atomically(reports / "curves" / f"{name}.csv", _csv(header, rows))
    write_atomically(reports / "metrics.json", json.dumps(headline(data), indent=1).encode())
    page = reports / "report.html"
    write_atomically(page, render(data).encode())
    return page


def headline(data: ReportData) -> dict[str, Any]:
    """The figures that `dvc metrics show` prints."""
    steps = data.params.network.steps
    averages = {"macro": data.macro, "micro": evaluate(data.predictions)}
    figures_of = {f"{kind}_{name}": round(getattr(a, name), 4) for kind, a in averages.items() for name in METRICS}
    by_model = {
        f"token_accuracy_clean_{model}_step_{steps}": round(
            accuracy["clean"][min(steps, len(accuracy["clean"])) - 1], 4
        )
        for model, accuracy in data.recursion.items()
        if accuracy.get("clean")
    }
    return {"folds_completed": len(data.completed), "folds": len(data.folds)} | figures_of | by_model


def render(data: ReportData) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    labels, counts = residue_confusion(data.predictions)
    return environment.get_template("page.html.j2").render(
        data=data,
        headline=headline(data),
        metrics=METRICS,
        species_curves=figures.precision_coverage(
            {fold.name: precision_coverage(fold.predictions) for fold in data.completed}
        ),
        steps=figures.accuracy_by_step(data.recursion, data.params.network.steps),
        micro=evaluate(data.predictions),
        micro_intervals=bootstrap_intervals(
            data.predictions, data.params.evaluation.bootstrap_samples, derive(data.params.seed, "bootstrap")
        ),
        groups=[
            {"title": title, "figure": figures.by_group(found, label), "rows": found}
            for grouping, (title, label) in _GROUPS.items()
            if (found := break_down(data.predictions, grouping))
        ],
        comparisons=_comparisons(data),
        not_entered=load_baselines().not_entered,
        losses=figures.loss_curves({name: training["curve"] for name, training in data.trainings.items()}),
        confusion=figures.confusion(labels, counts),
        trust=_trust(data.trust),
        samples=[
            {
                "id": sample.prediction.spectrum_id,
                "figure": figures.mirror(sample.observed, sample.clean, sample.prediction.peptidoform),
                "residues": coloured_residues(sample.prediction),
                "reference": sample.prediction.reference,
                "right": _same(sample.prediction),
                "score": sample.prediction.peptide_score,
                "ppm_error": sample.prediction.ppm_error,
            }
            for sample in data.samples
        ],
    )


def _comparisons(data: ReportData) -> list[Comparison]:
    """Published figures with ours beside them."""
    ours = {fold.slug: fold.report["metrics"] for fold in data.completed}
    if data.completed:
        ours[AVERAGE] = asdict(data.macro)
    return compare(ours, data.params.cross_validation.measured.edition)


def _trust(trust: dict[str, Any]) -> dict[str, Any]:
    """What the section on trust shows; nothing where it was not measured."""
    if not trust:
        return {}
    return {
        "reliability": trust_figures.reliability(
            {name: values["reliability"] for name, values in trust["calibration"].items()}
        ),
        "precision_coverage": trust_figures.precision_coverage(trust["peptide_confidence"]),
        "false_discoveries": trust_figures.false_discoveries(trust["fdr"]),
        "errors": trust["calibration"],
        "decoding": {name: (rows["arg max"], rows[DEFAULT_DECODING]) for name, rows in trust["decoding"].items()},
        "outliers": trust["outliers"],
    }


def coloured_residues(prediction: Prediction) -> list[dict[str, Any]]:
    """Each token of the answer with its confidence as a colour and as a number."""
    colours = colormaps["cividis"]
    tokens = [VOCABULARY.tokens[index].text for index in VOCABULARY.read(prediction.peptidoform)[0]]
    return [
        {"text": text, "score": score, "colour": to_hex(colours(score)), "ink": "#fff" if score < 0.55 else "#000"}
        for text, score in zip(tokens, prediction.residue_scores, strict=True)
    ]


def _same(prediction: Prediction) -> bool:
    reference = VOCABULARY.encode(prediction.reference or "") if prediction.reference else []
    return VOCABULARY.read(prediction.peptidoform)[0] == reference


def _curves(data: ReportData) -> dict[str, tuple[Sequence[str], Iterable[Sequence[Any]]]]:
    """Tables for `dvc plots`."""
    losses = {
        name: {entry["update"]: entry["tokens"] for entry in training["curve"]}
        for name, training in data.trainings.items()
    }
    accuracy = {
        f"{model} {level}": dict(enumerate(values, start=1))
        for model, levels in data.recursion.items()
        for level, values in levels.items()
    }
    return {
        "loss": _wide("update", losses),
        "steps": _wide("step", accuracy),
        "precision_coverage": (("species", "coverage", "precision"), _precision_by_coverage(data)),
    }


def _precision_by_coverage(data: ReportData) -> Iterator[tuple[str, float, float]]:
    """A row a species and point, not a column a species: ``dvc.yaml`` names columns, and species are parameters."""
    for fold in data.completed:
        covered, values = precision_coverage(fold.predictions)
        for point in range(1, _CURVE_POINTS + 1):
            place = point / _CURVE_POINTS
            yield fold.name, place, float(np.interp(place, covered, values))


def _wide(x: str, lines: dict[str, dict[Any, float]]) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    """A table with a row an x and a column a line; empty where a line has no value."""
    places = sorted({place for line in lines.values() for place in line})
    return [x, *lines], [[place, *(line.get(place, "") for line in lines.values())] for place in places]


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    return buffer.getvalue().encode()
