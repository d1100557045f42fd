"""Predictions come back from every table they were written to, and from Casanovo's mzTab."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError
from data.prediction_files import is_prediction_file, read_predictions
from data.predictions import Prediction
from data.writers import write_predictions

PREDICTIONS = [
    Prediction(
        "run.mgf:3", 500.25, 2, 61.5, "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K", (0.9, *(0.5,) * 6), 0.75, 500.2, 99.96,
        q_value=0.25, outlier_score=0.5, is_proven=True, ambiguity="3-4:DE=ED",
    ),
    Prediction("run.mgf:4/3", 400.5, 3, None, "PEPTX[+234.5679]K", (0.5,) * 6, 0.5, 400.5, -2.0, is_proven=False),
    Prediction("run.mgf:9", 300.0, 2, None, "", (), 0.0, None, None),
]  # fmt: skip
CASANOVO = "\n".join(
    "\t".join(cells)
    for cells in (
        ("MTD", "mzTab-version", "1.0.0"),
        ("MTD", "ms_run[1]-location", "file:///data/my%20run.mzML"),
        ("PSH", "sequence", "PSM_ID", "search_engine_score[1]", "retention_time", "charge", "exp_mass_to_charge",
         "calc_mass_to_charge", "spectra_ref", "accession", "opt_ms_run[1]_aa_scores"),
        ("PSM", "M+15.995AC+57.021K", "1", "0.9", "null", "2.0", "250.5", "null",
         "ms_run[1]:controllerType=0 controllerNumber=1 scan=17", "null", "0.9,0.8,0.7,0.6"),
    )
)  # fmt: skip


def write(path: Path) -> None:
    write_predictions(PREDICTIONS, path, source_files=[Path("/data/run.mgf")], software_version="9.9")


@pytest.mark.parametrize("ending", [".tsv", ".csv", ".parquet"])
def test_tables_come_back(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    write(path)
    assert is_prediction_file(path)
    for back, written in zip(read_predictions(path), PREDICTIONS[:2], strict=True):
        assert replace(back, residue_scores=(), ppm_error=None) == replace(written, residue_scores=(), ppm_error=None)
        assert back.residue_scores == pytest.approx(written.residue_scores)


def test_mztab_comes_back(tmp_path):
    write(tmp_path / "out.mztab")
    first, second = read_predictions(tmp_path / "out.mztab")
    assert replace(first, ppm_error=99.96) == PREDICTIONS[0]
    assert first.ppm_error == pytest.approx(99.96, abs=0.01)
    assert (second.spectrum_id, second.precursor_charge) == ("run.mgf:4", 3)
    assert (second.peptidoform, second.is_proven) == (PREDICTIONS[1].peptidoform, False)


def test_casanovo_is_read(tmp_path):
    path = tmp_path / "casanovo.mztab"
    path.write_text(CASANOVO + "\n")
    (prediction,) = read_predictions(path)
    assert prediction.spectrum_id == "my run.mzML:scan=17"
    assert prediction.peptidoform == "M[UNIMOD:35]AC[UNIMOD:4]K"
    assert prediction.residue_scores == (0.9, 0.8, 0.7, 0.6)
    assert prediction.calculated_mz == pytest.approx((131.04049 + 15.994915 + 71.03711 + 103.00919 + 57.021464 + 128.09496 + 18.01056) / 2 + 1.007276, abs=1e-4)  # fmt: skip # noqa: E501


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("spectra.mgf", "BEGIN IONS\n", "no file of predicted peptides"),
        ("half.mztab", CASANOVO[:-20], "behind 0 peptides"),
        ("out.tsv", "spectrum_id\tpeptide_score\nrun.mgf:0\t1\n", "behind 0 peptides"),
    ],
)
def test_others_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        list(read_predictions(path))
    assert name in str(caught.value)
