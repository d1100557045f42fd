"""Database candidates against pyteomics' digests and masses, and brute force over masses."""

import gzip
from itertools import product

import numpy as np
import pytest
from pyteomics import mass, parser

from data.chemistry import ISOTOPE_SPACING
from data.database import CandidateIndex, DatabaseSettings
from data.errors import InputError
from data.vocabulary import VOCABULARY, Vocabulary

PROTEINS = {
    "sp|P1|ONE first protein": "MKPEPTLDERAMMCKGGGGGGR",
    "P2 second": "AAPEPTIDERSAMPLEK",
    "P3": "WWWWWWWWWW",
}
FORMULAS = {"C": mass.calculate_mass(formula="C2H3NO"), "M": mass.calculate_mass(formula="O")}


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "proteins.fasta"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in PROTEINS.items()))
    return path


def index_of(path, **options):
    return CandidateIndex(path, VOCABULARY, 32, DatabaseSettings(**options))


def forms_of(index):
    return [index.peptidoform(number) for number in range(len(index))]


def test_peptides_are_those_of_pyteomics(fasta):
    index = index_of(fasta, max_modifications=0)
    expected = set().union(
        *(parser.cleave(s, "trypsin", 2, min_length=6, max_length=32, regex=False) for s in PROTEINS.values())
    )
    merged = {text.replace("[UNIMOD:4]", "").replace("I", "L") for text in forms_of(index)}
    assert merged == {peptide.replace("I", "L") for peptide in expected}


def test_masses_are_those_of_pyteomics_in_ascending_order(fasta):
    index = index_of(fasta)
    assert (np.diff(index.mass) >= 0).all()
    for number, text in enumerate(forms_of(index)):
        plain = text.replace("[UNIMOD:4]", "").replace("[UNIMOD:35]", "")
        attached = FORMULAS["C"] * text.count("[UNIMOD:4]") + FORMULAS["M"] * text.count("[UNIMOD:35]")
        assert index.mass[number] == pytest.approx(mass.fast_mass(plain) + attached, abs=1e-4)
        tokens = index.tokens(np.array([number]))[0]
        assert VOCABULARY.decode(tokens) == text.replace("I", "L").replace("UNLMOD", "UNIMOD")


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_every_choice_of_modified_sites_is_there_once(tmp_path, most):
    path = tmp_path / "one.fasta"
    path.write_text(">P\nAMMCSMTK\n")
    variable = ("M[UNIMOD:35]", "S[UNIMOD:21]")
    found = sorted(forms_of(index_of(path, variable=variable, max_modifications=most)))
    states = [
        (letter, letter + label)
        for letter, label in zip("MMSM", ("[UNIMOD:35]",) * 2 + ("[UNIMOD:21]", "[UNIMOD:35]"), strict=True)
    ]
    expected = []
    for first, second, third, fourth in product(*states):
        if sum("[" in each for each in (first, second, third, fourth)) <= most:
            expected.append(f"A{first}{second}C[UNIMOD:4]{third}{fourth}TK")
    assert found == sorted(expected)


def test_within_is_brute_force(fasta):
    index = index_of(fasta)
    rng = np.random.default_rng(0)
    for wanted in [*index.mass, *rng.uniform(500, 2500, 50)]:
        for errors, ppm in ((0, 10.0), (2, 500.0)):
            expected = [
                number
                for number, weight in enumerate(index.mass)
                if any(abs(wanted - n * ISOTOPE_SPACING - weight) <= wanted * ppm * 1e-6 for n in range(errors + 1))
            ]
            assert index.within(float(wanted), ppm, errors).tolist() == expected


def test_a_candidate_tells_its_place_in_the_protein(fasta):
    index = index_of(fasta, missed_cleavages=1)
    (number,) = [n for n, text in enumerate(forms_of(index)) if text == "MKPEPTLDER"]
    (match,) = index.proteins(number)
    assert (match.accession, match.pre, match.post, match.start, match.end) == ("sp|P1|ONE", "-", "A", 1, 10)


def test_i_and_l_are_one(tmp_path):
    path = tmp_path / "two.fasta"
    path.write_text(">A\nPEPTIDEK\n>B\nGGGGKPEPTLDEK\n")
    index = index_of(path, missed_cleavages=0)
    (number,) = [n for n, text in enumerate(forms_of(index)) if text == "PEPTIDEK"]
    assert [(m.accession, m.pre, m.start, m.end) for m in index.proteins(number)] == [("A", "-", 1, 8)]
    other = index_of(path, missed_cleavages=1, enzyme="lysc")
    texts = forms_of(other)
    assert "PEPTLDEK" not in texts and "PEPTIDEK" in texts
    assert [m.accession for m in other.proteins(texts.index("PEPTIDEK"))] == ["A", "B"]


def test_requested_modifications_are_searched(tmp_path):
    path = tmp_path / "one.fasta"
    path.write_text(">P\nAGKSTLER\n")
    vocabulary = Vocabulary(["K[+87.0684]"])
    index = CandidateIndex(path, vocabulary, 16, DatabaseSettings(variable=("K[+87.0684]",), missed_cleavages=1))
    assert "AGK[+87.0684]STLER" in forms_of(index)


def test_compressed_files_are_read(fasta, tmp_path):
    packed = tmp_path / "proteins.fasta.gz"
    packed.write_bytes(gzip.compress(fasta.read_bytes()))
    assert forms_of(index_of(packed)) == forms_of(index_of(fasta))


@pytest.mark.parametrize(
    "options", [{"enzyme": "scissors"}, {"fixed": ("C[UNIMOD:999]",)}, {"variable": ("[UNIMOD:1]-",)}]
)
def test_what_cannot_be_made_is_an_error(fasta, options):
    with pytest.raises(InputError):
        index_of(fasta, **options)


def test_no_fasta_and_no_peptide_are_errors(tmp_path):
    for content in ("", "nothing", ">P\nGK\n"):
        (tmp_path / "x.fasta").write_text(content)
        with pytest.raises(InputError, match=r"x\.fasta"):
            index_of(tmp_path / "x.fasta")
    with pytest.raises(InputError):
        index_of(tmp_path / "none.fasta")
