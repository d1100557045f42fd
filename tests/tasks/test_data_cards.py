"""Cards as files, the overview, and the section of the report."""

import json
from types import SimpleNamespace

import jinja2
import numpy as np
import pytest

import tasks.report
from data.errors import CorruptedDataError, DownloadError, InputError
from tasks.data_cards import COLUMNS, overview, read_cards
from tasks.real_data import compare_sets, fetch_named, import_named, import_user_files
from tasks.workspace import Workspace
from tests.conftest import ladder


def write_mgf(path, peptides):
    with path.open("w") as stream:
        for peptide in peptides:
            spectrum = ladder(peptide)
            stream.write(f"BEGIN IONS\nPEPMASS={spectrum.precursor_mz}\nCHARGE=2+\nSEQ={peptide}\n")
            stream.writelines(f"{mz} 1\n" for mz in np.sort(spectrum.mz))
            stream.write("END IONS\n")
    return path


def page_of(cards):
    """The section as HTML."""
    folder = jinja2.FileSystemLoader(tasks.report.__file__.rpartition("/")[0])
    environment = jinja2.Environment(loader=folder, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("data_cards.html.j2").render(data=SimpleNamespace(data_cards=cards))


def test_files_become_shards_cards_an_overview_and_a_section(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    for name, peptides in (("one", ["PEPTIDEK", "SAMPLER"]), ("two", ["PEPTLDEK", "VELVETK", "VELVETK"])):
        import_user_files(name, [write_mgf(tmp_path / f"{name}.mgf", peptides)], workspace)
    compare_sets(workspace)
    assert [card["spectra"] for card in read_cards(workspace.data_cards)] == [2, 3]
    rows = overview(workspace.data_cards)
    assert [row["shared"] for row in rows] == ["two (1)", "one (1)"]
    assert rows[0]["explained"] == "1.00 (1.00)"
    table = (workspace.data_cards / "overview.md").read_text().splitlines()
    assert len(table) == 4 and all(line.count("|") == len(COLUMNS) + 1 for line in table)
    assert "Seen" not in (page := page_of(rows)) and "<td>two (1)</td>" in page and "<td>3</td>" in page
    assert "spectra: 3; peptides (I and L merged): 2" in (workspace.data_cards / "two.md").read_text()


def test_without_cards_the_report_has_no_section(tmp_path):
    assert overview(tmp_path / "none") == []
    assert page_of([]).strip() == ""


def test_a_damaged_card_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(CorruptedDataError, match=r"x\.json: is no data card"):
        read_cards(tmp_path)


def test_a_named_set_is_fetched_with_those_it_keeps_apart(mirror, tmp_path):
    workspace = Workspace(tmp_path)
    with pytest.raises(InputError, match="is not there"):
        import_named("winnow-example-100", workspace)
    fetch_named(["winnow-example-100"], workspace, str(mirror))
    card = import_named("winnow-example-100", workspace)
    assert card["spectra"] + sum(card["skipped"].values()) == 100
    assert card["origin"]["files"][0]["path"] == "annotated/winnow_example_100.mgf"
    assert json.loads((workspace.data_cards / "winnow-example-100.json").read_text()) == json.loads(json.dumps(card))
    with pytest.raises(DownloadError, match="no such file"):
        fetch_named(["casanovo-sample"], workspace, str(mirror))
