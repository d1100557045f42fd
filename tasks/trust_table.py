"""The figures of trust as Markdown tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

DEFAULT_DECODING = "exact and neighbours, the best by calibrated rank"
"""The row of the way that `peptrm sequence` goes."""


def markdown(result: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the page of tables."""
    if not result:
        yield "The network has no calibration: it reads all or none of the unseen peptides right."
        return
    yield from _section("Decoding: peptide recall, and milliseconds a spectrum", result["decoding"], _decoding_cell)
    yield from _section("Amino-acid precision", result["decoding"], lambda row: _number(row.get("aa_precision")))
    yield from _section("Share of answers within the precursor tolerance", result["decoding"], _fits_cell)
    yield from _depth(result["depth"])
    yield from _calibration(result["calibration"])
    yield from _section(
        "Residues: area under the ROC curve, calibration error, ms", result["residue_confidence"], _both
    )
    yield from _section(
        "Peptides: area under precision and coverage, calibration error", result["peptide_confidence"], _auc
    )
    yield from _false_discoveries(result["fdr"])
    yield from _section("Outliers: area under the ROC curve of the outlier score", result["outliers"], _number)


def _section(title: str, sets: Mapping[str, Mapping[str, Any]], cell: Any) -> Iterator[str]:
    """A table of one row a method and one column a set of spectra."""
    names = list(dict.fromkeys(name for rows in sets.values() for name in rows))
    table = [[name, *(cell(rows[name]) if name in rows else "" for rows in sets.values())] for name in names]
    yield from _table(title, ["", *sets], [row for row in table if set(row[1:]) - {"", "–"}])


def _depth(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    rows = []
    for same in zip(*sets.values(), strict=True):
        least, most = same[0]["least"], same[0]["most"]
        cells = [f"{r['peptide_recall']:.3f} ({r['mean_steps']:.1f}; {r['milliseconds']:.1f})" for r in same]
        rows.append([str(least) if least == most else f"{least} to {most}", *cells])
    yield from _table("Depth: peptide recall (mean steps; milliseconds a spectrum)", ["steps", *sets], rows)


def _calibration(sets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    names = ("peptide_before", "peptide_after", "residue_before", "residue_after")
    rows = [[name.replace("_", "s, "), *(_number(values[name]) for values in sets.values())] for name in names]
    refitted = list(next(iter(sets.values()))["refitted_here"])
    rows += [
        [f"refitted on half of the set: {name}", *(_number(values["refitted_here"][name]) for values in sets.values())]
        for name in refitted
    ]
    yield from _table("Expected calibration error, 15 bins", ["", *sets], rows)


def _false_discoveries(sets: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> Iterator[str]:
    rows = []
    for estimate in ("probability", "decoys"):
        for place, entry in enumerate(next(iter(sets.values()))[estimate]):
            cells = [values[estimate][place] for values in sets.values()]
            rows.append(
                [
                    f"{entry['estimated']:.0%} by {estimate}",
                    *(f"{_number(cell['true'])} of {cell['accepted']}" for cell in cells),
                ]
            )
    yield from _table("False discoveries: true share of wrong peptides among those accepted at", ["", *sets], rows)


def _decoding_cell(row: Mapping[str, Any]) -> str:
    time = row.get("milliseconds")
    return f"{row['peptide_recall']:.3f}" + ("" if time is None else f" ({time:.1f})")


def _fits_cell(row: Mapping[str, Any]) -> str:
    if row.get("fits") is None:
        return ""
    return f"{row['fits']:.3f}" + ("" if row["proven"] is None else f", {row['proven']:.3f} proven")


def _both(row: Mapping[str, Any]) -> str:
    time = row["milliseconds"]
    told = f"{_number(row['auroc'])}, {_number(row['calibration_error'])}"
    return told + ("" if time is None else f", {time:.1f}")


def _auc(row: Mapping[str, Any]) -> str:
    return f"{_number(row['auc'])}, {_number(row['calibration_error'])}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"**{title}**"
    yield ""
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
