"""Every notation of a peptidoform, unknown modifications, and the annotations of real data."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyteomics import mass, mgf, proforma

from data.chemistry import MODIFICATIONS, RESIDUE_MASSES, neutral_mass
from data.errors import InputError, UnknownModificationError
from data.peptidoform import Peptidoform, parse_peptidoform

SITES = {"C": 4, "M": 35, "S": 21, "T": 21, "Y": 21, "N": 7, "Q": 7}

READ = {
    "PEPTIDE": "PEPTIDE",
    # ProForma 2.0
    "[Acetyl]-PEPM[Oxidation]TIDE": "[UNIMOD:1]-PEPM[UNIMOD:35]TIDE",
    "[UNIMOD:5][UNIMOD:385]-PEPC[UNIMOD:4]K": "[UNIMOD:5][UNIMOD:385]-PEPC[UNIMOD:4]K",
    "PEPM[U:Oxidation]K/2": "PEPM[UNIMOD:35]K",
    "PEPM[U:+15.995]K": "PEPM[UNIMOD:35]K",
    "PEPM[Oxidation|info:sure]K": "PEPM[UNIMOD:35]K",
    "PEPM[Oxidation#g1(0.9)]K": "PEPM[UNIMOD:35]K",
    "<[Carbamidomethyl]@C>PCC[Propionamide]K": "PC[UNIMOD:4]C[UNIMOD:24]K",
    "<[Carbamidomethyl]@C><[Oxidation]@M,W>WMCK": "W[UNIMOD:35]M[UNIMOD:35]C[UNIMOD:4]K",
    "[+25.980265]-PEPTIDE": "[UNIMOD:5][UNIMOD:385]-PEPTIDE",
    "[-17.026549]-PEPTIDE": "[UNIMOD:385]-PEPTIDE",
    "K[Label:13C(6)15N(2)]A": "K[UNIMOD:259]A",
    # names and masses behind the residue
    "M[Oxidation]K": "M[UNIMOD:35]K",
    "M[OXIDATION]K": "M[UNIMOD:35]K",
    "M(Oxidation)K": "M[UNIMOD:35]K",
    "C(Carbamidomethylation)N(Deamidation)K": "C[UNIMOD:4]N[UNIMOD:7]K",
    "M[+15.995]K": "M[UNIMOD:35]K",
    "M[15.9949]K": "M[UNIMOD:35]K",
    "M(+15.99)K": "M[UNIMOD:35]K",
    "M+15.995K": "M[UNIMOD:35]K",
    "M+16K": "M[UNIMOD:35]K",
    "AC+57.021K": "AC[UNIMOD:4]K",
    "S(+79.97)T[79.96]Y+80K": "S[UNIMOD:21]T[UNIMOD:21]Y[UNIMOD:21]K",
    "N(+.98)Q+0.984K": "N[UNIMOD:7]Q[UNIMOD:7]K",
    "AM[-48.0034]K": "AM[UNIMOD:526]K",
    # residue included, as the Trans-Proteomic Pipeline writes
    "M[147]C[160]S[167]K": "M[UNIMOD:35]C[UNIMOD:4]S[UNIMOD:21]K",
    "n[43.0184]PEPC[160.0307]K": "[UNIMOD:1]-PEPC[UNIMOD:4]K",
    "n[43]PEPTIDE": "[UNIMOD:1]-PEPTIDE",
    "n[44]PEPTIDE": "[UNIMOD:5]-PEPTIDE",
    "n[43.0058]PEPTIDE": "[UNIMOD:5]-PEPTIDE",
    # MaxQuant
    "_(ac)M(ox)PEPTIDE_": "[UNIMOD:1]-M[UNIMOD:35]PEPTIDE",
    "_AN(de)S(ph)K_": "AN[UNIMOD:7]S[UNIMOD:21]K",
    "_(gl)QPEP_": "[UNIMOD:28]-QPEP",
    "_(gl)EPEP_": "[UNIMOD:27]-EPEP",
    "_(Acetyl (Protein N-term))M(Oxidation (M))PEP_": "[UNIMOD:1]-M[UNIMOD:35]PEP",
    # MassIVE-KB, Casanovo, nine-species, InstaNovo, PEAKS, elfragmentador
    "+42.011PEPTIDE": "[UNIMOD:1]-PEPTIDE",
    "-17.027PEPTIDE": "[UNIMOD:385]-PEPTIDE",
    "+43.006-17.027PEPTIDE": "[UNIMOD:5][UNIMOD:385]-PEPTIDE",
    "+25.980265PEPTIDE": "[UNIMOD:5][UNIMOD:385]-PEPTIDE",
    "[Carbamyl][Ammonia-loss]-PEPTIDE": "[UNIMOD:5][UNIMOD:385]-PEPTIDE",
    "n[42]PEPTIDE": "[UNIMOD:1]-PEPTIDE",
    "n[42.0106]AC[57.0215]K": "[UNIMOD:1]-AC[UNIMOD:4]K",
    "[UNIMOD:1]PEPTIDE": "[UNIMOD:1]-PEPTIDE",
    "A(+42.01)PEPTIDE": "[UNIMOD:1]-APEPTIDE",
    "M+15.995+42.011K": "[UNIMOD:1]-M[UNIMOD:35]K",
    "n[TMT6PLEX]AK[TMT6PLEX]c": "[UNIMOD:737]-AK[UNIMOD:737]",
    " PEPTIDE\r\n": "PEPTIDE",
}


@st.composite
def peptidoforms(draw: st.DrawFn) -> Peptidoform:
    residues = draw(st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=30))
    modifications = tuple(draw(st.sampled_from((None, SITES.get(letter)))) for letter in residues)
    return Peptidoform(residues, modifications, draw(st.sampled_from(((), (1,), (5,), (385,), (5, 385)))))


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_notations(text: str, expected: str) -> None:
    assert parse_peptidoform(text).proforma() == expected


@given(peptidoforms())
def test_what_is_written_is_read_back(peptidoform: Peptidoform) -> None:
    assert parse_peptidoform(peptidoform.proforma()) == peptidoform


@given(peptidoforms())
def test_other_notations_mean_the_same(peptidoform: Peptidoform) -> None:
    def written(residue: str, terminus: str) -> str:
        """The peptidoform with modifications written by these templates."""
        fields = [{"name": m.name, "mass": m.mass} for m in map(MODIFICATIONS.__getitem__, peptidoform.n_term)]
        parts = [terminus.format(**values) for values in fields]
        for letter, accession in zip(peptidoform.residues, peptidoform.modifications, strict=True):
            parts.append(letter)
            if accession is not None:
                modification = MODIFICATIONS[accession]
                parts.append(residue.format(name=modification.name, mass=modification.mass))
        return "".join(parts)

    assert parse_peptidoform(written("[{name}]", "[{name}]-")) == peptidoform
    assert parse_peptidoform(written("({name})", "({name})")) == peptidoform
    assert parse_peptidoform(written("[{mass:+.4f}]", "[{mass:+.4f}]-")) == peptidoform
    assert parse_peptidoform(written("{mass:+.3f}", "{mass:+.3f}")) == peptidoform
    assert parse_peptidoform(written("({mass:+.2f})", "({mass:+.2f})")) == peptidoform
    assert parse_peptidoform("n" + written("[{mass:.4f}]", "[{mass:.4f}]")) == peptidoform


# pyteomics 4.7.5 reads one N-terminal group at most
@given(peptidoforms().filter(lambda peptidoform: len(peptidoform.n_term) < 2))
def test_pyteomics_reads_our_proforma(peptidoform: Peptidoform) -> None:
    sequence, properties = proforma.parse(peptidoform.proforma())
    assert "".join(letter for letter, _ in sequence) == peptidoform.residues
    accessions = [int(tags[0].value) if tags else None for _, tags in sequence]
    assert accessions == list(peptidoform.modifications)
    assert [int(tag.value) for tag in properties["n_term"] or ()] == list(peptidoform.n_term)


@given(peptidoforms().filter(lambda peptidoform: len(peptidoform.n_term) < 2))
def test_pyteomics_weighs_our_peptidoforms_alike(peptidoform: Peptidoform) -> None:
    deltas = re.sub(r"UNIMOD:(\d+)", lambda m: f"{MODIFICATIONS[int(m[1])].mass:+.9f}", peptidoform.proforma())
    assert proforma.ProForma.parse(deltas).mass == pytest.approx(peptidoform.mass, abs=1e-5)


@given(st.text("ACKMXZnc[]()<>@+-./_0123456789 UNIMOD:xa|#{}?", max_size=25))
def test_any_text_is_a_peptidoform_or_a_clear_error(text: str) -> None:
    try:
        assert set(parse_peptidoform(text).residues) <= RESIDUE_MASSES.keys()
    except InputError as error:
        assert error.problem and "\n" not in error.problem


@pytest.mark.parametrize(
    ("text", "named", "nearest"),
    [
        ("AAM[Oxidxation]K", "Oxidxation on M", "Oxidation (UNIMOD:35"),
        ("AAK[Acetil]", "Acetil on K", "Acetyl (UNIMOD:1,"),
        ("AAK[UNIMOD:738]", "UNIMOD:738 on K", "TMT6plex (UNIMOD:737"),
        ("AAP+57.02K", "+57.02 on P", "Carbamidomethyl (UNIMOD:4"),
        ("AAK[UNIMOD:³]", "UNIMOD:³ on K", ""),
        ("AAM[+16.5]K", "+16.5 on M", "Oxidation (UNIMOD:35"),
        ("[+41.5]-AAK", "+41.5 on the N terminus", "Acetyl (UNIMOD:1,"),
        ("AAK-[Amidated]", "Amidated on the C terminus", "Deamidated (UNIMOD:7"),
        ("_AA(zz)K_", "zz on A", "Carbamidomethyl"),
    ],
)
def test_an_unknown_modification_is_named_with_the_nearest_known(text: str, named: str, nearest: str) -> None:
    with pytest.raises(UnknownModificationError) as caught:
        parse_peptidoform(text)
    assert f"unknown modification {named}" in str(caught.value)
    assert f"The nearest known is {nearest}" in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", " ", "peptide", "PEPXIDE", "PEP TIDE", "PEP?TIDE", "[Acetyl]-", "M[Oxidation", "7"],
)
def test_what_is_no_peptide_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_peptidoform(text)
    assert not isinstance(caught.value, UnknownModificationError)


def test_two_modifications_on_one_residue_are_refused() -> None:
    with pytest.raises(InputError, match="more than one modification on M2"):
        parse_peptidoform("AM[Oxidation][Acetyl]K")


def test_a_peptidoform_checks_itself() -> None:
    with pytest.raises(InputError, match="modification entries"):
        Peptidoform("PEP", (None,))
    with pytest.raises(UnknownModificationError, match="UNIMOD:99999"):
        Peptidoform("K", (99999,))


# Spectra of each file, and how many precursors weigh within 50 ppm of the peptide: one of the others differs by 131 Da,
# the rest by 0.9 to 2.0 Da, as a wrong isotope or a missed deamidation does.
ANNOTATED = {
    "casanovo_mouse_128.mgf": (128, 128),
    "massivekb_500.mgf": (500, 500),
    "pepnet_example_1001.mgf": (1001, 1001),
    "proteometools_225.mgf": (225, 220),
    "qeplus_hair_608.mgf": (608, 595),
    "tripletof_test.mgf": (313, 309),
    "winnow_example_100.mgf": (100, 97),
}


@pytest.mark.parametrize("name", ANNOTATED)
def test_annotated_spectra_weigh_what_their_precursors_weigh(mirror: Path, name: str) -> None:
    errors_ppm = []
    with mgf.MGF(str(mirror / "annotated" / name), convert_arrays=0, read_charges=False) as spectra:
        for parameters in (spectrum["params"] for spectrum in spectra):
            calculated = parse_peptidoform(parameters["seq"]).mass
            measured = neutral_mass(float(parameters["pepmass"][0]), int(parameters["charge"][0]))
            errors_ppm.append((measured - calculated) / calculated * 1e6)
    assert (len(errors_ppm), sum(abs(error) < 50 for error in errors_ppm)) == ANNOTATED[name]


def test_training_peptidoforms_weigh_what_their_precursors_weigh(mirror: Path) -> None:
    columns = ["peptidoform", "precursor_mz", "precursor_charge"]
    rows = pq.read_table(mirror / "train" / "real_psms.parquet", columns=columns).to_pylist()
    assert len(rows) == 2500
    for row in rows:
        measured = neutral_mass(row["precursor_mz"], row["precursor_charge"])
        assert measured == pytest.approx(parse_peptidoform(row["peptidoform"]).mass, rel=50e-6), row


def test_nine_species_labels_are_read(mirror: Path) -> None:
    for path in sorted((mirror / "peptides").glob("nine_species_*_labels.csv")):
        labels = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
        assert len(labels) > 1000
        for label in labels:
            plain = re.sub(r"n?\[[^\]]*\]", "", label)
            deltas = sum(map(float, re.findall(r"\[([^\]]*)\]", label)))
            expected = mass.fast_mass(plain) + deltas
            assert parse_peptidoform(label).mass == pytest.approx(expected, abs=1e-3)
