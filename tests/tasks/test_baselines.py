"""The table of published figures: whole, cited, and never mixed between editions."""

import pytest

from data.proteomes import SPECIES
from tasks.baselines import AVERAGE, Result, compare, load_baselines

RESULTS = load_baselines().results


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.edition}: {result.method}")
def test_every_figure_is_cited_and_possible(result: Result) -> None:
    assert result.source.startswith("https://") and result.paper and result.table
    assert set(result.values) <= {species.slug for species in SPECIES} | {AVERAGE}
    for figures in result.values.values():
        assert all(0 < value < 1 for value in (figures.peptide_recall, figures.aa_precision) if value is not None)
        assert figures.peptide_recall is not None


@pytest.mark.parametrize("result", [r for r in RESULTS if len(r.values) == 10], ids=lambda result: result.method)
def test_printed_averages_are_those_of_the_printed_species(result: Result) -> None:
    for metric in ("peptide_recall", "aa_precision"):
        species = [getattr(figures, metric) for slug, figures in result.values.items() if slug != AVERAGE]
        assert sum(species) / 9 == pytest.approx(getattr(result.values[AVERAGE], metric), abs=0.0016), metric


def test_ours_stands_beside_each_edition_and_is_marked_where_the_edition_is_another() -> None:
    ours = {"mus_musculus": {"peptide_recall": 0.5, "aa_precision": 0.75}}
    tables = compare(ours, "nine-species-v1")
    assert [table.is_ours for table in tables] == [True, True, False, False, False, False]
    assert {result.edition for result in tables[0].results} == {"nine-species-v1"}
    (row,) = [row for row in tables[1].rows if row[0] == "mus_musculus"]
    assert row[1:] == (0.75, (0.623, 0.626, 0.562, 0.612, 0.667))
    assert not any(table.is_ours for table in compare({}, None))
