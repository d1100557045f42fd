"""The comparison as a page, with the spectra of disagreements drawn, or as a table."""

import csv
import io
from pathlib import Path

import jinja2

from tasks.comparison import VERDICTS, Comparison
from tasks.figures import svg
from tasks.spectrum_figure import Half, two_answers

_MOST_ROWS = 500
_LABELS = {
    "aa_precision": "amino-acid precision",
    "aa_recall": "amino-acid recall",
    "peptide_precision": "peptide precision",
    "peptide_recall": "peptide recall",
    "auc": "area under the curve",
}
_COLUMNS = (
    "spectrum_id",
    "verdict",
    "predicted",
    "identified",
    "peptide_score",
    "agreeing_residues",
    "predicted_residues",
    "is_novel",
    "ppm_error",
)


def as_page(comparison: Comparison, sources: str, novel_probability: float) -> str:
    """HTML that needs no other file.

    Parameters
    ----------
    sources : what was compared, for people.
    novel_probability : as `tasks.comparison.compare`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    disagreements = [case for case in comparison.cases if case.verdict == "disagree"]
    disagreements.sort(key=lambda case: -case.prediction.peptide_score if case.prediction else 0.0)
    return environment.get_template("comparison.html.j2").render(
        comparison=comparison,
        verdicts=VERDICTS,
        novel=comparison.novel,
        novel_probability=novel_probability,
        metrics=[(label, getattr(comparison.metrics, name)) for name, label in _LABELS.items()]
        if comparison.metrics
        else [],
        disagreements=disagreements,
        figures=[
            (
                case,
                svg(
                    two_answers(
                        spectrum,
                        Half("predicted", case.prediction.peptidoform, case.prediction.residue_scores),
                        Half("identified", case.identified),
                    )
                ),
            )
            for case, spectrum in comparison.most_probable
            if case.prediction and case.identified
        ],
        most_rows=_MOST_ROWS,
        sources=sources,
    )


def as_table(comparison: Comparison) -> str:
    """One line a spectrum, separated by tabs."""
    buffer = io.StringIO()
    table = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    table.writerow(_COLUMNS)
    for case in comparison.cases:
        prediction = case.prediction
        is_compared = case.verdict in ("agree", "disagree")
        table.writerow(
            (
                case.spectrum_id,
                case.verdict,
                prediction.peptidoform if prediction else "",
                case.identified or "",
                f"{prediction.peptide_score:.4f}" if prediction else "",
                case.right if is_compared else "",
                case.residues if is_compared else "",
                case.is_novel,
                "" if prediction is None or prediction.ppm_error is None else f"{prediction.ppm_error:.3f}",
            )
        )
    return buffer.getvalue()
