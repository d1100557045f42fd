"""The bridge's results as Markdown: one table of strategies, one of adaptations, one of noise."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.markdown import table


def markdown(
    rows: Sequence[Mapping[str, Any]],
    adapted: Sequence[Mapping[str, Any]],
    noise: Mapping[str, Any],
    counts: Mapping[str, int],
) -> Iterator[str]:
    """All tables.

    Parameters
    ----------
    rows : of `tasks.bridge.train_row`; the first is the network as it starts.
    adapted : of `tasks.bridge.adapt`.
    noise : of `tasks.bridge_noise.learn`.
    counts : name of each set → spectra.
    """
    yield "**Strategies**: amino-acid precision / peptide recall, in %."
    yield ""
    tests = list(rows[0]["tests"])
    spectra = [str(rows[0]["tests"][test]["n_spectra"]) for test in tests]
    yield from table(
        ("strategy", *tests, "forgotten"),
        [["spectra", *spectra, ""], *(_strategy(row, rows[0], tests) for row in rows)],
    )
    yield "*Forgotten*: points of amino-acid precision on clean spectra, against the network as it starts."
    yield ""
    yield "**Adaptation** to an analyser with few labelled spectra: amino-acid precision / peptide recall, in %."
    yield ""
    analysers = list(dict.fromkeys(row["analyser"] for row in adapted))
    names = list(dict.fromkeys(row["name"] for row in adapted))
    found = {(row["analyser"], row["name"]): row for row in adapted}
    yield from table(
        ("adaptation", "trained weights", *analysers),
        [_adaptation(name, [found[analyser, name] for analyser in analysers]) for name in names],
    )
    yield "**Noise told from measured spectra** by a classifier, on peptides that neither it nor the noise has seen:"
    yield ""
    yield from table(("noise", "AUROC"), [[name, f"{value:.3f}"] for name, value in noise["auroc"].items()])
    yield "**Spectra**"
    yield ""
    yield from table(("set", "spectra"), [[name, f"{count:,}"] for name, count in counts.items()])


def _strategy(row: Mapping[str, Any], start: Mapping[str, Any], tests: Sequence[str]) -> list[str]:
    lost = start["tests"]["clean"]["aa_precision"] - row["tests"]["clean"]["aa_precision"]
    return [row["name"], *(_cell(row["tests"][test]) for test in tests), f"{100 * lost:+.1f}"]


def _adaptation(name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = [_cell(next(iter(row["tests"].values()))) for row in rows]
    return [name, f"{rows[0]['trained_parameters']:,}", *cells]


def _cell(figures: Mapping[str, Any]) -> str:
    return f"{100 * figures['aa_precision']:.1f} / {100 * figures['peptide_recall']:.1f}"
