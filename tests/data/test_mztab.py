"""mzTab against the rules of its specification, and the checker of the rules against files that break them."""

from pathlib import Path

import pytest

from data.predictions import Prediction, ProteinMatch
from data.vocabulary import TOKEN_TEXTS
from data.writers import write_predictions
from tests.data.mztab_rules import violations

PREDICTIONS = [
    Prediction("run.mgf:3", 500.25, 2, 61.5, "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K", (0.9,) * 7, 0.8, 500.2, 1.25),
    Prediction("run.mgf:4/3", 400.5, 3, None, "PEPTLDEK", (0.5,) * 8, 0.5, 400.5, -2.0, ambiguity="3-4:PT=TP"),
    Prediction("scans.mzML:scan=17", 600.5, 2, 10.0, "[UNIMOD:5][UNIMOD:385]-SAMPLER", (0.7,) * 8, 0.7, 600.5, 0.0),
    Prediction("old.mzXML:scan=3", 600.5, 2, 1e-7, "X[+234.5679]K[+87.0684]", (0.7,) * 2, 0.7, None, None),
    Prediction(
        "older.ms2:scan=5/2", 400.5, 2, None, "SAMPL", (), 1e-9, 400.5, 0.0,
        proteins=(ProteinMatch("P1", "K", "-", 5, 9), ProteinMatch("P2", "-", "A", 1, 5)),
    ),
]  # fmt: skip
FILES = [Path("/data/run.mgf"), Path("/data/scans.mzML"), Path("/data/old.mzXML.gz"), Path("/data/older.ms2")]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    predictions = [
        Prediction(p.spectrum_id.replace(".mzXML", ".mzXML.gz"), *(getattr(p, n) for n in p.__slots__[1:]))
        for p in PREDICTIONS
    ]
    path = tmp_path / "out.mztab"
    write_predictions(
        predictions,
        path,
        source_files=FILES,
        software_version="9.9",
        readable=[*TOKEN_TEXTS, "K[+87.0684]"],
        database="proteins.fasta",
    )
    return path


def test_what_is_written_keeps_the_rules(written):
    assert list(violations(written)) == []
    assert written.read_text().count("\nPSM\t") == len(PREDICTIONS) + 1


@pytest.mark.parametrize(
    ("old", "new", "section"),
    [
        ("MTD\tmzTab-mode\tSummary\n", "", "6.2"),
        ("MTD\tms_run[1]-location\tfile:///data/run.mgf", "MTD\tms_run[1]-location\trun.mgf", "6.2"),
        ("MTD\tms_run[1]-id_format\t[MS, MS:1000774, multiple peak list nativeID format, ]\n", "", "table 2"),
        ("variable_mod[2]", "variable_mod[99]", "6.1"),
        ("2-UNIMOD:4", "2-UNIMOD:999", "5.8"),
        ("2-UNIMOD:4", "[Carbamidomethyl]", "5.8"),
        ("\tnull\n", "\t\n", "5.9"),
        ("index=4", "scan=4", "5.2"),
        ("opt_global_aa_scores", "aa_scores", "6.5.21"),
        ("opt_global_aa_scores", "opt_global_aa scores", "6.5.21"),
        ("PSH\tsequence\t", "PSH\tpeptide\t", "table 5"),
        ("\t61.500\t", "\t61,5\t", "6.5"),
    ],
)
def test_the_checker_sees_what_breaks_a_rule(written, old, new, section):
    text = written.read_text()
    assert old in text
    written.write_text(text.replace(old, new))
    found = list(violations(written))
    assert any(section in violation for violation in found), found
