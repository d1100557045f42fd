"""The corpus: where its peptides come from, what is kept out of it, and what is drawn for them."""

import gzip
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from pyteomics import parser

from data.corpus import build_corpus, draw_charges, excluded_sequences, plain_residues
from data.errors import InputError
from data.settings import CorpusSettings
from data.splits import is_validation, merged_sequence

PROTEINS = ["".join(np.random.default_rng(number).choice(list("ACDEFGHIKLMNPQRSTVWY"), 300)) for number in range(40)]
LISTED = ["AAAGLLKSTTPEK", "WWHHDDEEFFGGR", "MNPQLIVKGGT"]


@pytest.fixture
def settings(tmp_path) -> CorpusSettings:
    folder = tmp_path / "proteomes"
    folder.mkdir()
    (folder / "a.fasta").write_text("".join(f">{n}\n{p}\n" for n, p in enumerate(PROTEINS[:20])))
    (folder / "b.fasta.gz").write_bytes(
        gzip.compress("".join(f">{n}\n{p}\n" for n, p in enumerate(PROTEINS[20:])).encode())
    )
    (tmp_path / "list.txt.gz").write_bytes(gzip.compress("\n".join(f"n{p}c" for p in LISTED).encode()))
    return CorpusSettings(
        proteomes=(str(folder),),
        peptide_lists=(str(tmp_path / "list.txt.gz"),),
        sources={"trypsin": 0.5, "non-specific": 0.5, "listed": 0.5},
        peptides=300,
        modification_rates={"M[UNIMOD:35]": 0.5},
        held_out_share=0.2,
    )


def sequences(table) -> list[str]:
    return [re.sub(r"\[[^\]]*\]", "", text) for text in table.column("peptidoform").to_pylist()]


def test_every_peptide_is_a_piece_of_a_protein_or_of_the_list(settings, tmp_path):
    found = sequences(build_corpus(settings, 1, tmp_path / "peptides.parquet"))
    tryptic = {p for protein in PROTEINS for p in parser.cleave(protein, "trypsin", 2, min_length=6, max_length=30)}
    assert len(found) == len({p.replace("I", "L") for p in found})
    assert set(found) >= set(LISTED)
    others = [p for p in found if p not in LISTED]
    assert all(any(p in protein for protein in PROTEINS) for p in others)
    assert all(6 <= len(p) <= 30 for p in found)
    assert sum(p in tryptic for p in others) >= 100
    assert sum(p not in tryptic for p in others) >= 80


def test_the_same_seed_gives_the_same_bytes(settings, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_corpus(settings, seed, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_nothing_of_excluded_files_is_in_it(settings, tmp_path):
    (tmp_path / "labels.csv").write_text("seq,spectrum_id\nAAAGI[0.9840]IKSTTPEK,1\n")
    (tmp_path / "test.mgf").write_text(
        "BEGIN IONS\nTITLE=x\nPEPMASS=823.3527\nCHARGE=2+\nSEQ=WWHHDDEEFFGGR\n100.1 1\n200.1 1\nEND IONS\n"
    )
    excluded = (str(tmp_path / "labels.csv"), str(tmp_path / "test.mgf"))
    assert excluded_sequences(excluded) == {"AAAGLLKSTTPEK", "WWHHDDEEFFGGR"}
    found = sequences(build_corpus(replace(settings, exclude=excluded), 1, tmp_path / "peptides.parquet"))
    assert "MNPQLIVKGGT" in found
    assert not {"AAAGLLKSTTPEK", "WWHHDDEEFFGGR"} & {p.replace("I", "L") for p in found}


def test_what_is_held_out_depends_on_the_sequence_alone(settings, tmp_path):
    table = build_corpus(settings, 1, tmp_path / "peptides.parquet")
    rows = zip(table.column("peptidoform").to_pylist(), table.column("split").to_pylist(), strict=True)
    assert all((split == "validation") == is_validation(merged_sequence(text), 0.2) for text, split in rows)


def test_charges_follow_their_shares_among_those_a_peptide_can_carry():
    rng = np.random.default_rng(1)
    shares = {1: 0.1, 2: 0.5, 3: 0.3, 4: 0.1}
    long = Counter(draw_charges(["AAAAHHAAAARAAAAAK"] * 4000, shares, rng).tolist())  # no singly charged ones so long
    assert [long[charge] / 4000 for charge in (2, 3, 4)] == pytest.approx([5 / 9, 3 / 9, 1 / 9], abs=0.03)
    short = Counter(draw_charges(["AAAAAGGGK"] * 4000, shares, rng).tolist())  # one basic residue and the N terminus
    assert short[1] / 4000 == pytest.approx(1 / 6, abs=0.03)
    assert set(short) == {1, 2}


def test_notations_of_peptides():
    assert plain_residues("nM[OXIDATION]PEPK[GG]c\n") == "MPEPK"
    assert plain_residues("Q[0.9840]PTDDSC[57.0215]F") == "QPTDDSCF"
    assert plain_residues("+42.011AC+57.021K") == "ACK"


def test_what_is_wrong_is_said(settings, tmp_path):
    with pytest.raises(InputError, match="hold no FASTA"):
        build_corpus(replace(settings, proteomes=(str(tmp_path),)), 1, tmp_path / "x")
    with pytest.raises(InputError, match="unknown enzyme"):
        build_corpus(replace(settings, sources={"tripsin": 1.0}), 1, tmp_path / "x")
    with pytest.raises(InputError, match=r"missing\.txt"):
        build_corpus(replace(settings, peptide_lists=(str(tmp_path / "missing.txt"),)), 1, tmp_path / "x")
    assert not (tmp_path / "x").exists()
