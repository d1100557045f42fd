"""Identifications of every tool, in files as the tools write them, joined with the spectra that they are of."""

from collections import Counter
from pathlib import Path

import pytest
from psm_utils import PSM, PSMList
from psm_utils.io import write_file
from pyteomics import mass

from data.errors import InputError
from data.identifications import Join, JoinSettings, read_identifications
from tests.data.tool_files import FILES, IDXML, MSMS, SAGE, table

PROTON = 1.007276467
OXIDISED = "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K"
MASSES = {  # by pyteomics, modifications from Unimod's pages
    OXIDISED: mass.fast_mass("ACDEMK") + 42.010565 + 57.021464 + 15.994915,
    "SAMPLER": mass.fast_mass("SAMPLER"),
    "PEPTIDEK": mass.fast_mass("PEPTIDEK"),
}
SCANS = {17: OXIDISED, 19: "SAMPLER", 21: "PEPTIDEK", 23: "PEPTIDEK"}
"""Scan 21 is identified as a decoy or badly; scan 23 not at all."""


def mz(peptidoform: str, charge: int = 2) -> float:
    return MASSES[peptidoform] / charge + PROTON


@pytest.fixture
def spectra(tmp_path: Path) -> Path:
    path = tmp_path / "run.mgf"
    with path.open("w") as stream:
        for scan, peptidoform in SCANS.items():
            stream.write(f"BEGIN IONS\nTITLE=run.{scan}.{scan}.2\nSCANS={scan}\nPEPMASS={mz(peptidoform)}\nCHARGE=2+\n")
            stream.write("100.5 1\nEND IONS\n")
    return path


def join(path: Path, spectra: Path, **settings) -> tuple[dict[str, str | None], Join]:
    joined = Join(read_identifications(path), JoinSettings(**settings))
    skipped: Counter[str] = Counter()
    found = {s.spectrum_id: s.peptidoform for s, _ in joined.annotate([spectra], skipped)}
    assert not skipped
    return found, joined


@pytest.mark.parametrize("name", FILES)
def test_every_tool_annotates_the_spectra_that_it_identified(tmp_path, spectra, name):
    path = tmp_path / name
    path.write_text(FILES[name])
    found, joined = join(path, spectra)
    assert found == {"run.mgf:0": OXIDISED, "run.mgf:1": "SAMPLER", "run.mgf:2": None, "run.mgf:3": None}
    assert joined.joined == 2
    assert joined.read == joined.joined + joined.skipped.total()
    assert set(joined.skipped) <= {"decoy", "q-value above 0.01", "not the best match of its spectrum"}


@pytest.mark.parametrize("ids", [("run.17.17.2", "run.19.19.2"), ("17", "19"), ("scan=17", "scan=19")])
def test_what_psm_utils_writes_is_joined(tmp_path, spectra, ids):
    psms = [
        PSM(peptidoform=f"{peptidoform}/2", spectrum_id=spectrum_id, run="run", score=1.0, qvalue=0.001, rank=1,
            protein_list=["P1"], precursor_mz=400.0, is_decoy=False)
        for peptidoform, spectrum_id in zip((OXIDISED, "SAMPLER"), ids, strict=True)
    ]  # fmt: skip
    path = tmp_path / "out.psm.tsv"
    write_file(PSMList(psm_list=psms), path, filetype="tsv")
    found, joined = join(path, spectra)
    assert (found["run.mgf:0"], found["run.mgf:1"], joined.joined) == (OXIDISED, "SAMPLER", 2)


def test_each_match_that_is_left_out_has_its_reason(tmp_path, spectra):
    path = tmp_path / "results.sage.tsv"
    header = SAGE.splitlines()[0]
    path.write_text(
        table(
            "  ".join(header.split("\t")),
            "1  SAMPLER  P  run.mgf  run.19.19.2  1  1  800  2  1  2  0.001",
            "2  SAMPLERK  P  run.mgf  run.21.21.2  1  1  800  2  1  2  0.001",
            "3  PEPT[+1234.5]IDEK  P  run.mgf  run.21.21.2  1  1  800  2  1  2  0.001",
            "4  PEPTIDEK  P  run.mgf  run.21.21.2  1  1  800  3  1  2  0.001",
            "5  PEPTIDEK  P  run.mgf  run.99.99.2  1  1  800  2  1  2  0.001",
            "6  PEPTIDEK  P  other.mgf  other.23.23.2  1  1  800  2  1  2  0.001",
            "7  PEPTIDEK  P  run.mgf  run.23.23.2  1  1  800  2  1  2  0.3",
            "8  PEPTJDEK  P  run.mgf  run.23.23.2  1  1  800  2  1  2  0.001",
        )
    )
    found, joined = join(path, spectra)
    assert [form for form in found.values() if form] == ["SAMPLER"]
    assert joined.skipped == {
        "does not weigh what the precursor weighs within 20 ppm": 1,
        "unknown modification": 1,
        "another charge than its spectrum's": 1,
        "no spectrum of that name in the files": 2,
        "q-value above 0.01": 1,
        "peptide that cannot be read": 1,
    }
    assert "1234.5" in next(iter(joined.unknown))
    assert join(path, spectra, max_q=0.5)[0]["run.mgf:3"] == "PEPTIDEK"


