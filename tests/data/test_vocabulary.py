"""Tokens, their masses, and the way from peptidoforms to ids and back."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyteomics import mass, mgf

from data.chemistry import WATER
from data.errors import InputError, UnknownModificationError
from data.peptidoform import parse_peptidoform
from data.vocabulary import GAP, PAD, STOP, VOCABULARY, Vocabulary

IDS = {token.text: number for number, token in enumerate(VOCABULARY.tokens)}
RESIDUE_IDS = [n for n in range(STOP + 1, GAP) if not VOCABULARY.is_terminal[n]]
TERMINAL_IDS = [n for n in range(len(VOCABULARY)) if VOCABULARY.is_terminal[n]]


@st.composite
def peptides(draw: st.DrawFn) -> list[int]:
    terminus = draw(st.sampled_from([[], *([number] for number in TERMINAL_IDS)]))
    residues = draw(st.lists(st.sampled_from(RESIDUE_IDS), min_size=1, max_size=30))
    return [*terminus, *residues]


def test_the_vocabulary_is_complete() -> None:
    assert (PAD, STOP) == (0, 1)
    assert len(VOCABULARY) == len(VOCABULARY.tokens) == len(VOCABULARY.masses) == 2 + 19 + 2 + 3 + 2 + 4 + 1
    assert len(set(IDS)) == len(VOCABULARY)
    assert [VOCABULARY.tokens[n].text for n in TERMINAL_IDS] == [
        "[UNIMOD:1]-",
        "[UNIMOD:5]-",
        "[UNIMOD:385]-",
        "[UNIMOD:5][UNIMOD:385]-",
    ]


def test_token_masses_are_those_of_pyteomics() -> None:
    formulas = {1: "H2C2O", 4: "H3C2NO", 5: "HCNO", 7: "H-1N-1O", 21: "HO3P", 35: "O", 385: "H-3N-1"}
    for token, mass_da in zip(VOCABULARY.tokens, VOCABULARY.masses, strict=True):
        expected = sum(mass.calculate_mass(formula=formulas[a]) for a in token.modifications)
        expected += mass.calculate_mass(sequence=token.residue) - WATER if token.residue else 0.0
        assert mass_da == token.mass == pytest.approx(expected, abs=1e-8)
    assert VOCABULARY.masses[IDS["[UNIMOD:5][UNIMOD:385]-"]] == pytest.approx(25.979265, abs=1e-6)
    assert VOCABULARY.masses.dtype == np.float64 and VOCABULARY.is_terminal.dtype == np.bool_


def test_a_token_is_a_residue_a_terminal_modification_or_neither() -> None:
    vocabulary = Vocabulary(["S[UNIMOD:34]"])
    residues = np.flatnonzero(vocabulary.is_residue).tolist()
    assert residues == [*RESIDUE_IDS, len(vocabulary) - 1]
    assert not VOCABULARY.is_residue[[PAD, STOP, GAP, *TERMINAL_IDS]].any()


def test_isobaric_tokens_weigh_the_same_to_the_last_bit() -> None:
    masses = VOCABULARY.masses
    assert masses[IDS["D"]] == masses[IDS["N[UNIMOD:7]"]]
    assert masses[IDS["E"]] == masses[IDS["Q[UNIMOD:7]"]]


def test_unmodified_cysteine_is_its_own_token() -> None:
    assert VOCABULARY.encode("CC[Carbamidomethyl]") == [IDS["C"], IDS["C[UNIMOD:4]"]]


def test_isoleucine_is_leucine() -> None:
    assert VOCABULARY.encode("LI") == [IDS["L"]] * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K", "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K"),
        ("_(ac)M(ox)PEPTIDE_", "[UNIMOD:1]-M[UNIMOD:35]PEPTLDE"),
        ("+43.006-17.027PEPK", "[UNIMOD:5][UNIMOD:385]-PEPK"),
        ("+25.980265PEPK", "[UNIMOD:5][UNIMOD:385]-PEPK"),
        ("[UNIMOD:385][UNIMOD:5]-PEPK", "[UNIMOD:5][UNIMOD:385]-PEPK"),
        ("[UNIMOD:28]-QPEPK", "[UNIMOD:385]-QPEPK"),
        ("Q[UNIMOD:28]PEPK", "[UNIMOD:385]-QPEPK"),
        ("S(+42.01)PEPK", "[UNIMOD:1]-SPEPK"),
        ("[UNIMOD:5]-C[-17.027]PEPK", "[UNIMOD:5][UNIMOD:385]-CPEPK"),
        (
            "S[Phospho]T[Phospho]Y[Phospho]N[Deamidated]Q[Deamidated]K",
            "S[UNIMOD:21]T[UNIMOD:21]Y[UNIMOD:21]N[UNIMOD:7]Q[UNIMOD:7]K",
        ),
    ],
)
def test_encode_and_decode(text: str, expected: str) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == expected
    assert VOCABULARY.encode(parse_peptidoform(text)) == VOCABULARY.encode(text)


@given(peptides())
def test_ids_survive_the_way_over_text(ids: list[int]) -> None:
    text = VOCABULARY.decode([*ids, STOP, PAD, PAD])
    assert VOCABULARY.encode(text) == ids
    assert VOCABULARY.token_masses(ids).sum() + WATER == pytest.approx(parse_peptidoform(text).mass, abs=1e-6)


def test_decoding_stops_at_the_first_stop_or_padding() -> None:
    assert VOCABULARY.decode([IDS["K"], STOP, IDS["K"]]) == "K"
    assert VOCABULARY.decode([IDS["K"], PAD, IDS["K"]]) == "K"
    assert VOCABULARY.decode([]) == VOCABULARY.decode([STOP]) == ""


def test_token_masses_keep_the_shape() -> None:
    assert VOCABULARY.token_masses(np.array([[IDS["G"], STOP], [PAD, IDS["W"]]])).shape == (2, 2)


@pytest.mark.parametrize(
    ("text", "named", "nearest"),
    [
        ("AAK[UNIMOD:737]", "TMT6plex (UNIMOD:737) on K3", "K"),
        ("AM[Dioxidation]K", "Dioxidation (UNIMOD:425) on M2", "M[UNIMOD:35]"),
        ("AM[Acetyl]K", "Acetyl (UNIMOD:1) on M2", "M[UNIMOD:35]"),
        ("[UNIMOD:4]-PEPK", "Carbamidomethyl (UNIMOD:4) on the N terminus", "[UNIMOD:5]-"),
        (
            "[UNIMOD:1]-C[-17.027]K",
            "Acetyl (UNIMOD:1) and Ammonia-loss (UNIMOD:385) on the N terminus",
            "[UNIMOD:5][UNIMOD:385]-",
        ),
    ],
)
def test_what_has_no_token_is_named_with_the_nearest_that_has(text: str, named: str, nearest: str) -> None:
    with pytest.raises(UnknownModificationError) as caught:
        VOCABULARY.encode(text)
    assert f"the vocabulary has no {named}" in str(caught.value)
    assert str(caught.value).endswith(f"The nearest known is {nearest}.")


def test_offered_tokens_follow_the_known_ones() -> None:
    acetylated = Vocabulary(("K[UNIMOD:1]",))
    assert acetylated.tokens[: len(VOCABULARY)] == VOCABULARY.tokens
    assert acetylated.decode(acetylated.encode("GIK[Acetyl]")) == "GLK[UNIMOD:1]"
    with pytest.raises(InputError, match="UNIMOD:99999 has no mass"):
        Vocabulary(("K[UNIMOD:99999]",))


# Annotated spectra whose peptide has no token for one of its modifications; the other files have none.
WITHOUT_TOKEN = {"tripletof_test.mgf": 20}


def test_annotated_spectra_are_encoded(mirror: Path) -> None:
    refused: Counter[str] = Counter()
    for path in sorted((mirror / "annotated").glob("*.mgf")):
        with mgf.MGF(str(path), convert_arrays=0, read_charges=False) as spectra:
            for spectrum in spectra:
                peptide = parse_peptidoform(spectrum["params"]["seq"])
                try:
                    ids = VOCABULARY.encode(peptide)
                except UnknownModificationError:
                    refused[path.name] += 1
                    continue
                assert VOCABULARY.token_masses(ids).sum() + WATER == pytest.approx(peptide.mass, abs=1e-6)
    assert refused == WITHOUT_TOKEN


def test_a_gap_is_written_and_read_with_its_mass() -> None:
    ids = [*VOCABULARY.encode("PE"), GAP, *VOCABULARY.encode("K")]
    text = VOCABULARY.decode(ids, [0, 0, 234.56789, 0])
    assert text == "PEX[+234.5679]K"
    read, masses = VOCABULARY.read(text)
    assert read == ids
    assert masses[2] == pytest.approx(234.5679) and masses[3] == VOCABULARY.masses[ids[3]]


def test_what_the_vocabulary_lacks_is_read_by_its_mass() -> None:
    ids, masses = VOCABULARY.read("SAK[UNIMOD:34]")
    assert ids[2] == GAP
    assert masses[2] == pytest.approx(mass.calculate_mass(sequence="K") - WATER + 14.01565, abs=1e-4)
    offered = Vocabulary(["K[UNIMOD:34]"])
    assert offered.read("SAK[UNIMOD:34]")[0][2] == GAP + 1
    assert VOCABULARY.read("") == ([], pytest.approx([]))
    with pytest.raises(InputError):
        VOCABULARY.read("not a peptide")
