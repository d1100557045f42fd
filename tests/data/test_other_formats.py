"""Files for other tools, read back by other tools: psm_utils, pyteomics, and by hand what they should hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from psm_utils.io import read_file
from pyteomics import fasta, mass, mgf

from data.errors import InputError
from data.predictions import Prediction, ProteinMatch
from data.readers import read_spectra
from data.schema import Spectrum
from data.writers import write_predictions, write_spectra

FORMS = ("[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K", "PEPTLDEK", "X[+234.5679]K")
PREDICTIONS = [
    Prediction("run.mzML:scan=17", 500.25, 2, 61.5, FORMS[0], (0.9, *(1.0,) * 6), 0.8, 355.643, 1.25, q_value=0.01),
    Prediction("run.mzML:scan=19", 464.7, 2, None, FORMS[1], (0.5,) * 8, 0.5, 464.742, -2.0,
               proteins=(ProteinMatch("P1", "K", "-", 5, 9), ProteinMatch("P2", "R", "A", 1, 5))),
    Prediction("run.mzML:scan=21", 464.7, 2, None, FORMS[1], (0.5,) * 8, 0.9, 464.742, -2.0),
    Prediction("run.mzML:scan=23", 181.6, 2, None, FORMS[2], (0.5,) * 2, 0.1, 181.6, 0.0),
    Prediction("run.mzML:scan=25", 300.0, 2, None, "", (), 0.0, None, None),
]  # fmt: skip


def write(path: Path, files=(Path("/data/run.mzML"),), **options) -> None:
    write_predictions(PREDICTIONS, path, source_files=list(files), software_version="9.9", **options)


def test_psm_utils_reads_its_table(tmp_path):
    write(tmp_path / "out.psm.tsv")
    psms = read_file(tmp_path / "out.psm.tsv", filetype="tsv")
    assert [psm.peptidoform.modified_sequence for psm in psms] == [FORMS[0], FORMS[1], FORMS[1], FORMS[2]]
    first, second = psms[0], psms[1]
    assert (first.run, first.spectrum_id, first.peptidoform.precursor_charge) == ("run", "scan=17", 2)
    assert (first.score, first.qvalue, first.precursor_mz, first.retention_time) == (0.8, 0.01, 500.25, 61.5)
    assert first.pep == pytest.approx(0.2)
    assert second.protein_list == ["P1", "P2"]
    expected = mass.fast_mass("ACDEMK") + 42.010565 + 57.021464 + 15.994915
    assert first.peptidoform.theoretical_mass == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["out.psm.tsv", "out.pin"])
def test_psm_utils_reads_two_modifications_of_a_terminus(tmp_path, name):
    twice = replace(PREDICTIONS[1], peptidoform="[UNIMOD:5][UNIMOD:385]-PEPTLDEK", proteins=())
    write_predictions([twice], tmp_path / name, source_files=[Path("run.mzML")], software_version="9.9")
    (psm,) = read_file(tmp_path / name, filetype="tsv" if name.endswith(".tsv") else "percolator")
    expected = mass.fast_mass("PEPTLDEK") + 43.005814 - 17.026549
    assert psm.peptidoform.theoretical_mass == pytest.approx(expected, abs=1e-4)


def test_psm_utils_reads_the_input_of_percolator(tmp_path):
    write(tmp_path / "out.pin")
    psms = read_file(tmp_path / "out.pin")
    assert [psm.spectrum_id for psm in psms] == [f"run.mzML:scan={n}" for n in (17, 19, 21, 23)]
    assert [psm.peptidoform.modified_sequence for psm in psms][:2] == list(FORMS[:2])
    assert psms[0].peptidoform.precursor_charge == 2
    assert not psms[0].is_decoy
    assert psms[1].protein_list == ["P1", "P2"]
    features = psms[0].rescoring_features
    assert (features["least_residue_score"], features["peptide_score"], features["length"]) == (0.9, 0.8, 6)
    lines = (tmp_path / "out.pin").read_text().splitlines()
    assert lines[1].split("\t")[:3] == ["run.mzML:scan=17", "1", "17"]


def test_psm_utils_reads_the_table_of_maxquant(tmp_path):
    write(tmp_path / "msms.txt")
    psms = read_file(tmp_path / "msms.txt")
    assert (psms[0].run, psms[0].spectrum_id, psms[0].pep) == ("run", "17", pytest.approx(0.2))
    assert psms[0].peptidoform.sequence == "ACDEMK"
    assert psms[0].score == 80
    assert psms[1].protein_list == ["P1", "P2"]
    rows = [line.split("\t") for line in (tmp_path / "msms.txt").read_text().splitlines()]
    first = dict(zip(rows[0], rows[1], strict=True))
    assert first["Modified sequence"] == "_(Acetyl (N-term))AC(Carbamidomethyl (C))DEM(Oxidation (M))K_"
    assert first["Modifications"] == "Acetyl (N-term),Carbamidomethyl (C),Oxidation (M)"
    assert float(first["Retention time"]) == pytest.approx(61.5 / 60)
    assert dict(zip(rows[0], rows[2], strict=True))["Modifications"] == "Unmodified"


def test_fasta_holds_each_confident_peptide_once(tmp_path):
    write(tmp_path / "out.fasta", min_probability=0.5)
    entries = [tuple(entry) for entry in fasta.read(str(tmp_path / "out.fasta"))]
    assert entries == [
        ("denovo_1 probability=0.9000 spectra=2", "PEPTLDEK"),
        ("denovo_2 probability=0.8000 spectra=1", "ACDEMK"),
    ]


@pytest.fixture
def spectra(tmp_path) -> Path:
    """Two of the predicted spectra, one of them with the b2 and y1 ions of PEPTLDEK."""
    ions = [mass.fast_mass("PE", ion_type="b", charge=1), mass.fast_mass("K", ion_type="y", charge=1), 900.0]
    records = [
        Spectrum("run.mzML:scan=17", 355.6, 2, np.array([100.5]), np.array([1.0], np.float32), retention_time=61.5),
        Spectrum("run.mzML:scan=19", 464.7, 2, np.sort(ions), np.array([0.5, 1.0, 0.25], np.float32)),
        Spectrum("run.mzML:scan=99", 464.7, 2, np.array([100.5]), np.array([1.0], np.float32)),
    ]
    path = tmp_path / "run.parquet"
    write_spectra(records, path)
    return path


def test_annotated_mgf_holds_the_peaks_of_the_spectra(tmp_path, spectra):
    write(tmp_path / "out.mgf", [spectra])
    entries = list(mgf.read(str(tmp_path / "out.mgf"), use_index=False))
    assert [entry["params"]["seq"] for entry in entries] == list(FORMS[:2])
    assert entries[0]["params"]["scans"] == "17"
    assert entries[0]["params"]["rtinseconds"] == 61.5
    assert entries[1]["intensity array"].tolist() == [0.5, 1.0, 0.25]
    assert [s.peptidoform for s in read_spectra(tmp_path / "out.mgf")] == list(FORMS[:2])


def test_a_library_names_its_ions_and_comes_back(tmp_path, spectra):
    write(tmp_path / "out.msp", [spectra])
    text = (tmp_path / "out.msp").read_text()
    assert "Mods=3/0,A,Acetyl/1,C,Carbamidomethyl/4,M,Oxidation" in text
    assert '"y1/0.0ppm"' in text and '"b2/0.0ppm"' in text and '900.00000\t2500.00\t"?"' in text
    back = list(read_spectra(tmp_path / "out.msp"))
    assert [s.peptidoform for s in back] == list(FORMS[:2])
    assert (back[0].retention_time, back[0].precursor_mz) == (61.5, 355.6)
    assert back[1].intensity.tolist() == [0.5, 1.0, 0.25]


def test_files_that_hold_none_of_the_spectra_are_refused(tmp_path, spectra):
    write_spectra([Spectrum("else:0", 400.0, 2, np.array([1.0]), np.array([1.0], np.float32))], spectra)
    with pytest.raises(InputError, match="none of the spectra"):
        write(tmp_path / "out.mgf", [spectra])
    assert not (tmp_path / "out.mgf").exists()
