"""Writers: mzTab as pyteomics reads it back, tables, and nothing half-written."""

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyteomics.mztab import MzTab

from data.errors import InputError, OutputError
from data.predictions import Prediction, ProteinMatch
from data.vocabulary import TOKEN_TEXTS
from data.writers import write_predictions

PREDICTIONS = [
    Prediction("run.mgf:3", 500.25, 2, 61.5, "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K", (0.9,) * 7, 0.8, 500.2, 1.25),
    Prediction("run.mgf:4/3", 400.5, 3, None, "PEPTLDEK", (0.5,) * 8, 0.5, 400.5, -2.0),
    Prediction("scans.mzML:scan=17", 600.5, 2, 10.0, "SAMPLER", (0.7,) * 7, 0.7, 600.5, 0.0),
    Prediction("run.mgf:9", 300.0, 2, None, "", (), 0.0, None, None),
]
FILES = [Path("/data/run.mgf"), Path("/data/scans.mzML")]


def write(path: Path, predictions=PREDICTIONS) -> None:
    write_predictions(predictions, path, source_files=FILES, software_version="9.9")


def test_mztab_is_read_back_by_pyteomics(tmp_path):
    write(tmp_path / "out.mztab")
    tables = MzTab(str(tmp_path / "out.mztab"))
    assert tables.version == "1.0.0"
    assert tables.mode == "Summary"
    assert tables.type == "Identification"
    assert tables.metadata["ms_run[2]-location"] == "file:///data/scans.mzML"
    rows = tables.spectrum_match_table
    assert rows["sequence"].tolist() == ["ACDEMK", "PEPTLDEK", "SAMPLER"]
    assert rows["modifications"].tolist() == ["0-UNIMOD:1,2-UNIMOD:4,5-UNIMOD:35", None, None]
    assert rows["spectra_ref"].tolist() == ["ms_run[1]:index=3", "ms_run[1]:index=4", "ms_run[2]:scan=17"]
    assert rows["charge"].tolist() == [2, 3, 2]
    assert rows["exp_mass_to_charge"].tolist() == [500.25, 400.5, 600.5]
    assert rows["search_engine_score[1]"].tolist() == [0.8, 0.5, 0.7]
    assert rows["opt_global_aa_scores"].iloc[0] == ",".join(["0.9000"] * 7)
    assert rows["opt_global_cv_MS:1003169_proforma_peptidoform_sequence"].tolist() == [
        p.peptidoform for p in PREDICTIONS[:3]
    ]


def test_mztab_tells_masses_proteins_and_requests(tmp_path):
    matches = (ProteinMatch("P1", "K", "-", 5, 9), ProteinMatch("P2", "R", "A", 7, 11))
    found = [
        Prediction("run.mgf:1", 400.5, 2, None, "AK[+87.0684]X[+200.1000]C[UNIMOD:4]", (0.5,) * 4, 0.5, 400.5, 0.0),
        Prediction("run.mgf:2", 400.5, 2, None, "SAMPL", (0.5,) * 5, 0.5, 400.5, 0.0, proteins=matches),
    ]
    write_predictions(
        found,
        tmp_path / "out.mztab",
        source_files=FILES[:1],
        software_version="9.9",
        readable=[*TOKEN_TEXTS, "K[+87.0684]", "K[UNIMOD:737]"],
        database="proteins.fasta",
    )
    tables = MzTab(str(tmp_path / "out.mztab"))
    rows = tables.spectrum_match_table
    assert rows["sequence"].tolist() == ["AKXC", "SAMPL", "SAMPL"]
    assert rows["modifications"].iloc[0] == "2-CHEMMOD:+87.0684,3-CHEMMOD:+200.1000,4-UNIMOD:4"
    assert rows["accession"].tolist() == [None, "P1", "P2"]
    assert rows["PSM_ID"].tolist() == [1, 2, 2], "a peptide of two proteins stands on two rows (section 6.5.2)"
    assert rows["database"].tolist() == [None, "proteins.fasta", "proteins.fasta"]
    places = [str(rows[name].iloc[1]).removesuffix(".0") for name in ("unique", "pre", "post", "start", "end")]
    assert places == ["0", "K", "-", "5", "9"]
    text = (tmp_path / "out.mztab").read_text()
    assert "[UNIMOD, UNIMOD:737, TMT6plex, ]" in text and "[CHEMMOD, CHEMMOD:+87.0684, , ]" in text


