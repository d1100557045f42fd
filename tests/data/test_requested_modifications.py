"""Modifications asked for at run time, against Unimod's names and pyteomics' masses."""

import pytest
from pyteomics import mass

from data.errors import InputError, UnknownModificationError
from data.requested_modifications import requested_tokens
from data.vocabulary import VOCABULARY, Vocabulary


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Phospho:STY", ["S[UNIMOD:21]", "T[UNIMOD:21]", "Y[UNIMOD:21]"]),
        ("phosphorylation:S", ["S[UNIMOD:21]"]),
        ("UNIMOD:35:M", ["M[UNIMOD:35]"]),
        ("S[UNIMOD:21]", ["S[UNIMOD:21]"]),
        ("S+79.9663", ["S[UNIMOD:21]"]),
        ("S[+79.9663]", ["S[UNIMOD:21]"]),
        ("Acetyl:N-term", ["[UNIMOD:1]-"]),
        ("TMT6plex:K", ["K[UNIMOD:737]"]),
        ("Hypusine:K", ["K[+87.0684]"]),
        ("K-18.0106", ["K[-18.0106]"]),
        ("Methyl:I", ["L[UNIMOD:34]"]),
    ],
)
def test_what_a_request_means(text, tokens):
    assert requested_tokens(text) == tokens


@pytest.mark.parametrize("text", ["Phosfo:S", "UNIMOD:99999:S", "Phospho:B", "B+3.0", "Oxidation:"])
def test_unknown_names_accessions_and_residues(text):
    with pytest.raises(InputError) as caught:
        requested_tokens(text)
    assert text in str(caught.value)


@pytest.mark.parametrize("text", ["Phospho", "", "S+", "G-60.0", "Methyl:N-term", "STY"])
def test_what_cannot_be_offered(text):
    with pytest.raises(InputError):
        requested_tokens(text)


def test_the_nearest_name_is_told():
    with pytest.raises(UnknownModificationError, match="'Phospho'"):
        requested_tokens("Phosfo:S")


def test_tokens_by_mass_weigh_residue_and_mass():
    vocabulary = Vocabulary(["K[+87.0684]", "S[-18.0106]"])
    for residue, delta, token in (("K", 87.0684, vocabulary.tokens[-2]), ("S", -18.0106, vocabulary.tokens[-1])):
        expected = mass.fast_mass(residue) - mass.calculate_mass(formula="H2O") + delta
        assert token.mass == pytest.approx(expected, abs=1e-6) and token.is_modified
    # the plain residues are still themselves
    assert vocabulary.encode("KS") == VOCABULARY.encode("KS")


def test_peptides_with_tokens_by_mass_are_read_back():
    ids, masses = VOCABULARY.read("PEK[+87.0684]TX[+200.1000]")
    assert len(ids) == 5 and masses[2] == pytest.approx(128.09496 + 87.0684, abs=1e-4)
    ids, masses = Vocabulary(["K[+87.0684]"]).read("PEK[+87.0684]T")
    assert Vocabulary(["K[+87.0684]"]).decode(ids) == "PEK[+87.0684]T"
