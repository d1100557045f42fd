"""Imports: skips counted, provenance in the manifest, gaps filled from the registry, other tools' notations read."""

import hashlib
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyteomics import mass

from data.download import download
from data.errors import InputError
from data.importing import EXCLUDED, NO_PEPTIDE, import_files, import_set
from data.readers import read_spectra
from data.readers.peprec import annotate_mgf, read_peprec
from data.schema import from_table
from data.shards import MANIFEST, read_shards
from data.sources import DataSet, Registry, SourceFile, load_registry

ABOUT = {"title": "a set", "kind": "spectra", "use": "train", "licence": "CC0", "citation": "me", "page": "here"}


def mgf(*peptides, title="t"):
    lines = []
    for number, peptide in enumerate(peptides):
        lines.append(f"BEGIN IONS\nTITLE={title}{number}\nPEPMASS=500\nCHARGE=2+")
        lines += [f"SEQ={peptide}"] if peptide else []
        lines.append("100 1\n200 2\nEND IONS")
    return "\n".join(lines) + "\n"


def spectra_of(folder):
    return [spectrum for table in read_shards(folder) for spectrum in from_table(table)]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "down").mkdir()
    return tmp_path


def imported(place, files, *, others=(), **more):
    each = DataSet(name="mine", files=tuple(SourceFile(**file) for file in files), **ABOUT, **more)
    return import_set(each, Registry(sets=(each, *others)), place / "down", place / "shards")


def test_the_manifest_tells_where_each_file_comes_from(place):
    content = mgf("PEPTLDEK", "SAMPLER")
    (place / "down/a.mgf").write_text(content)
    about = {"species": "Mus musculus", "instrument": "Q Exactive", "fragmentation": "HCD", "collision_energy": 28}
    imported(place, [{"path": "a.mgf", "url": "http://x/a.mgf", "format": "mgf", **about}])
    origin = json.loads((place / "shards" / MANIFEST).read_text())["parameters"]["origin"]
    assert {key: origin[key] for key in ("name", "licence", "citation", "use")} == {
        "name": "mine",
        "licence": "CC0",
        "citation": "me",
        "use": "train",
    }
    assert origin["files"] == [
        {
            "path": "a.mgf",
            "url": "http://x/a.mgf",
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
            "bytes": len(content),
            "species": "Mus musculus",
        }
    ]
    for spectrum in spectra_of(place / "shards"):
        assert (spectrum.source, spectrum.species, spectrum.fold) == ("mine", "Mus musculus", None)
        assert (spectrum.instrument, spectrum.fragmentation, spectrum.collision_energy) == ("Q Exactive", "HCD", 28)


def test_every_spectrum_is_imported_or_counted(place):
    content = mgf("PEPTLDEK", None, "PEP[Nonsense]K", "no peptide!") + "BEGIN IONS\nPEPMASS=1\n100 1\nEND IONS\n"
    (place / "down/a.mgf").write_text(content)
    found = imported(place, [{"path": "a.mgf", "format": "mgf"}])
    assert found.manifest.rows == 1
    assert found.skipped == {
        NO_PEPTIDE: 1,
        "unknown modification in the annotation": 1,
        "annotation is no peptide": 1,
        "no precursor charge": 1,
    }


def test_peptides_of_sets_kept_apart_are_left_out_whatever_is_attached_to_them(place, caplog):
    (place / "down/a.mgf").write_text(mgf("PEPTIDEM[Oxidation]K", "PEPTLDEMK", "SAMPLER", "VELVETK"))
    (place / "down/test.mgf").write_text(mgf("PEPTLDEMK"))
    (place / "down/list.csv").write_text("seq,spectrum_id\nn[42.01]VEIVET[99.9]K,x\n")
    other = DataSet(name="other", files=(SourceFile(path="test.mgf", format="mgf"),), **ABOUT)
    labels = DataSet(
        name="labels", files=(SourceFile(path="list.csv", format="csv"),), **(ABOUT | {"kind": "peptides"})
    )
    found = imported(place, [{"path": "a.mgf", "format": "mgf"}], others=(other, labels), excludes=("other", "labels"))
    assert [spectrum.peptidoform for spectrum in spectra_of(place / "shards")] == ["SAMPLER"]
    assert found.skipped == {EXCLUDED: 3}
    assert set(found.manifest.parameters["origin"]["excludes"]) == {"other", "labels"}
    (place / "down/list.csv").unlink()
    found = imported(place, [{"path": "a.mgf", "format": "mgf"}], others=(other, labels), excludes=("other", "labels"))
    assert found.skipped == {EXCLUDED: 2}
    assert found.manifest.parameters["origin"]["excludes"]["labels"] is None
    assert "peptides of labels, which is not there, are not left out" in caplog.text


def test_folds_are_told_by_folder(place):
    with zipfile.ZipFile(place / "nine.zip", "w") as archive:
        for folder in ("Mus-musculus", "H.-sapiens", "Candidatus-endoloripes"):
            archive.writestr(f"nine/{folder}/run.mgf", mgf("PEPTLDEK"))
    each = DataSet(
        name="mine",
        files=(SourceFile(path="nine.zip", format="mgf", archive=True, fold_by_folder=True),),
        **ABOUT,
    )
    download([each], place / "down", mirror=str(place))
    import_set(each, Registry(sets=(each,)), place / "down", place / "shards")
    found = spectra_of(place / "shards")
    assert {(s.fold, s.species) for s in found} == {
        ("mus_musculus", "Mus musculus"),
        ("homo_sapiens", "Homo sapiens"),
        ("candidatus_endoloripes", "Candidatus Thiodiazotropha endoloripes"),
    }
    assert len({s.spectrum_id for s in found}) == 3
    with zipfile.ZipFile(place / "nine.zip", "w") as archive:
        archive.writestr("nine/Gallus-gallus/run.mgf", mgf("PEPTLDEK"))
    download([each], place / "other", mirror=str(place))
    with pytest.raises(InputError, match="none of the nine species"):
        import_set(each, Registry(sets=(each,)), place / "other", place / "shards")


