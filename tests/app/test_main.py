"""The command line as a user meets it: results, one clear line for what is wrong, and the exit status."""

import io
import json
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from pyteomics.mztab import MzTab

from app.evaluate import as_text, groupings
from app.standard_input import STANDARD_INPUT, named_files
from data.errors import InputError
from data.readers import read_spectra


def one_line(done, status):
    """The error: one line, no traceback, this status."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_help_names_the_verbs_and_an_example(peptrm):
    done = peptrm("--help")
    assert done.returncode == 0
    assert {"sequence", "evaluate"} <= set(done.stdout.split())
    assert "Example: peptrm sequence" in peptrm("sequence", "--help").stdout


@pytest.mark.parametrize("ending", [".mztab", ".tsv", ".csv", ".parquet"])
def test_sequence_writes_each_format_and_a_summary(peptrm, model, mgf, tmp_path, ending):
    out = tmp_path / f"out{ending}"
    done = peptrm("sequence", mgf, "-o", out, "--model", model)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 0
    assert "3 spectra sequenced" in done.stderr


def test_mztab_of_two_files_names_both(peptrm, model, mgf, tmp_path):
    other = tmp_path / "other.mgf"
    other.write_text(mgf.read_text())
    out = tmp_path / "out.mztab"
    assert peptrm("sequence", mgf, other, "-o", out, "--model", model).returncode == 0
    tables = MzTab(str(out))
    assert tables.metadata["ms_run[2]-location"] == other.as_uri()
    references = set(tables.spectrum_match_table["spectra_ref"])
    assert references <= {f"ms_run[{run}]:index={index}" for run in (1, 2) for index in range(3)}


def test_skips_are_reported(peptrm, model, mgf, tmp_path):
    mgf.write_text(mgf.read_text() + "BEGIN IONS\nPEPMASS=500\nCHARGE=0+\n100 1\nEND IONS\n")
    done = peptrm("sequence", mgf, "-o", tmp_path / "out.tsv", "--model", model)
    assert done.returncode == 0
    assert "1 spectrum skipped: precursor charge not in 1–8" in done.stderr


def test_evaluate_prints_one_json_object(peptrm, model, mgf):
    done = peptrm("evaluate", mgf, "--json", "--model", model, "--steps", 5)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["n_spectra"] == 3
    assert len(result["token_accuracy_by_step"]) == 5
    for name in ("aa_precision", "aa_recall", "peptide_recall", "auc"):
        assert 0 <= result[name] <= 1
    assert result["seconds"] > 0
    assert "peptide recall" in peptrm("evaluate", mgf, "--model", model).stdout


def test_evaluate_by_groups_of_spectra(peptrm, model, mgf):
    done = peptrm("evaluate", mgf, "--json", "--model", model, "--by", "missing,length,charge,modification", "-q")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    groups = result["by"]
    counts = {name: {group: figures["n_spectra"] for group, figures in found.items()} for name, found in groups.items()}
    assert counts == {"length": {"to 9": 3}, "charge": {"2": 3}, "missing": {"none": 3}, "modification": {"none": 3}}
    table = "\n".join(as_text(result))
    assert all(f"by {name} " in table for name in groups)
    assert groupings("charge, length") == ("length", "charge")
    assert groupings(None) == ()
    with pytest.raises(InputError, match="no grouping 'mass'"):
        groupings("length,mass")


def test_evaluate_without_annotations_is_bad_input(peptrm, model, mgf):
    lines = [line for line in mgf.read_text().splitlines() if not line.startswith("SEQ")]
    mgf.write_text("\n".join(lines))
    assert "no spectrum with a readable annotation" in one_line(peptrm("evaluate", mgf, "--model", model, "-q"), 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mgf", b"", "is empty"),
        ("picture.mgf", b"\x89PNG\r\n\x1a\n\0\0", "binary file"),
        ("notes.mgf", b"hello\nworld\n", "no known format"),
    ],
)
def test_wrong_files_are_named_and_nothing_is_left(peptrm, model, tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    line = one_line(peptrm("sequence", path, "-o", tmp_path / "out.mztab", "--model", model, "-q"), 2)
    assert name in line
    assert message in line
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_truncated_mzml_leaves_no_output(peptrm, model, tmp_path, mirror):
    content = (mirror / "raw" / "yeast_small.mzML").read_bytes()
    path = tmp_path / "half.mzML"
    path.write_bytes(content[: len(content) // 2])
    line = one_line(peptrm("sequence", path, "-o", tmp_path / "out.mztab", "--model", model, "-q"), 2)
    assert "truncated" in line
    assert [entry.name for entry in tmp_path.iterdir()] == ["half.mzML"]


def test_folders_missing_files_and_outputs(peptrm, model, mgf, tmp_path):
    def sequence(file, out):
        return peptrm("sequence", file, "-o", out, "--model", model, "-q")

    (tmp_path / "empty").mkdir()
    assert "holds no spectra file" in one_line(sequence(tmp_path / "empty", tmp_path / "out.tsv"), 2)
    assert "no file matches" in one_line(sequence(tmp_path / "*.mzML", tmp_path / "out.tsv"), 2)
    assert "no such file" in one_line(sequence(tmp_path / "none.mgf", tmp_path / "out.tsv"), 2)
    assert "folder does not exist" in one_line(sequence(mgf, tmp_path / "none" / "out.tsv"), 1)
    assert ".docx" in one_line(sequence(mgf, tmp_path / "out.docx"), 2)
    (tmp_path / "old.tsv").write_text("old")
    assert "--force" in one_line(sequence(mgf, tmp_path / "old.tsv"), 1)
    assert (tmp_path / "old.tsv").read_text() == "old"
    assert "cannot be written" in one_line(sequence(mgf, "/proc/out.tsv"), 1)
    (tmp_path / "run.d").mkdir()
    assert "raw data of a Bruker" in one_line(sequence(tmp_path / "run.d", tmp_path / "out.tsv"), 2)


def test_no_spectrum_that_can_be_sequenced_is_bad_input_and_leaves_nothing(peptrm, model, mgf, tmp_path):
    mgf.write_text(mgf.read_text().replace("CHARGE=2+\n", ""))
    line = one_line(peptrm("sequence", mgf, "-o", tmp_path / "out.tsv", "--model", model, "-q"), 2)
    assert "no spectrum that can be sequenced (3 no precursor charge)" in line
    assert [entry.name for entry in tmp_path.iterdir()] == [mgf.name]


def test_standard_input_is_named_in_errors(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    with (
        pytest.raises(InputError, match=r"standard input: is empty\. Is it mzml"),
        named_files([STANDARD_INPUT], "mzml") as f,
    ):
        read_spectra(f[0])
    with pytest.raises(InputError, match=r"other\.mgf: bad"), named_files([tmp_path], "mgf"):
        raise InputError("bad", path="other.mgf")


def test_usage_bears_the_name_of_the_command(peptrm):
    assert "Usage: peptrm show" in peptrm("show", "run.mgf").stderr


def test_no_model_and_wrong_options(peptrm, mgf, tmp_path):
    assert "no model here" in one_line(peptrm("sequence", mgf, "-o", "o.tsv", "--model", tmp_path, cwd=tmp_path), 2)
    assert peptrm("sequence", mgf).returncode == 2
    assert peptrm("nonsense").returncode == 2


def test_debug_shows_the_traceback(peptrm, model, tmp_path):
    done = peptrm("--debug", "sequence", tmp_path / "none.mgf", "-o", tmp_path / "o.tsv", "--model", model)
    assert done.returncode == 2
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    "how", [["sequence"], ["sequence", "-v"], ["-v", "sequence"], ["sequence", "--log-file"]], ids=" ".join
)
def test_the_summary_is_told_once(peptrm, model, mgf, tmp_path, how):
    log = tmp_path / "run.log"
    how = [*how, log] if how[-1] == "--log-file" else how
    out = tmp_path / "o.tsv"
    done = peptrm(*how, mgf, "-o", out, "--model", model, "--decoding", "argmax", "--steps", 1)
    assert done.returncode == 0, done.stderr
    told = [done.stderr] + ([log.read_text()] if log.exists() else [])
    for text in told:
        assert text.count("3 spectra sequenced") == text.count(f"written: {out}") == 1, text
    assert len(told) == 1 + ("--log-file" in how)


def test_an_interrupted_run_goes_on(peptrm, model, mgf, tmp_path):
    long = tmp_path / "long.mgf"
    long.write_text(mgf.read_text() * 400)
    words = ["sequence", long, "--model", model, "--decoding", "argmax", "--steps", 1, "-o"]
    out = tmp_path / "out.mztab"
    run = subprocess.Popen(
        [sys.executable, "-m", "app.main", *map(str, words), str(out)], stderr=subprocess.PIPE, text=True
    )
    journal = tmp_path / "out.mztab.resume"
    while run.poll() is None and not (journal.exists() and journal.read_text().count("\n") >= 2):
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=60)
    assert run.returncode == 130, error
    assert "Traceback" not in error
    assert "--resume" in error and "partial-out.mztab" in error
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.mztab.resume", "partial-out.mztab"]
    done = len(MzTab(str(tmp_path / "partial-out.mztab")).spectrum_match_table)
    assert 0 < done < 1200
    resumed = peptrm(*words, out, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "of these by the interrupted run before" in resumed.stderr
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.mztab"]
    whole = tmp_path / "whole.mztab"
    assert peptrm(*words, whole).returncode == 0
    assert whole.read_bytes() == out.read_bytes()
    assert "complete already" in peptrm(*words, out, "--resume").stderr


def test_spectra_come_from_standard_input_folders_and_globs(model, mgf, tmp_path):
    def sequence(*words, stdin=None):
        command = [
            sys.executable,
            "-m",
            "app.main",
            "sequence",
            *map(str, words),
            "--model",
            str(model),
            "--steps",
            "1",
        ]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr.decode()

    log = tmp_path / "run.log"
    said = sequence("-", "-o", tmp_path / "stdin.tsv", "--log-file", log, "-q", stdin=mgf.read_bytes())
    assert said == ""
    assert "3 spectra sequenced" in log.read_text() and "peptrm sequence -" in log.read_text()
    sequence(tmp_path, "-o", tmp_path / "folder.tsv")
    sequence(tmp_path / "t*.mgf", mgf, "-o", tmp_path / "glob.tsv")
    folder, piped = (tmp_path / "folder.tsv").read_text(), (tmp_path / "stdin.tsv").read_text()
    assert folder == (tmp_path / "glob.tsv").read_text() == piped.replace("stdin.mgf", "three.mgf")


def test_modifications_are_asked_for_and_listed(peptrm, model, mgf, tmp_path):
    out = tmp_path / "out.mztab"
    words = ("--modification", "Phospho:S", "--fixed", "TMT6plex:K", "--max-modifications", 1)
    done = peptrm("sequence", mgf, "-o", out, "--model", model, *words)
    assert done.returncode == 0, done.stderr
    tables = MzTab(str(out))
    assert [(each["name"], each["site"]) for each in tables.fixed_mods.values()] == [("TMT6plex", "K")]
    assert [(each["name"], each["site"]) for each in tables.variable_mods.values()] == [("Phospho", "S")]
    error = one_line(
        peptrm("sequence", mgf, "-o", tmp_path / "b.tsv", "--model", model, "--modification", "Phosfo:S"), 2
    )
    assert "'Phospho'" in error
    error = one_line(peptrm("sequence", mgf, "-o", tmp_path / "b.tsv", "--model", model, "--open"), 2)
    assert "without gaps" in error


def test_a_database_is_searched(peptrm, model, mgf, tmp_path):
    proteins = tmp_path / "proteins.fasta"
    proteins.write_text(">P1 made up\nMKPEPTLDEKGGGGGGK\n>P2\nSAMPLERAAAAAAK\n")
    out = tmp_path / "out.mztab"
    done = peptrm("sequence", mgf, "-o", out, "--model", model, "--database", proteins)
    assert done.returncode == 0, done.stderr
    rows = MzTab(str(out)).spectrum_match_table
    assert set(rows["accession"]) <= {"P1", "P2"} and set(rows["database"]) == {"proteins.fasta"}
    proteins.write_text("no proteins")
    assert "proteins.fasta" in one_line(
        peptrm("sequence", mgf, "-o", tmp_path / "b.tsv", "--model", model, "--database", proteins), 2
    )


def test_a_false_discovery_rate_needs_probabilities_or_decoys(peptrm, model, mgf, tmp_path):
    words = ("sequence", mgf, "-o", tmp_path / "out.tsv", "--model", model, "--fdr", 0.5)
    assert "peptrm calibrate" in one_line(peptrm(*words), 2)
    assert not (tmp_path / "out.tsv").exists()
    done = peptrm(*words, "--fdr-by", "decoys")
    assert done.returncode == 0, done.stderr
    assert "estimated to be wrong" in done.stderr


def test_too_few_spectra_to_calibrate_with_is_said(peptrm, model, mgf):
    assert "too few" in one_line(peptrm("calibrate", mgf, "--model", model), 2)


def test_the_way_to_the_answer_can_be_chosen(peptrm, model, mgf, tmp_path):
    out = tmp_path / "out.tsv"
    words = ("sequence", mgf, "-o", out, "--model", model, "--force")
    for choice in (
        ("--decoding", "argmax", "--peptide-confidence", "product"),
        ("--isotope-errors", 1, "--precursor-tolerance-ppm", 5, "--residue-confidence", "dropout"),
        ("--residue-confidence", "ensemble", "--ensemble", model),
    ):
        done = peptrm(*words, *choice)
        assert done.returncode == 0, done.stderr
    assert "--ensemble" in one_line(peptrm(*words, "--residue-confidence", "ensemble"), 2)
