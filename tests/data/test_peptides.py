"""Peptides: digestion, sampled modifications and charges, and splits without a leak."""

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from data import peptides as module
from data.errors import InputError, UnknownModificationError
from data.modification_sampling import ModificationSampler
from data.occurrence import occurring
from data.peptides import (
    NON_SPECIFIC,
    PEPTIDES,
    build_peptides,
    digest,
    held_out_sequences,
    training_mask,
    training_rows,
)
from data.peptidoform import parse_peptidoform
from data.proteomes import GENERAL, SPECIES, Protein, Species, read_fasta, write_proteomes
from data.settings import PeptideSettings, ProteomeSettings
from data.splits import is_validation, merged_sequence, validation_mask
from data.vocabulary import VOCABULARY

SLUGS = [species.slug for species in SPECIES]


def write_folder(folder: Path, proteins: dict[str, list[str]]) -> Path:
    for slug, sequences in proteins.items():
        (folder / f"{slug}.fasta").write_text("".join(f">{i}\n{s}\n" for i, s in enumerate(sequences)))
    return folder


def tryptic(sequences: list[str], missed: int, shortest: int, longest: int) -> set[str]:
    """Cuts after K and R but not before P (Keil's rule as everybody quotes it), I read as L."""
    found = set()
    for sequence in sequences:
        pieces = re.findall(r"(?:.(?<![KR](?!P)))*(?:.(?:(?<=[KR])(?!P)|$))", sequence)
        for first in range(len(pieces)):
            for last in range(first, min(first + missed + 1, len(pieces))):
                found.add("".join(pieces[first : last + 1]).replace("I", "L"))
    return {peptide for peptide in found if shortest <= len(peptide) <= longest}


@pytest.fixture(scope="module")
def proteome_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteomes")
    write_proteomes(ProteomeSettings(proteins_per_species=10, general_proteins=40), 7, folder)
    return folder


def test_digestion_follows_the_rules() -> None:
    protein = Protein("a", "MAAAKPEPTIDERAAAAKKLLLLLLXK")
    (found,) = digest([protein], PeptideSettings(min_length=4, max_length=18, missed_cleavages=1))
    assert found == {"MAAAKPEPTIDER", "MAAAKPEPTIDERAAAAK", "AAAAK", "AAAAKK"}
    (found,) = digest([protein], PeptideSettings(enzyme="lysc", min_length=4, max_length=18, missed_cleavages=0))
    assert found == {"MAAAK", "PEPTIDERAAAAK"}
    (found,) = digest([Protein("b", "PEPTID")], PeptideSettings(enzyme=NON_SPECIFIC, min_length=4, max_length=5))
    assert found == {"PEPT", "EPTI", "PTID", "PEPTI", "EPTID"}
    with pytest.raises(InputError, match=r"unknown enzyme 'tripsin'.*'trypsin'"):
        list(digest([protein], PeptideSettings(enzyme="tripsin")))


def test_the_table_is_as_asked(proteome_folder: Path, tmp_path: Path) -> None:
    asked = PeptideSettings(
        per_species=50, pretraining=400, charge_shares={2: 0.7, 3: 0.2, 4: 0.1}, validation_share=0.2
    )
    table = build_peptides(asked, 3, proteome_folder, tmp_path / "a" / "peptides.parquet")
    assert table.schema.equals(PEPTIDES)
    assert pq.read_table(tmp_path / "a" / "peptides.parquet").equals(table)
    rows: list[dict[str, Any]] = table.to_pylist()
    assert Counter(row["species"] for row in rows) == {**dict.fromkeys(SLUGS, 50), "general": 400}
    for row in rows:
        is_general = row["species"] == "general"
        assert row["fold"] == (None if is_general else row["species"])
        assert (row["split"] == "test") == (not is_general)
        assert 7 <= len(merged_sequence(row["peptidoform"])) <= 20
        assert row["peptidoform"].count("C") == row["peptidoform"].count("C[UNIMOD:4]")
        assert is_general == (row["occurs_in"] == [])
    for charge, share in asked.charge_shares.items():
        found = np.mean([row["precursor_charge"] == charge for row in rows])
        assert found == pytest.approx(share, abs=4 * np.sqrt(share / len(rows)))
    validation = [row["split"] == "validation" for row in rows if row["species"] == "general"]
    assert np.mean(validation) == pytest.approx(0.2, abs=0.08)
    general = table.slice(9 * 50)
    np.testing.assert_array_equal(validation_mask(general, 0.2), validation)
    for slug in SLUGS:
        sequences = [merged_sequence(row["peptidoform"]) for row in rows if row["species"] == slug]
        assert len(set(sequences)) == len(sequences)
        digested = tryptic([p.sequence for p in read_fasta(proteome_folder / f"{slug}.fasta")], 1, 7, 20)
        assert set(sequences) <= digested


