"""`convert`, `compare` and `show` as a user types them: what is written, what is said, what is refused."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from pyteomics import mgf as pyteomics_mgf
from pyteomics.mztab import MzTab

from app.showing import find_spectrum
from data.errors import InputError
from data.prediction_files import read_predictions
from data.predictions import Prediction
from data.readers import read_spectra
from data.writers import write_predictions
from tests.data.mztab_rules import violations


@pytest.fixture
def identified(tmp_path: Path) -> Path:
    """Two of the three spectra, and a decoy, as a table of psm_utils."""
    path = tmp_path / "found.tsv"
    rows = ["peptidoform\tspectrum_id\trun\tis_decoy", "PEPTIDEK/2\tindex=0\tthree\tFalse"]
    rows += ["SAMPLER/2\tindex=1\tthree\tFalse", "VELVETK/2\tindex=2\tthree\tTrue"]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def predicted(tmp_path: Path, mgf: Path) -> Path:
    """One right, one wrong, one that nobody identified."""
    forms = (("PEPTLDEK", 0.95), ("SAMLPER", 0.97), ("VELVETK", 0.99))
    found = [
        Prediction(s.spectrum_id, s.precursor_mz, 2, None, form, (score,) * len(form), score, s.precursor_mz, 0.0)
        for s, (form, score) in zip(read_spectra(mgf), forms, strict=True)
    ]
    path = tmp_path / "predicted.mztab"
    write_predictions(found, path, source_files=[mgf], software_version="9.9")
    return path


def test_convert_annotates_and_counts_what_is_left_out(peptrm, mgf, identified, tmp_path):
    out = tmp_path / "annotated.mgf"
    done = peptrm("convert", mgf, "--identifications", identified, "-o", out)
    assert done.returncode == 0, done.stderr
    assert [entry["params"]["seq"] for entry in pyteomics_mgf.read(str(out), use_index=False)] == [
        "PEPTIDEK",
        "SAMPLER",
    ]
    assert "2 of 3 identifications joined" in done.stderr
    assert "1 identification left out: decoy" in done.stderr
    done = peptrm("convert", mgf, "-i", identified, "-o", out)
    assert done.returncode == 1 and "--force" in done.stderr
    identified.write_text(identified.read_text().replace("three", "other"))
    done = peptrm("convert", mgf, "-i", identified, "-o", tmp_path / "none.mgf", "-q")
    assert done.returncode == 2
    assert "none of the 3 identifications" in done.stderr and "other" in done.stderr
    assert not (tmp_path / "none.mgf").exists()


def test_convert_changes_formats(peptrm, mgf, predicted, tmp_path):
    assert peptrm("convert", mgf, "-o", tmp_path / "out.parquet", "-q").returncode == 0
    assert [s.peptidoform for s in read_spectra(tmp_path / "out.parquet")] == ["PEPTLDEK", "SAMPLER", "VELVETK"]
    assert peptrm("convert", predicted, "-o", tmp_path / "out.tsv", "-q").returncode == 0
    assert [p.peptidoform for p in read_predictions(tmp_path / "out.tsv")] == ["PEPTLDEK", "SAMLPER", "VELVETK"]
    library = tmp_path / "library.msp"
    assert peptrm("convert", tmp_path / "out.tsv", "--spectra", mgf, "-o", library, "-q").returncode == 0
    assert [s.peptidoform for s in read_spectra(library)] == ["PEPTLDEK", "SAMLPER", "VELVETK"]
    done = peptrm("convert", predicted, "-o", tmp_path / "other.msp", "-q")
    assert done.returncode == 2 and "--spectra" in done.stderr


def test_convert_declares_the_modifications_of_the_peptides(peptrm, tmp_path):
    table, out = tmp_path / "in.tsv", tmp_path / "out.mztab"
    form = "[UNIMOD:1]-AK[UNIMOD:737]X[+234.5679]S[+12.5000]"
    found = Prediction("run.mgf:0", 500.25, 2, None, form, (0.5,) * 5, 0.5, 500.2, 0.0)
    write_predictions([found], table, source_files=[], software_version="9.9")
    done = peptrm("convert", table, "-o", out, "-q")
    assert done.returncode == 0, done.stderr
    assert list(violations(out)) == []
    searched = [(each["name"], each["site"]) for each in MzTab(str(out)).variable_mods.values()]
    assert ("TMT6plex", "K") in searched and not [site for _, site in searched if site == "X"]
    assert "[CHEMMOD, CHEMMOD:+12.5000, , ]" in out.read_text()


def test_compare_tells_agreement_novelty_and_disagreement(peptrm, mgf, identified, predicted, tmp_path):
    table, page = tmp_path / "out.tsv", tmp_path / "out.html"
    done = peptrm("compare", predicted, identified, "--spectra", mgf, "-o", table)
    assert done.returncode == 0, done.stderr
    assert "1 agree, 1 disagree, 1 only predicted, 0 only identified" in done.stderr
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert [row[1] for row in rows[1:]] == ["agree", "disagree", "only predicted"]
    # I and L agree; of SAMLPER the residues around the swapped two do
    assert [row[5:8] for row in rows[1:]] == [["8", "8", "False"], ["5", "7", "True"], ["", "", "True"]]
    done = peptrm("compare", predicted, identified, "--spectra", mgf, "-o", page, "-q")
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.count("<svg") == 1 and "SAMLPER" in text
    assert "src=" not in text and 'href="http' not in text, "the page needs no other file"
    done = peptrm("compare", identified, identified, "--spectra", mgf, "-o", tmp_path / "no.tsv", "-q")
    assert done.returncode == 2 and "no file of predicted peptides" in done.stderr


def test_show_draws_and_tells_the_steps(peptrm, model, mgf, tmp_path):
    done = peptrm("show", mgf, "--spectrum", 1, "--model", model, "--steps", 3)
    assert done.returncode == 0, done.stderr
    assert "three.mgf:1" in done.stdout and "annotated as SAMPLER" in done.stdout and "answer" in done.stdout
    out = tmp_path / "out.svg"
    done = peptrm("show", mgf, "-s", 1, "--peptide", "SAMPLER", "-o", out)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 cleavages, 100% of the intensity" in done.stdout
    assert ElementTree.parse(out).getroot().tag.endswith("svg")
    done = peptrm("show", mgf, "-s", 7, "--peptide", "SAMPLER")
    assert done.returncode == 2 and "Its first are 0, 1, 2" in done.stderr


def test_spectra_are_found_by_what_they_are_called(tmp_path):
    path = tmp_path / "run.mgf"
    entry = "BEGIN IONS\nTITLE={}\nSCANS={}\nPEPMASS=500\nCHARGE=2+\n100 1\nEND IONS\n"
    path.write_text(entry.format("first", 1) + entry.format("second", 0))
    for name in ("run.mgf:1", "second", "scan=0", "0", "index=1"):
        assert find_spectrum(path, name).spectrum_id == "run.mgf:1", name
    with pytest.raises(InputError, match="no spectrum of that name"):
        find_spectrum(path, "third")


def test_two_results_are_compared_and_spectra_named_by_glob_and_folder(peptrm, mgf, predicted, tmp_path):
    own = tmp_path / "other.csv"
    assert peptrm("convert", predicted, "-o", own).returncode == 0
    own.write_text(own.read_text().replace("SAMLPER", "SAMPLER"))
    (tmp_path / "runs").mkdir()
    mgf.rename(tmp_path / "runs" / mgf.name)
    for named in ("runs", "runs/*.mgf"):
        out = tmp_path / f"{len(named)}.tsv"
        done = peptrm("compare", predicted, own, "--spectra", tmp_path / named, "-o", out)
        assert done.returncode == 0, done.stderr
        assert "2 agree" in done.stderr and "3 of 3 identifications joined" in done.stderr
        done = peptrm("convert", tmp_path / named, "-o", tmp_path / f"{len(named)}.parquet")
        assert "3 spectra written" in done.stderr