def searched(path: Path, readable: list[str]) -> list[list[tuple[str, str, str]]]:
    """Name, site and position of the fixed and of the variable modifications, as pyteomics reads them."""
    write_predictions(PREDICTIONS[1:2], path, source_files=FILES, software_version="9.9", readable=readable)
    tables = MzTab(str(path))
    fields = ("name", "site", "position")
    return [
        [tuple(each.get(field) for field in fields) if isinstance(each, dict) else (each, None, None) for each in mods]
        for mods in (tables.fixed_mods.values(), tables.variable_mods.values())
    ]


def test_mztab_tells_fixed_modifications_from_variable_ones(tmp_path):
    path = tmp_path / "out.mztab"
    plain = [text for text in TOKEN_TEXTS if len(text) == 1]
    offered = ["M[UNIMOD:35]", "[UNIMOD:5][UNIMOD:385]-", "[GAP]"]
    readable = [text for text in plain if text not in "CK"] + ["C[UNIMOD:4]", "K[UNIMOD:737]", *offered]
    fixed, variable = searched(path, readable)
    assert fixed == [("Carbamidomethyl", "C", "Anywhere"), ("TMT6plex", "K", "Anywhere")]
    termini = [(name, "N-term", "Any N-term") for name in ("Carbamyl", "Ammonia-loss")]
    assert variable == [("Oxidation", "M", "Anywhere"), *termini]
    fixed, variable = searched(path, [*readable, "C[+71.0371]"])
    assert len(fixed) == 1 and len(variable) == 5, "two forms of C are a choice, though none is unmodified"
    fixed, variable = searched(path, plain)
    assert fixed == [("No fixed modifications searched", None, None)]
    assert variable == [("No variable modifications searched", None, None)]
    assert "[MS, MS:1002453, No fixed" in path.read_text() and "[MS, MS:1002454, No var" in path.read_text()


def test_mztab_guesses_no_run(tmp_path):
    stray = Prediction("elsewhere.mgf:5", 400.5, 2, None, "PEPTLDEK", (0.5,) * 8, 0.5, 400.5, 0.0)
    with pytest.raises(InputError, match=r"elsewhere\.mgf:5"):
        write(tmp_path / "out.mztab", [stray])
    assert not list(tmp_path.iterdir())
    write_predictions([stray], tmp_path / "one.mztab", source_files=FILES[:1], software_version="9.9")
    rows = MzTab(str(tmp_path / "one.mztab")).spectrum_match_table
    assert rows["spectra_ref"].tolist() == ["ms_run[1]:index=5"]


@pytest.mark.parametrize(("ending", "delimiter"), [(".tsv", "\t"), (".csv", ",")])
def test_text_tables(tmp_path, ending, delimiter):
    write(tmp_path / f"out{ending}")
    with (tmp_path / f"out{ending}").open() as stream:
        rows = list(csv.DictReader(stream, delimiter=delimiter))
    assert [row["peptidoform"] for row in rows] == [p.peptidoform for p in PREDICTIONS[:3]]
    assert rows[0]["residue_scores"].split() == ["0.9000"] * 7
    assert rows[1]["retention_time"] == ""


def test_parquet(tmp_path):
    write(tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column("peptidoform").to_pylist() == [p.peptidoform for p in PREDICTIONS[:3]]
    assert table.column("ppm_error").to_pylist() == [1.25, -2.0, 0.0]


def test_a_failure_in_the_middle_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "out.mztab"
    path.write_text("old")

    def failing():
        yield PREDICTIONS[0]
        raise InputError("the spectra end badly")

    with pytest.raises(InputError):
        write(path, failing())
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mztab"]


def test_bad_outputs_are_named(tmp_path):
    with pytest.raises(InputError, match=r"\.docx"):
        write(tmp_path / "out.docx")
    with pytest.raises(OutputError, match="folder does not exist"):
        write(tmp_path / "none" / "out.tsv")
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write(tmp_path / "folder.tsv")


def test_a_gap_is_an_unknown_residue_with_its_mass(tmp_path):
    gapped = Prediction("run.mgf:1", 500.0, 2, None, "C[UNIMOD:4]AX[+234.5679]K", (0.5,) * 4, 0.5, 500.0, 0.0)
    write(tmp_path / "gap.mztab", [gapped])
    (row,) = MzTab(str(tmp_path / "gap.mztab")).spectrum_match_table.to_dict("records")
    assert row["sequence"] == "CAXK"
    assert row["modifications"] == "1-UNIMOD:4,3-CHEMMOD:+234.5679"