def test_the_same_seed_gives_the_same_bytes(proteome_folder: Path, tmp_path: Path) -> None:
    asked = PeptideSettings(per_species=30, pretraining=50, modification_rates={"M[UNIMOD:35]": 0.3})
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_peptides(asked, seed, proteome_folder, tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1] != contents[2]


protein_lists = st.lists(st.text("AILGKRP", min_size=8, max_size=40), min_size=1, max_size=3)


@settings(max_examples=30, deadline=None)
@given(
    proteomes=st.lists(protein_lists, min_size=9, max_size=9),
    shared=st.text("AILG", min_size=5, max_size=8),
    held_out=st.sampled_from(SLUGS),
    per_species=st.integers(1, 30),
)
def test_no_sequence_of_the_held_out_species_is_trained_on(
    proteomes: list[list[str]], shared: str, held_out: str, per_species: int
) -> None:
    # a peptide that every species has, in half of them with I and L exchanged
    exchanged = shared.translate(str.maketrans("IL", "LI"))
    for number, proteins in enumerate(proteomes):
        proteins.append(f"GGGGGK{exchanged if number % 2 else shared}KGGGGG")
    folders = dict(zip(SLUGS, proteomes, strict=True)) | {"general": [s for proteins in proteomes for s in proteins]}
    folders["general"].append("AGAGAGAGAGAGAGAGR")
    asked = PeptideSettings(min_length=5, max_length=20, per_species=per_species, pretraining=1000)
    with tempfile.TemporaryDirectory() as folder:
        table = build_peptides(asked, 1, write_folder(Path(folder), folders), Path(folder) / "peptides.parquet")
    digests = {slug: tryptic(folders[slug], 1, 5, 20) for slug in SLUGS}
    test = module.test_rows(table, held_out)
    assert test.num_rows == min(per_species, len(digests[held_out]))
    assert {merged_sequence(text) for text in test.column("peptidoform").to_pylist()} <= digests[held_out]
    train = training_rows(table, held_out)
    trained = {merged_sequence(text) for text in train.column("peptidoform").to_pylist()}
    assert not trained & digests[held_out]
    # and no more than that is left out
    for row in table.to_pylist():
        if row["fold"] != held_out:
            assert (merged_sequence(row["peptidoform"]) in trained) == (
                merged_sequence(row["peptidoform"]) not in digests[held_out]
            )
    general = {merged_sequence(r["peptidoform"]) for r in table.to_pylist() if r["species"] == GENERAL.slug}
    assert not general & set().union(*digests.values())


CLOSE = ("homo_sapiens", "choloepus_hoffmanni", "escherichia_coli", "erwinia_carotovora", "shewanella_oneidensis")


def is_cut_out(sequence: str, proteome: str, missed: int) -> bool:
    """Whether trypsin cuts this out of a protein, by Keil's rule with Expasy's exceptions; the proteins between *."""

    def is_cut(text: str, place: int) -> bool:
        before, after = text[place - 2 : place], text[place]
        if "*" in (before[-1], after):
            return True
        return before in ("WK", "MR") if after == "P" else before[-1] in "KR"

    if sum(is_cut(f"AA{sequence}", place) for place in range(3, len(sequence) + 2)) > missed:
        return False
    place = proteome.find(sequence)
    while place >= 0 and not (is_cut(proteome, place) and is_cut(proteome, place + len(sequence))):
        place = proteome.find(sequence, place + 1)
    return place >= 0


