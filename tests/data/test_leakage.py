"""No peptide of a test set is in training data: shown on the real files, read by other means than the imports'."""

import csv
import re
from pathlib import Path

import pytest
from pyteomics import mgf

from data.cards import peptides_of_shards
from data.errors import InputError
from data.importing import import_set
from data.leakage import Overlap, bare_sequence, overlap, peptides_of, peptides_of_set
from data.sources import load_registry

TESTS = ("casanovo_mouse_128", "massivekb_500", "qeplus_hair_608", "proteometools_225", "tripletof_test")


def letters(text: str) -> str:
    """Capital letters outside of brackets, I as L."""
    return "".join(re.findall("[A-Z]", re.sub(r"\[.*?\]|\(.*?\)", "", text))).replace("I", "L")


def annotated(path: Path) -> set[str]:
    """As pyteomics reads the file."""
    with mgf.read(str(path), convert_arrays=0) as spectra:
        return {letters(spectrum["params"]["seq"]) for spectrum in spectra if spectrum["params"].get("seq")}


def labels(mirror: Path) -> set[str]:
    found: set[str] = set()
    for path in (mirror / "peptides").glob("nine_species_*_labels.csv"):
        with path.open(newline="") as stream:
            found |= {letters(row["seq"]) for row in csv.DictReader(stream)}
    return found


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("PEPTIDE", "PEPTLDE"),
        ("[UNIMOD:1]-PEPTC[UNIMOD:4]K", "PEPTCK"),
        ("n[42.0106]SEC[57.0215]Q[0.9840]R", "SECQR"),
        ("nAAAC[160]Kc", "AAACK"),
        ("PEPM(ox)C(+57.02)K", "PEPMCK"),
        ("+43.006-17.027QPEPK", "QPEPK"),
        ("<[Carbamidomethyl]@C>", "C"),
    ],
)
def test_only_residues_count(text, bare):
    assert bare_sequence(text) == bare


def test_overlap_merges_isomers_and_ignores_modifications():
    assert overlap(["PEPTIDE", "AAA", ""], ["PEPTLDEM", "[Acetyl]-PEPTLDE", "CCC"]) == Overlap(2, 3, ("PEPTLDE",))


def test_training_data_share_no_peptide_with_tests_validation_and_labels(mirror, tmp_path):
    kept_apart = {name: annotated(mirror / "annotated" / f"{name}.mgf") for name in (*TESTS, "winnow_example_100")}
    kept_apart["nine-species labels"] = labels(mirror)
    assert all(kept_apart.values())
    registry = load_registry()
    for name in ("real-psms", "pepnet-example-1001", "proteometools-sample"):
        import_set(registry.find(name), registry, mirror, tmp_path / name)
        training = peptides_of_shards(tmp_path / name)
        assert training
        for other, peptides in kept_apart.items():
            assert overlap(training, peptides).shared == (), f"{name} and {other}"
    winnow = registry.find("winnow-example-100")
    import_set(winnow, registry, mirror, tmp_path / winnow.name)
    for name in TESTS:
        assert overlap(peptides_of_shards(tmp_path / winnow.name), kept_apart[name]).shared == ()


def test_as_published_they_do_share_some(mirror):
    """So that the test above is known to have something to find."""
    tests = set().union(*(annotated(mirror / "annotated" / f"{name}.mgf") for name in TESTS))
    pepnet = peptides_of(mirror / "annotated/pepnet_example_1001.mgf", "mgf")
    assert pepnet == annotated(mirror / "annotated/pepnet_example_1001.mgf")
    assert len(overlap(pepnet, tests).shared) == 10
    real = peptides_of(mirror / "train/real_psms.parquet", "parquet")
    winnow = annotated(mirror / "annotated/winnow_example_100.mgf")
    assert [len(overlap(real, other).shared) for other in (tests, winnow)] == [0, 80]
    assert len(overlap(real, labels(mirror)).shared) > 50


def test_peptides_of_each_kind_of_file(tmp_path):
    (tmp_path / "a.csv").write_text("seq,x\nPEPTIDE,1\n,2\n")
    (tmp_path / "a.txt").write_text("nPEPTIDEc\nnAAAKc\n")
    assert peptides_of(tmp_path / "a.csv", "csv") == {"PEPTLDE"}
    assert peptides_of(tmp_path / "a.txt", "peptide_list") == {"PEPTLDE", "AAAK"}
    (tmp_path / "a.peprec").write_text("spec_id modifications peptide charge\nx 1|Pyro_glu QPEPTIDE 2\n")
    assert peptides_of(tmp_path / "a.peprec", "peprec") == {"QPEPTLDE"}
    (tmp_path / "a.csv").write_text("sequence\nPEPTIDE\n")
    with pytest.raises(InputError, match="lacks the column seq"):
        peptides_of(tmp_path / "a.csv", "csv")
    with pytest.raises(InputError, match="cannot be read"):
        peptides_of(tmp_path / "none.txt", "peptide_list")
    with pytest.raises(InputError, match="holds no peptides"):
        peptides_of(tmp_path / "a.fasta", "fasta")
    with pytest.raises(InputError, match="is not there"):
        peptides_of_set(load_registry().find("casanovo-mouse-128"), tmp_path)
