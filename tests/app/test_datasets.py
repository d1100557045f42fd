"""`peptrm download` and `peptrm import` as a user meets them."""

import json

import pytest

from data.sources import load_registry


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.delenv("PEPTRM_MIRROR", raising=False)
    return tmp_path


def test_the_list_shows_every_set_and_how_it_is_checked(peptrm, here):
    done = peptrm("download", "--list", cwd=here)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith("│")}
    assert set(rows) == {each.name for each in load_registry().sets}
    assert "registry" in rows["real-psms"] and "Zenodo's" in rows["proteometools"] and "by hand" in rows["massive-kb"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no data set is named"),
        (("proteometolls",), "Did you mean proteometools"),
        (("real-psms",), "Name one with --mirror or PEPTRM_MIRROR"),
        (("nine-species-main", "--subset"), "has no subset"),
        (("massive-kb",), "no file that can be fetched"),
        (("real-psms", "--mirror", "nowhere"), "neither a folder nor"),
    ],
)
def test_bad_input_is_one_line_and_status_2(peptrm, here, words, message):
    done = peptrm("download", *words, cwd=here)
    assert done.returncode == 2
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not list(here.glob("workspace/raw/sets/*"))


def test_a_mirror_without_the_file_is_status_1(peptrm, here):
    (here / "mirror").mkdir()
    done = peptrm("download", "casanovo-mouse-128", "--mirror", "mirror", "--folder", "out", cwd=here)
    assert done.returncode == 1
    assert "the mirror has no such file" in done.stderr and "Traceback" not in done.stderr


def test_an_annotated_file_is_imported(peptrm, here, mgf):
    done = peptrm("import", mgf, cwd=here)
    assert done.returncode == 0, done.stderr
    assert "three: 3 spectra of 3 peptides" in done.stderr
    assert json.loads((here / "workspace/reports/data/three.json").read_text())["spectra"] == 3
    assert (here / "workspace/shards/real/three/manifest.json").exists()
    assert "no such data set" in peptrm("import", "three", cwd=here).stderr


def test_a_set_of_the_mirror_is_downloaded_and_imported(peptrm, here, mirror):
    for _ in range(2):
        done = peptrm("download", "casanovo-mouse-128", "--mirror", mirror, cwd=here)
        assert done.returncode == 0, done.stderr
        assert "283459 bytes, compared with sha256 of the registry" in done.stderr
    done = peptrm("import", "casanovo-mouse-128", "--mirror", mirror, cwd=here)
    assert done.returncode == 0, done.stderr
    assert "casanovo-mouse-128: 128 spectra of 119 peptides" in done.stderr