def test_the_nine_real_proteomes_share_peptides_and_leak_none(mirror: Path, tmp_path: Path) -> None:
    raw = yaml.safe_load((Path(__file__).parents[2] / "profiles" / "nine_proteomes.yaml").read_text())
    species = tuple(Species(**entry) for entry in raw["species"])
    folder, part = tmp_path / "proteomes", tmp_path / "part"
    part.mkdir()
    for each in species:  # a part of each, for the time that a digest takes
        proteins = read_fasta(mirror / "proteomes" / f"{each.slug}.fasta.gz")[: 3000 if each.slug in CLOSE else 500]
        (part / f"{each.slug}.fasta").write_text("".join(f">{p.name}\n{p.sequence}\n" for p in proteins))
    write_proteomes(ProteomeSettings(folder=str(part), general_proteins=100), 1, folder, species)
    asked = PeptideSettings(per_species=4000, pretraining=1000)
    table = build_peptides(asked, 1, folder, tmp_path / "peptides.parquet", species)
    slugs = [each.slug for each in species]
    assert set(table.column("fold").to_pylist()) == {*slugs, None}
    shared: list[list[str]] = table.column("occurs_in").to_pylist()
    assert sum({"homo_sapiens", "choloepus_hoffmanni"} <= set(found) for found in shared) > 50
    assert sum({"escherichia_coli", "erwinia_carotovora"} <= set(found) for found in shared) > 50
    for held_out in CLOSE:
        sequences = [p.sequence.replace("I", "L") for p in read_fasta(folder / f"{held_out}.fasta")]
        proteome = "**" + "*".join(sequences) + "*"
        trained = {merged_sequence(t) for t in training_rows(table, held_out).column("peptidoform").to_pylist()}
        tested = {merged_sequence(t) for t in module.test_rows(table, held_out).column("peptidoform").to_pylist()}
        assert len(trained) > 25_000
        assert not trained & tested
        inside = occurring(trained, sequences)  # cut at other places than trypsin cuts this species' proteins
        assert not [sequence for sequence in sorted(inside) if is_cut_out(sequence, proteome, asked.missed_cleavages)]
        others = {merged_sequence(t) for t in table.column("peptidoform").to_pylist()} - trained - tested
        chosen = sorted(occurring(others, sequences))[:50]  # and what was left out had to be
        assert chosen and all(is_cut_out(sequence, proteome, asked.missed_cleavages) for sequence in chosen)


def test_masks_work_on_spectra_too(proteome_folder: Path, tmp_path: Path) -> None:
    table = build_peptides(PeptideSettings(per_species=20, pretraining=30), 1, proteome_folder, tmp_path / "p")
    spectra = table.select(["peptidoform", "fold"])
    spectra = spectra.set_column(1, "fold", spectra.column("fold").cast(pa.dictionary(pa.int32(), pa.string())))
    mask = training_mask(spectra, SLUGS[3], held_out_sequences(table, SLUGS[3]))
    assert mask.tolist() == [row["fold"] != SLUGS[3] for row in table.to_pylist()]
    assert module.test_rows(spectra, SLUGS[3]).num_rows == 20


def test_isoleucine_and_modifications_do_not_change_the_split() -> None:
    assert merged_sequence("[UNIMOD:1]-AC[UNIMOD:4]DIM[UNIMOD:35]K") == "ACDLMK"
    assert merged_sequence("[UNIMOD:5][UNIMOD:385]-PEPTIDE") == "PEPTLDE"
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 12)) for _ in range(2000)]
    chosen = [is_validation(sequence, 0.1) for sequence in sequences]
    assert np.mean(chosen) == pytest.approx(0.1, abs=0.03)
    assert chosen == [is_validation(s.replace("I", "L").replace("M", "M[UNIMOD:35]"), 0.1) for s in sequences]
    assert not any(is_validation(sequence, 0.0) for sequence in sequences)
    assert {s for s in sequences if is_validation(s, 0.1)} <= {s for s in sequences if is_validation(s, 0.2)}