def test_instanovos_table_is_read(place):
    pq.write_table(
        pa.table(
            {
                "sequence": ["PEPMC", "SAMPLER"],
                "modified_sequence": ["PEPM(ox)C(+57.02)", "SAMPLER"],
                "precursor_mz": [300.0, 400.0],
                "precursor_charge": [2, 3],
                "mz_array": [[100.0, 200.0], [150.0]],
                "intensity_array": pa.array([[1.0, 4.0], [2.0]], pa.list_(pa.float32())),
            }
        ),
        place / "down/t.parquet",
    )
    imported(place, [{"path": "t.parquet", "format": "parquet", "species": "?"}])
    first, second = spectra_of(place / "shards")
    assert (first.peptidoform, second.peptidoform) == ("PEPM[UNIMOD:35]C[UNIMOD:4]", "SAMPLER")
    assert (first.spectrum_id, second.precursor_charge) == ("t.parquet:0", 3)
    np.testing.assert_array_equal(first.intensity, [0.25, 1.0])


def test_proteometools_modifications_are_never_dropped_in_silence(tmp_path):
    entry = (
        'Name: {0}/2\nMW: 1\nComment: Parent=500 Mods={1} Modstring={0}//{2}/2 iRT=1\nNum peaks: 1\n100.1\t5\t"y1"\n\n'
    )
    text = entry.format("PEPMCK", "0", "")
    text += entry.format("PEPMCK", "2", "Oxidation@M4; Carbamidomethyl@C5".replace(" ", ""))
    text += entry.format("PEPMCK", "2/3,M,Oxidation/4,C,Carbamidomethyl", "")
    text += entry.format("PEPMCK", "2", "Oxidation@M4")
    path = tmp_path / "pt.msp"
    path.write_text(text)
    reader = read_spectra(path)
    modified = "PEPM[UNIMOD:35]C[UNIMOD:4]K"
    assert [spectrum.peptidoform for spectrum in reader] == ["PEPMCK", modified, modified, None]
    assert reader.unannotated.total() == 1


def test_peprec_is_joined_to_its_spectra(place):
    (place / "down/s.mgf").write_text(mgf(None, None, None, title="massive_"))
    (place / "down/s.peprec").write_text(
        "spec_id modifications peptide charge\n"
        "massive_0 0|Acetyl|2|Carbamidomethyl KCK 2\nmassive_2 1|Pyro_glu QPEAPQ 3\n"
    )
    files = [
        {"path": "s.mgf", "format": "mgf", "peptides": "s.peprec"},
        {"path": "s.peprec", "format": "peprec"},
    ]
    found = imported(place, files)
    assert [s.peptidoform for s in spectra_of(place / "shards")] == ["[UNIMOD:1]-KC[UNIMOD:4]K", "Q[UNIMOD:28]PEAPQ"]
    assert found.skipped == {NO_PEPTIDE: 1}
    (place / "down/s.peprec").write_text("spec_id peptide\n")
    with pytest.raises(InputError, match="lacks the column modifications"):
        annotate_mgf(place / "down/s.mgf", place / "down/s.peprec", place / "out.mgf")
    (place / "down/s.peprec").write_text("spec_id modifications peptide charge\na 9|Acetyl PEP 2\n")
    with pytest.raises(InputError, match="no row of a PEPREC"):
        read_peprec(place / "down/s.peprec")


def test_what_cannot_be_imported_says_why(place):
    (place / "down/a.mgf").write_text(mgf(None))
    with pytest.raises(InputError, match=rf"no spectrum with a peptide \(1: {NO_PEPTIDE}\)"):
        imported(place, [{"path": "a.mgf", "format": "mgf"}])
    with pytest.raises(InputError, match="is not there"):
        imported(place, [{"path": "b.mgf", "format": "mgf"}])
    proteome = load_registry().find("mirror-proteomes")
    with pytest.raises(InputError, match="holds no spectra, but proteome"):
        import_set(proteome, load_registry(), place, place / "shards")


def test_a_users_file_is_imported_under_its_checksum(place):
    path = place / "run.mgf"
    path.write_text(mgf("PEPTLDEK"))
    found = import_files("run", [path], place / "shards")
    (file,) = found.manifest.parameters["origin"]["files"]
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="cannot be read"):
        import_files("run", [place / "none.mgf"], place / "shards")


def test_each_kind_of_the_mirror_is_imported_whole(mirror, tmp_path):
    registry = load_registry()
    expected = {"casanovo-mouse-128": 128, "proteometools-sample": 82, "real-psms": 2500}
    for name, spectra in expected.items():
        found = import_set(registry.find(name), registry, mirror, tmp_path / name)
        assert found.manifest.rows + sum(found.skipped.values()) == spectra
        assert set(found.skipped) <= {EXCLUDED}
    for spectrum in spectra_of(tmp_path / "proteometools-sample"):
        theory = mass.fast_mass(spectrum.peptidoform, charge=spectrum.precursor_charge)
        assert abs(spectrum.precursor_mz - theory) < 0.001  # the file's own is a proton off at charges 1 and 3
        assert (spectrum.collision_energy, spectrum.instrument) == (20, "Orbitrap Fusion Lumos")
    rows = spectra_of(tmp_path / "real-psms")
    assert {"Homo sapiens", "Arachis hypogaea"} <= {spectrum.species for spectrum in rows}
    assert "?" not in {value for s in rows for value in (s.instrument, s.species, s.fragmentation)}
