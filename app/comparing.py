"""`peptrm compare`: predictions, identifications and spectra in, a page or a table out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from app.conversion import join_notes
from app.progress import Progress
from data.atomic import write_atomically
from data.errors import InputError
from data.identifications import Join, JoinSettings, read_identifications
from data.prediction_files import read_predictions
from data.schema import Spectrum
from data.writers import check_free, check_output
from tasks.comparison import VERDICTS, Comparison, compare
from tasks.wording import counted


def compare_files(
    predictions: Path,
    identifications: Path,
    spectra: Sequence[Path],
    output: Path,
    settings: JoinSettings,
    *,
    figures: int,
    novel_probability: float,
    force: bool,
    progress: Progress,
) -> list[str]:
    """Compare and write.

    Returns
    -------
    The summary for people.

    Raises
    ------
    InputError : a file cannot be read, or no spectrum of the files was predicted or identified.
    OutputError : the output cannot be written.
    """
    check_output(output, (".html", ".tsv"))
    check_free(output, force)
    skipped: Counter[str] = Counter()
    kind = read_identifications(identifications)
    join = Join(kind, settings)
    is_page = output.suffix.lower() == ".html"
    result = compare(
        read_predictions(predictions),
        _counted(join.annotate(spectra, skipped), progress),
        novel_probability=novel_probability,
        figures=figures if is_page else 0,
    )
    verdicts = result.verdicts
    for wanted, path in (("only identified", predictions), ("only predicted", identifications)):
        if verdicts[wanted] == len(result.cases):  # type: ignore[index]
            raise InputError(
                "none of its peptides belongs to a spectrum of the files",
                path=path,
                remedy="Give the spectra files of both, under the names that they had then",
            )
    sources = f"{predictions.name} against {identifications.name} ({kind.kind}), {', '.join(f.name for f in spectra)}"
    if is_page:
        from tasks.comparison_report import as_page

        text = as_page(result, sources, novel_probability)
    else:
        from tasks.comparison_report import as_table

        text = as_table(result)
    write_atomically(output, text.encode())
    return [
        *_lines(result),
        *join_notes(join),
        *(f"{counted(n, 'spectrum')} skipped: {why}" for why, n in skipped.most_common()),
    ]


def _lines(result: Comparison) -> Iterator[str]:
    verdicts = result.verdicts
    yield ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS)
    yield counted(len(result.novel), "novel peptide")
    if result.metrics:
        metrics = result.metrics
        yield (
            f"the identifications taken for the truth: amino-acid precision {metrics.aa_precision:.3f}, "
            f"recall {metrics.aa_recall:.3f}, peptide recall {metrics.peptide_recall:.3f}, "
            f"area under the curve {metrics.auc:.3f}"
        )
    if result.outside:
        yield f"{result.outside} of them left out of these figures: modifications that the network has no token for"


def _counted(spectra: Iterable[tuple[Spectrum, bool]], progress: Progress) -> Iterator[tuple[Spectrum, bool]]:
    for done, pair in enumerate(spectra, start=1):
        progress.advance(done)
        yield pair
