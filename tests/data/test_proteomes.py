"""The nine species, their generator, and FASTA files."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyteomics import fasta

from data.errors import InputError, OutputError
from data.proteomes import (
    AMINO_ACIDS,
    GENERAL,
    SPECIES,
    Protein,
    Species,
    composition,
    generate_proteome,
    read_fasta,
    write_proteomes,
)
from data.settings import ProteomeSettings

COMPUTED_FROM = {
    "homo_sapiens": ("homo_sapiens", ""),
    "saccharomyces_cerevisiae": ("saccharomyces_cerevisiae", ""),
    "bacillus_subtilis": ("bacillus_subtilis", ""),
    "mus_musculus": ("mus_musculus_sample", ""),
    "methanosarcina_mazei": ("methanosarcina_and_relatives", "OS=Methanosarcina mazei"),
    "candidatus_endoloripes": ("shewanella_oneidensis", ""),
}


def test_the_table_is_that_of_the_benchmark() -> None:
    assert len(SPECIES) == 9
    assert len({species.slug for species in SPECIES}) == len({species.taxon for species in SPECIES}) == 9
    for species in (*SPECIES, GENERAL):
        assert list(species.composition) == list(AMINO_ACIDS) == sorted("ACDEFGHIKLMNPQRSTVWY")
        assert sum(species.composition.values()) == pytest.approx(1)
        assert sum(float(entry[1:]) for entry in species.residue_percent.split()) == pytest.approx(100, abs=1.1)
        assert species.source


@pytest.mark.parametrize("slug", COMPUTED_FROM)
def test_computed_compositions_are_those_of_the_named_proteomes(mirror: Path, slug: str) -> None:
    file, mark = COMPUTED_FROM[slug]
    proteins = [p for p in read_fasta(mirror / "proteomes" / f"{file}.fasta.gz") if mark in p.name]
    (species,) = (species for species in SPECIES if species.slug == slug)
    assert f"{len(proteins):,}" in species.source
    found = composition(proteins)
    for entry in species.residue_percent.split():
        assert found[entry[0]] == pytest.approx(float(entry[1:]), abs=0.006)


def test_the_generator_is_seeded_and_has_the_composition() -> None:
    human = SPECIES[-1]
    proteins = generate_proteome(human, 400, seed=5)
    assert proteins == generate_proteome(human, 400, seed=5)
    assert proteins != generate_proteome(human, 400, seed=6)
    assert proteins[:3] != generate_proteome(SPECIES[0], 400, seed=5)[:3]
    assert all(protein.sequence.startswith("M") for protein in proteins)
    residues = sum(len(protein.sequence) - 1 for protein in proteins)
    found = composition(Protein(p.name, p.sequence[1:]) for p in proteins)
    for letter, share in human.composition.items():
        # four standard deviations of a share among so many residues
        assert found[letter] / 100 == pytest.approx(share, abs=4 * np.sqrt(share / residues))
    lengths = [len(protein.sequence) for protein in proteins]
    assert np.median(lengths) == pytest.approx(361, rel=0.15)


def test_written_proteomes_are_fasta(tmp_path: Path) -> None:
    paths = write_proteomes(ProteomeSettings(proteins_per_species=4, general_proteins=6), 1, tmp_path)
    assert [path.name for path in paths] == [f"{s.slug}.fasta" for s in (*SPECIES, GENERAL)]
    for path in paths:
        with fasta.read(str(path)) as entries:
            expected = [Protein(entry.description, entry.sequence) for entry in entries]
        assert read_fasta(path) == expected
        assert len(expected) == (6 if path.stem == "general" else 4)


def test_given_proteomes_are_taken_plain_or_compressed(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for species in SPECIES[1:]:
        (given / f"{species.slug}.fasta").write_text(f">{species.slug} first\nPEPT\nIDEK*\n\n>second\r\nmkv\r\n")
    settings = ProteomeSettings(folder=str(given), general_proteins=3)
    with pytest.raises(InputError, match=rf"lacks the proteome of {SPECIES[0].slug}\."):
        write_proteomes(settings, 1, tmp_path / "out")
    (given / f"{SPECIES[0].slug}.fasta.gz").write_bytes(gzip.compress(b">only\nPEPTIDE\n"))
    write_proteomes(settings, 1, tmp_path / "out")
    assert read_fasta(tmp_path / "out" / f"{SPECIES[0].slug}.fasta") == [Protein("only", "PEPTIDE")]
    slug = SPECIES[1].slug
    expected = [Protein(f"{slug} first", "PEPTIDEK"), Protein("second", "MKV")]
    assert read_fasta(tmp_path / "out" / f"{slug}.fasta") == expected
    assert len(read_fasta(tmp_path / "out" / "general.fasta")) == 3


def test_other_species_may_lack_their_file_where_that_is_asked_for(tmp_path: Path, monkeypatch) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "one.fasta").write_text(">first\nPEPTIDEK\n")
    species = (Species("Species one", "one", 10), Species("Species two", "two", 11))
    monkeypatch.setenv("PEPTRM_TEST_FOLDER", str(given))
    settings = ProteomeSettings(folder="$PEPTRM_TEST_FOLDER", proteins_per_species=2, general_proteins=2)
    with pytest.raises(InputError, match="lacks the proteome of two"):
        write_proteomes(settings, 1, tmp_path / "out", species)
    written = write_proteomes(replace(settings, generate_missing=True), 1, tmp_path / "out", species)
    assert [len(read_fasta(path)) for path in written] == [1, 2, 2]
    monkeypatch.delenv("PEPTRM_TEST_FOLDER")
    with pytest.raises(InputError, match="PEPTRM_TEST_FOLDER is not set"):
        write_proteomes(settings, 1, tmp_path / "out", species)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "does not begin with '>'"),
        (b"PEPTIDE\n", "does not begin with '>'"),
        (b"\x89PNG\r\n\x1a\n\x00", "is no text"),
        (b">a\n>b\nPEP\n", "a: the entry has no sequence"),
        (b">a\nPEP1TIDE\n", "a: the entry holds characters"),
        (gzip.compress(b">a\nPEPTIDE\n" * 50, mtime=0)[:-12], "gzip compression is damaged"),
        (b"\x1f\x8bnothing", "gzip compression is damaged"),
    ],
)
def test_what_is_no_fasta_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "human.fasta"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        read_fasta(path)
    assert "human.fasta" in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_fasta(tmp_path / "none.fasta")
    with pytest.raises(InputError, match="is no folder"):
        write_proteomes(ProteomeSettings(folder=str(tmp_path / "none")), 1, tmp_path / "out")
    with pytest.raises(InputError, match="must be 1 or more"):
        write_proteomes(ProteomeSettings(proteins_per_species=0), 1, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_proteomes(ProteomeSettings(), 1, tmp_path / "file" / "out")
