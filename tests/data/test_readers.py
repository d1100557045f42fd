"""Readers: what each notation means, what is skipped and why, and every real file of the mirror to its end."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyteomics import mgf as pyteomics_mgf
from pyteomics import ms2 as pyteomics_ms2

from data.errors import InputError
from data.readers import read_spectra
from data.schema import Spectrum, to_table

GOOD = "BEGIN IONS\nTITLE=a\nPEPMASS=500.25 1234.5\nCHARGE=2+\nRTINSECONDS=61.5\n100.5 10\n200.5 40\nEND IONS\n"


def read(path: Path) -> tuple[list[Spectrum], dict[str, int]]:
    reader = read_spectra(path)
    return list(reader), dict(reader.skipped)


def mgf(tmp_path: Path, text: str) -> tuple[list[Spectrum], dict[str, int]]:
    path = tmp_path / "run.mgf"
    path.write_bytes(text.encode())
    return read(path)


def test_mgf_values(tmp_path):
    (spectrum,), skipped = mgf(tmp_path, GOOD)
    assert skipped == {}
    assert spectrum.spectrum_id == "run.mgf:0"
    assert (spectrum.precursor_mz, spectrum.precursor_charge, spectrum.retention_time) == (500.25, 2, 61.5)
    assert spectrum.mz.tolist() == [100.5, 200.5]
    assert spectrum.intensity.tolist() == [0.25, 1.0]
    assert spectrum.peptidoform is None


def test_crlf_odd_titles_and_blank_lines(tmp_path):
    text = "# made by hand\n\n" + GOOD.replace("TITLE=a", 'TITLE=File:"x=1" scan=5 = [µ]')
    (spectrum,), _ = mgf(tmp_path, text.replace("\n", "\r\n"))
    assert spectrum.mz.tolist() == [100.5, 200.5]


@pytest.mark.parametrize("notation", ["PEPTC[Carbamidomethyl]IDEK", "PEPTC+57.021IDEK", "PEPTC(+57.02)IDEK"])
def test_annotations_are_normalised(tmp_path, notation):
    (spectrum,), _ = mgf(tmp_path, GOOD.replace("TITLE=a", f"TITLE=a\nSEQ={notation}"))
    assert spectrum.peptidoform == "PEPTC[UNIMOD:4]IDEK"


def test_unreadable_annotation_leaves_the_spectrum(tmp_path):
    path = tmp_path / "run.mgf"
    path.write_text(GOOD.replace("TITLE=a", "SEQ=PEPT[Nonsense]K"))
    reader = read_spectra(path)
    assert [spectrum.peptidoform for spectrum in reader] == [None]
    assert reader.unannotated.total() == 1


def test_several_charges_give_a_spectrum_each(tmp_path):
    spectra, _ = mgf(tmp_path, GOOD.replace("CHARGE=2+", "CHARGE=2+ and 3+"))
    assert [(s.spectrum_id, s.precursor_charge) for s in spectra] == [("run.mgf:0/2", 2), ("run.mgf:0/3", 3)]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("CHARGE=2+\n", "", "no precursor charge"),
        ("CHARGE=2+", "CHARGE=0+", "precursor charge not in 1–8"),
        ("CHARGE=2+", "CHARGE=12+", "precursor charge not in 1–8"),
        ("CHARGE=2+", "CHARGE=2-", "precursor charge not in 1–8"),
        ("PEPMASS=500.25 1234.5\n", "", "no precursor m/z"),
        ("PEPMASS=500.25", "PEPMASS=0", "no precursor m/z"),
        ("PEPMASS=500.25", "PEPMASS=nan", "no precursor m/z"),
        ("100.5 10", "100.5 nan", "a peak is not a number"),
        ("100.5 10", "inf 10", "a peak is not a number"),
        ("100.5 10", "100.5 -3", "a peak is negative"),
        ("100.5 10", "-100.5 3", "a peak is negative"),
        ("100.5 10\n200.5 40\n", "", "no peaks"),
        ("100.5 10\n200.5 40\n", "100.5 0\n", "no peaks"),
        ("100.5 10", "hello world", "malformed spectrum"),
    ],
)
def test_bad_spectra_are_skipped_and_counted_while_others_are_read(tmp_path, old, new, reason):
    spectra, skipped = mgf(tmp_path, GOOD + GOOD.replace(old, new) + GOOD)
    assert skipped == {reason: 1}
    assert [spectrum.spectrum_id for spectrum in spectra] == ["run.mgf:0", "run.mgf:2"]


def test_header_of_the_file_gives_the_charge_that_a_spectrum_lacks(tmp_path):
    spectra, skipped = mgf(tmp_path, "COM=a run\nCHARGE=2+ and 3+\n\n" + GOOD.replace("CHARGE=2+\n", "") + GOOD)
    assert [(s.spectrum_id, s.precursor_charge) for s in spectra] == [
        ("run.mgf:0/2", 2),
        ("run.mgf:0/3", 3),
        ("run.mgf:1", 2),
    ]
    assert skipped == {}


def test_a_spectrum_without_its_end_costs_no_other_and_shifts_no_index(tmp_path):
    spectra, skipped = mgf(tmp_path, GOOD.replace("END IONS\n", "") + GOOD + GOOD)
    assert [spectrum.spectrum_id for spectrum in spectra] == ["run.mgf:1", "run.mgf:2"]
    assert skipped == {"malformed spectrum": 1}


@pytest.mark.parametrize("length", range(len("BEGIN IONS"), len(GOOD.rstrip())))
def test_mgf_that_ends_within_a_spectrum_is_cut_off(tmp_path, length):
    with pytest.raises(InputError, match=r"run\.mgf: is truncated or malformed behind 1 spectra \(it ends within"):
        mgf(tmp_path, GOOD + GOOD[:length])


def test_byte_order_mark_and_range_of_retention_times(tmp_path):
    (spectrum,), _ = mgf(tmp_path, "\ufeff" + GOOD.replace("61.5", "60-63"))
    assert spectrum.retention_time is None
    assert spectrum.mz.tolist() == [100.5, 200.5]


def test_unsorted_peaks_are_sorted_and_empty_ones_left_out(tmp_path):
    (spectrum,), _ = mgf(tmp_path, GOOD.replace("100.5 10\n", "300.25 20\n150 0\n100.5 10\n"))
    assert spectrum.mz.tolist() == [100.5, 200.5, 300.25]
    assert spectrum.intensity.tolist() == [0.25, 1.0, 0.5]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mgf", b"", "is empty"),
        ("blank.mgf", b"\n \n", "is empty"),
        ("picture.mgf", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary file"),
        ("notes.txt", b"dear diary\n", "no known format"),
        ("notes.mgf", b"dear diary", "no known format"),
        ("broken.mgf.gz", gzip.compress(GOOD.encode() * 5000)[:-40], "truncated or malformed"),
        ("wrong.parquet", b"PAR1nothing", "no readable Parquet"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert name in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_spectra(tmp_path / "none.mgf")
    with pytest.raises(InputError, match="is a folder"):
        read_spectra(tmp_path)


def test_own_table_comes_back(tmp_path):
    spectrum = Spectrum("x:0", 400.5, 2, np.array([100.0, 200.0]), np.array([0.5, 1.0], np.float32), "PEPTLDEK")
    path = tmp_path / "table.parquet"
    pq.write_table(to_table([spectrum]), path)
    (back,), _ = read(path)
    assert (back.spectrum_id, back.peptidoform, back.precursor_mz) == ("x:0", "PEPTLDEK", 400.5)
    assert back.mz.tolist() == [100.0, 200.0]
    pq.write_table(to_table([spectrum]).drop_columns(["intensity"]), path)
    with pytest.raises(InputError, match="lacks the column intensity"):
        read(path)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("mz", pa.array(["100", "200"])),
        ("mz", pa.array([None, [100.0, 200.0]], pa.list_(pa.float64()))),
        ("precursor_mz", pa.array(["heavy", "light"])),
        ("precursor_charge", pa.array([None, 2], pa.int8())),
    ],
)
def test_own_table_with_a_wrong_column_is_refused_by_name(tmp_path, column, values):
    spectrum = Spectrum("x:0", 400.5, 2, np.array([100.0, 200.0]), np.array([0.5, 1.0], np.float32))
    table = to_table([spectrum, spectrum])
    path = tmp_path / "table.parquet"
    pq.write_table(table.set_column(table.column_names.index(column), column, values), path)
    with pytest.raises(InputError, match=rf"table\.parquet: the column {column} ") as caught:
        read(path)
    assert caught.value.path == path
    assert caught.value.remedy


def test_truncated_mzml_says_how_far_it_came(tmp_path, mirror):
    content = (mirror / "raw" / "yeast_small.mzML").read_bytes()
    path = tmp_path / "half.mzML"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"half\.mzML: is truncated or malformed behind \d+ spectra"):
        read(path)


def test_every_annotated_file_reads_to_its_end(mirror):
    expected = {
        "casanovo_mouse_128.mgf": 128,
        "massivekb_500.mgf": 500,
        "qeplus_hair_608.mgf": 608,
        "proteometools_225.mgf": 225,
        "tripletof_test.mgf": 313,
        "pepnet_example_1001.mgf": 1001,
        "winnow_example_100.mgf": 100,
    }
    for name, number in expected.items():
        spectra, skipped = read(mirror / "annotated" / name)
        assert (len(spectra), skipped) == (number, {}), name
        assert all(spectrum.peptidoform for spectrum in spectra), name


def test_every_raw_file_is_read_or_refused_clearly(mirror):
    spectra_of = {}
    for path in sorted((mirror / "raw").iterdir()):
        spectra, skipped = read(path)
        spectra_of[path.name] = len(spectra)
        assert len(spectra) + sum(skipped.values()) > 0, path.name
        assert all(np.all(np.diff(s.mz) >= 0) and s.intensity.max() == 1 for s in spectra), path.name
    assert spectra_of["tmt10_trial8.mzML"] == spectra_of["tmt10_trial8.mzXML"] == 4
    assert spectra_of["nist_bsa_consensus.msp"] == 725
    assert spectra_of["proteometools_FTMS_HCD_20_sample.msp"] == 82


def test_ms2_is_read_as_pyteomics_reads_it(mirror):
    path = mirror / "raw" / "demo.ms2"
    ours = {}
    for spectrum in read_spectra(path):
        ours.setdefault(spectrum.spectrum_id.partition("/")[0], []).append(spectrum)
    theirs = list(pyteomics_ms2.read(str(path), use_index=False))
    assert [f"demo.ms2:scan={int(entry['params']['scan'][0])}" for entry in theirs] == list(ours)
    for entry, spectra in zip(theirs, ours.values(), strict=True):
        assert [spectrum.precursor_charge for spectrum in spectra] == entry["params"]["charge"]
        assert all(spectrum.precursor_mz == entry["params"]["precursor m/z"] for spectrum in spectra)
        present = entry["intensity array"] > 0
        assert np.array_equal(spectra[0].mz, np.sort(entry["m/z array"][present]))


def test_ms2_values_and_skips(tmp_path):
    path = tmp_path / "run.ms2"
    good = "S\t7\t7\t500.25\nI\tRTime\t1.5\nZ\t2\t999.49\n100.5 10\n200.5 40\n"
    path.write_text(
        "H\tCreationDate\ttoday\n" + good + "S\t8\n100 1\n" + good.replace("\t7", "\t9").replace("10\n", "x\n")
    )
    (spectrum,), skipped = read(path)
    assert (spectrum.spectrum_id, spectrum.precursor_mz, spectrum.precursor_charge) == ("run.ms2:scan=7", 500.25, 2)
    assert spectrum.retention_time == 90
    assert spectrum.intensity.tolist() == [0.25, 1.0]
    assert skipped == {"malformed spectrum": 2}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.raw", b"\x01\xa1F\0i\0n\0n\0i\0g\0a\0n\0" + bytes(50), "Thermo.*ThermoRawFileParser -i=run.raw"),
        ("run.wiff", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "SCIEX.*msconvert run.wiff"),
        ("run.d/analysis.tdf", b"SQLite format 3\0", r"run\.d: .*Bruker.*msconvert run\.d"),
    ],
)
def test_raw_data_of_instruments_say_how_to_convert_them(tmp_path, name, content, message):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_spectra(path)
    for kind in ("folder.d", "folder.raw"):
        (tmp_path / kind).mkdir()
        with pytest.raises(InputError, match=f"msconvert {kind}"):
            read_spectra(tmp_path / kind)


def test_comments_of_sptxt_are_no_spectrum(tmp_path):
    path = tmp_path / "library.sptxt"
    entry = "Name: PEPTIDEK/2\nLibID: 0\nPrecursorMZ: 464.7\nComment: Mods=0\nNumPeaks: 1\n100.5\t10\tb1\n\n"
    path.write_text("### SpectraST (version 5.0)\n### Extracted from: run\n" + entry)
    (spectrum,), skipped = read(path)
    assert (spectrum.peptidoform, spectrum.spectrum_id, skipped) == ("PEPTIDEK", "library.sptxt:0", {})


def test_spectra_bear_the_names_that_others_call_them_by(tmp_path, mirror):
    path = tmp_path / "run.mgf"
    path.write_text(GOOD.replace("TITLE=a", "TITLE=run.17.17.2\nSCANS=F1:17") + GOOD)
    assert [names for _, names in read_spectra(path).with_names()] == [
        ("index=0", "run.17.17.2", "scan=17"),
        ("index=1", "a"),
    ]
    ((_, names),) = read_spectra(mirror / "raw" / "sage_one_peptide.mzML").with_names()
    assert names[:2] == ("index=0", "controllerType=0 controllerNumber=1 scan=30069")


def test_peaks_equal_those_that_pyteomics_reads(mirror):
    path = mirror / "annotated" / "casanovo_mouse_128.mgf"
    ours, _ = read(path)
    for spectrum, theirs in zip(ours, pyteomics_mgf.read(str(path), use_index=False), strict=True):
        assert np.array_equal(spectrum.mz, theirs["m/z array"])
        assert spectrum.precursor_mz == theirs["params"]["pepmass"][0]
        assert spectrum.precursor_charge == theirs["params"]["charge"][0]


def test_mzml_and_mzxml_of_one_run_agree(mirror):
    mzml, _ = read(mirror / "raw" / "tmt10_trial8.mzML")
    mzxml, _ = read(mirror / "raw" / "tmt10_trial8.mzXML")
    for left, right in zip(mzml, mzxml, strict=True):
        assert left.precursor_mz == pytest.approx(right.precursor_mz, abs=0.01)
        assert left.precursor_charge == right.precursor_charge
        assert left.retention_time == pytest.approx(right.retention_time, abs=0.5)
        assert len(left.mz) == len(right.mz)
