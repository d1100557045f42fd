"""Folds of annotated spectra by species: who tests, who trains, and that no real spectrum leaks."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from data.errors import InputError
from data.proteomes import Species, read_fasta
from data.schema import Spectrum
from data.species_folds import capped, forbidden_sequences, read_annotated, spectra_of_fold, training_spectra
from data.splits import merged_sequence

ONE, TWO = Species("Species one", "one", 10, labels=("first",)), Species("Species two", "two", 11)


def spectrum(peptide: str, fold: str | None) -> Spectrum:
    return Spectrum(peptide, 500.0, 2, np.array([100.0]), np.ones(1, np.float32), peptidoform=peptide, fold=fold)


def write_mgf(path: Path, peptides: list[str]) -> Path:
    entries = [f"BEGIN IONS\nPEPMASS=500.1\nCHARGE=2+\nSEQ={p}\n100 1\n200 1\nEND IONS\n" for p in peptides]
    path.write_text("".join(entries))
    return path


def test_files_say_their_species(tmp_path):
    left_out: Counter[str] = Counter()
    files = {
        str(write_mgf(tmp_path / "a.mgf", ["PEPTIDEK", "PEPT[UNIMOD:214]IDEK", ""])): "FIRST",
        str(write_mgf(tmp_path / "b.mgf", ["SAMPLER"])): None,
    }
    found = read_annotated(files, [ONE, TWO], left_out)
    assert [(s.peptidoform, s.fold) for s in found] == [("PEPTIDEK", "one"), ("SAMPLER", None)]
    assert sum(left_out.values()) == 2
    with pytest.raises(InputError, match="is of Mars, which is no species"):
        read_annotated({"a.mgf": "Mars"}, [ONE, TWO], left_out)


def test_few_spectra_of_a_peptide(tmp_path):
    spectra = [replace(spectrum("SAMPLER", "one"), spectrum_id=str(i)) for i in range(9)]
    spectra += [spectrum("SAM[UNIMOD:35]PLER", "one"), spectrum("SAMPLER", "two"), spectrum("PEPTIDEK", None)]
    kept = capped(spectra, 2, seed=1)
    assert Counter((s.fold, merged_sequence(s.peptidoform or "")) for s in kept) == {
        ("one", "SAMPLER"): 2,
        ("two", "SAMPLER"): 1,
        (None, "PEPTLDEK"): 1,
    }
    assert kept == capped(spectra, 2, seed=1)


def test_what_is_in_the_test_or_in_the_proteome_does_not_train(tmp_path):
    (tmp_path / "one.fasta").write_text(">a\nMAGPEPTLDEGWR\n")
    spectra = [
        spectrum("SAMPLER", "one"),
        spectrum("SAM[UNIMOD:35]PIER", "two"),  # the same, I read as L
        spectrum("PEPTIDE", "two"),  # cut by no rule out of the protein
        spectrum("PEPTIDER", None),
        spectrum("LLLLK", "two"),
    ]
    forbidden = forbidden_sequences(spectra, "one", tmp_path / "one.fasta")
    assert forbidden == {"SAMPLER", "PEPTLDE"}
    assert [s.peptidoform for s in training_spectra(spectra, "one", forbidden)] == ["PEPTIDER", "LLLLK"]
    assert [s.peptidoform for s in spectra_of_fold(spectra, "one")] == ["SAMPLER"]


def test_no_real_spectrum_of_a_test_peptide_trains_its_fold(mirror, monkeypatch):
    raw = yaml.safe_load((Path(__file__).parents[2] / "profiles" / "measured_folds.yaml").read_text())
    species = tuple(Species(**entry) for entry in raw["species"])
    monkeypatch.setenv("PEPTRM_MIRROR", str(mirror))
    left_out: Counter[str] = Counter()
    spectra = read_annotated(raw["cross_validation"]["measured"]["files"], species, left_out)
    counts = Counter(s.fold for s in spectra)
    assert {each.slug for each in species} < counts.keys()
    assert counts["homo_sapiens"] > 1500 and counts["saccharomyces_cerevisiae"] > 100 and counts[None] > 200
    for held_out in ("homo_sapiens", "saccharomyces_cerevisiae"):
        proteome = mirror / "proteomes" / f"{held_out}.fasta.gz"
        forbidden = forbidden_sequences(spectra, held_out, proteome)
        trained = {merged_sequence(s.peptidoform or "") for s in training_spectra(spectra, held_out, forbidden)}
        tested = {merged_sequence(s.peptidoform or "") for s in spectra_of_fold(spectra, held_out)}
        assert len(trained) > 300
        assert not trained & tested
        text = "*".join(protein.sequence for protein in read_fasta(proteome)).replace("I", "L")
        assert not [sequence for sequence in trained if sequence in text]
        others = {merged_sequence(s.peptidoform or "") for s in spectra if s.fold != held_out}
        assert others - trained  # and there was something to leave out