def test_scans_of_mzml_and_full_native_ids(tmp_path, mirror):
    path = tmp_path / "msms.txt"
    header = "Raw file  Scan number  Modified sequence  Charge  PEP  Reverse"
    path.write_text(table(header, "sage_one_peptide  30069  _LQSRPAAPPAPGPGQLTLR_  3  0.001  -"))
    mzml = mirror / "raw" / "sage_one_peptide.mzML"
    ((spectrum, found),) = Join(read_identifications(path), JoinSettings()).annotate([mzml], Counter())
    assert (found, spectrum.peptidoform) == (True, "LQSRPAAPPAPGPGQLTLR")
    path = tmp_path / "results.sage.tsv"
    native = "controllerType=0 controllerNumber=1 scan=30069"
    row = f"1  LQSRPAAPPAPGPGQLTLR  P  /x/sage_one_peptide.mzML  {native}  1  1  800  3  1  2  0.001"
    path.write_text(table("  ".join(SAGE.splitlines()[0].split("\t")), row))
    ((spectrum, found),) = Join(read_identifications(path), JoinSettings()).annotate([mzml], Counter())
    assert (found, spectrum.peptidoform) == (True, "LQSRPAAPPAPGPGQLTLR")


def test_two_runs_are_not_confused(tmp_path, spectra):
    other = tmp_path / "other.mgf"
    other.write_text(spectra.read_text().replace("TITLE=run.", "TITLE=other."))
    path = tmp_path / "msms.txt"
    path.write_text(MSMS)
    joined = Join(read_identifications(path), JoinSettings())
    found = [s.spectrum_id for s, annotated in joined.annotate([other, spectra], Counter()) if annotated]
    assert found == ["run.mgf:0", "run.mgf:1"]


def test_fixed_modifications_are_put_on_only_where_they_weigh(tmp_path, spectra):
    path = tmp_path / "msms.txt"
    path.write_text(MSMS)
    found, joined = join(path, spectra, fixed=())
    assert found["run.mgf:0"] is None and found["run.mgf:1"] == "SAMPLER"
    assert joined.skipped["does not weigh what the precursor weighs within 20 ppm"] == 1
    tmt = mass.fast_mass("SAMPLEK") + 2 * 229.162932
    text = spectra.read_text().replace(f"{mz('SAMPLER')}", f"{tmt / 2 + PROTON}")
    spectra.write_text(text)
    path.write_text(MSMS.replace("SAMPLER", "SAMPLEK"))
    found, _ = join(path, spectra, fixed=("TMT6plex:K", "TMT6plex:N-term"))
    assert found["run.mgf:1"] == "[UNIMOD:737]-SAMPLEK[UNIMOD:737]"
    with pytest.raises(InputError, match="Write Carbamidomethyl:C"):
        join(path, spectra, fixed=("Nonsense:K",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", "", "is empty"),
        ("other.txt", "a\tb\n1\t2\n", "no known file of identifications"),
        ("msms.txt", MSMS.replace("\t2\t400", "\ttwo\t400"), "behind 0 matches"),
        ("half.mzid", "<MzIdentML xmlns='http://psidev.info/psi/pi/mzIdentML/1.1'><SequenceCollection>", "mzIdentML"),
        ("study.pdResult", "SQLite format 3\0", "Export the PSMs as text"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        list(read_identifications(path))
    assert name in str(caught.value)


def test_idxml_is_read_with_pyopenms_and_else_says_so(tmp_path, spectra):
    path = tmp_path / "out.idXML"
    path.write_text(IDXML)
    try:
        import pyopenms  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match=r"peptrm\[openms\]"):
            read_identifications(path)
        return
    found, _ = join(path, spectra)
    assert found["run.mgf:0"] == OXIDISED