def test_modifications_come_at_the_stated_rates() -> None:
    rates = {"M[UNIMOD:35]": 0.25, "S[UNIMOD:21]": 0.1, "[UNIMOD:1]-": 0.05, "[UNIMOD:5][UNIMOD:385]-": 0.02}
    sequences = ["MSTCMK"] * 20_000
    texts = ModificationSampler(("C[UNIMOD:4]",), rates).sample(sequences, np.random.default_rng(1))
    assert texts == ModificationSampler(("C[UNIMOD:4]",), rates).sample(sequences, np.random.default_rng(1))
    parsed = [parse_peptidoform(text) for text in texts]
    for text, peptide in zip(texts[:200], parsed[:200], strict=True):
        assert peptide.residues == "MSTCMK"
        assert peptide.proforma() == text
        VOCABULARY.encode(peptide)
    for found, rate in (
        ([p.modifications[0] == 35 for p in parsed], 0.25),
        ([p.modifications[4] == 35 for p in parsed], 0.25),
        ([p.modifications[1] == 21 for p in parsed], 0.1),
        ([p.modifications[2] == 21 for p in parsed], 0.0),
        ([p.modifications[3] == 4 for p in parsed], 1.0),
        ([p.n_term == (1,) for p in parsed], 0.05),
        ([p.n_term == (5, 385) for p in parsed], 0.02),
    ):
        assert np.mean(found) == pytest.approx(rate, abs=0.012)


@pytest.mark.parametrize(
    ("fixed", "rates", "problem"),
    [
        ((), {"M[UNIMOD:36]": 0.1}, r"M\[UNIMOD:36\]' is no modification.*nearest known is 'M\[UNIMOD:35\]'"),
        (("C[UNIMOD:4]",), {"C[UNIMOD:4]": 0.1}, "C has a fixed modification"),
        ((), {"M[UNIMOD:35]": 1.2}, "at most 1"),
        ((), {"[UNIMOD:1]-": 0.6, "[UNIMOD:5]-": 0.6}, "at most 1"),
        ((), {"M[UNIMOD:35]": -0.1}, "must be positive"),
        (("[UNIMOD:1]-",), {}, "is terminal"),
    ],
)
def test_impossible_modifications_are_refused(fixed: tuple[str, ...], rates: dict[str, float], problem: str) -> None:
    with pytest.raises((InputError, UnknownModificationError), match=problem):
        ModificationSampler(fixed, rates)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (PeptideSettings(charge_shares={}), "charge shares"),
        (PeptideSettings(charge_shares={0: 1.0}), "charge shares"),
        (PeptideSettings(min_length=3), "no range within"),
        (PeptideSettings(min_length=9, max_length=8), "no range within"),
        (PeptideSettings(per_species=0), "must be positive"),
        (PeptideSettings(validation_share=1.5), "within 0 and 1"),
        (PeptideSettings(min_length=80, max_length=100), "gives no peptide"),
    ],
)
def test_senseless_settings_are_refused(wrong: PeptideSettings, problem: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {slug: ["PEPTIDEKPEPTIDER"] for slug in (*SLUGS, "general")})
    with pytest.raises(InputError, match=problem):
        build_peptides(wrong, 1, folder, tmp_path / "peptides.parquet")
    assert not (tmp_path / "peptides.parquet").exists()


def test_too_few_pretraining_peptides_are_told(
    proteome_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = build_peptides(PeptideSettings(per_species=5, pretraining=10**6), 1, proteome_folder, tmp_path / "p")
    assert 500 < table.num_rows < 10_000
    assert "instead of 1000000" in caplog.text
