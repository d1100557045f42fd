"""Data sets from a publisher or a mirror: compared, noted, unpacked, several at once, with space for them."""

import hashlib
import io
import json
import logging
import zipfile
from pathlib import Path
from threading import Barrier

import pytest

from data.download import Provenance, download
from data.errors import CorruptedDataError, DownloadError, InputError, OutputError
from data.fetch import HttpSettings
from data.sources import DataSet, SourceFile
from tests.data.conftest import serve, status

CONTENT = b"BEGIN IONS\nEND IONS\n" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HASTY = HttpSettings(connect_timeout_s=5, read_timeout_s=5, attempts=2, backoff_s=0.01, longest_backoff_s=0.02)


def one_set(name="spectra", files=(), **more):
    about = {"title": "t", "kind": "spectra", "use": "train", "licence": "l", "citation": "c", "page": "p"}
    return DataSet(name=name, files=tuple(SourceFile(**({"format": "mgf"} | file)) for file in files), **about, **more)


@pytest.fixture
def get(server, tmp_path):
    """Downloads sets into ``out``, with the server as Zenodo."""

    def run(*sets, **more):
        return download(sets, tmp_path / "out", settings=HASTY, zenodo=server.url, **more)

    return run


def test_a_set_arrives_with_a_note_of_its_origin_and_is_not_fetched_again(get, server, tmp_path):
    server.files["a.mgf"] = CONTENT
    each = one_set(files=[{"path": "s/a.mgf", "url": f"{server.url}/a.mgf", "sha256": SHA256}])
    (found,) = get(each)
    assert (tmp_path / "out/s/a.mgf").read_bytes() == CONTENT
    assert (found.sha256, found.checked, found.origin) == (SHA256, "sha256 of the registry", f"{server.url}/a.mgf")
    assert Provenance.of(tmp_path / "out/s/a.mgf") == found
    assert get(each) == [found]
    assert len(server.requests) == 1


def test_a_file_that_was_damaged_since_is_fetched_again(get, server, tmp_path):
    server.files["a.mgf"] = CONTENT
    each = one_set(files=[{"path": "a.mgf", "url": f"{server.url}/a.mgf"}])
    get(each)
    (tmp_path / "out/a.mgf").write_bytes(b"something else")
    (found,) = get(each)
    assert (tmp_path / "out/a.mgf").read_bytes() == CONTENT
    assert found.checked == "sha256 of an earlier download"


def test_without_any_checksum_it_says_so(get, server, caplog):
    server.files["a.mgf"] = CONTENT
    with caplog.at_level(logging.WARNING):
        (found,) = get(one_set(files=[{"path": "a.mgf", "url": f"{server.url}/a.mgf"}]))
    assert (found.checked, found.sha256) == ("nothing", SHA256)
    assert "no checksum is known" in caplog.text


def test_the_publishers_own_checksums_are_asked_for(get, server):
    files = {"a.zip": CONTENT, "b.zip": CONTENT}
    record = {
        "files": [
            {"key": "a.zip", "size": len(CONTENT), "checksum": f"md5:{hashlib.md5(CONTENT).hexdigest()}"},
            {"key": "b.zip", "size": len(CONTENT), "checksum": f"md5:{'0' * 32}"},
        ]
    }
    server.files |= files | {"api/records/7": json.dumps(record).encode()}
    sets = [
        one_set(n[0], [{"path": n, "url": f"{server.url}/{n}?download=1"}], zenodo_record=7) for n in ("a.zip", "b.zip")
    ]
    (found,) = get(sets[0])
    assert found.checked == "md5 of Zenodo"
    with pytest.raises(CorruptedDataError, match="has md5"):
        get(sets[1])


def test_zenodo_out_of_order_is_a_warning(get, server, caplog):
    server.files |= {"a.mgf": CONTENT, "api/records/7": b"<html>"}
    with caplog.at_level(logging.WARNING):
        (found,) = get(one_set(files=[{"path": "a.mgf", "url": f"{server.url}/a.mgf"}], zenodo_record=7))
    assert found.checked == "nothing"
    assert "Zenodo does not tell" in caplog.text


def test_several_files_come_at_once(get, server):
    together = Barrier(3, timeout=20)

    def answer(handler, content):
        together.wait()
        serve(handler, content)

    names = ["a", "b", "c"]
    server.files |= {name: CONTENT + name.encode() for name in names}
    server.script |= {name: [answer] for name in names}
    found = get(one_set(files=[{"path": name, "url": f"{server.url}/{name}"} for name in names]), jobs=3)
    assert [each.path for each in found] == names


def test_one_failure_does_not_cost_the_others(get, server, tmp_path):
    server.files |= {"a": CONTENT, "c": CONTENT}
    files = [{"path": name, "url": f"{server.url}/{name}"} for name in ("a", "b", "c")]
    with pytest.raises(DownloadError, match=r"/b: the server answers 404"):
        get(one_set(files=files))
    assert {path.name for path in (tmp_path / "out").glob("?")} == {"a", "c"}
    server.script["c2"] = [status(404)]
    with pytest.raises(DownloadError, match="2 of 2 files failed"):
        get(one_set(files=[{"path": name, "url": f"{server.url}/{name}"} for name in ("b", "c2")]))


def test_space_is_checked_before_anything_is_fetched(get, server):
    files = [{"path": "a", "url": f"{server.url}/a"}, {"path": "b", "url": f"{server.url}/b", "about_bytes": 10**18}]
    with pytest.raises(OutputError, match=r"about 1000000000\.0 GB are to be fetched"):
        get(one_set(files=files))
    assert not server.requests


def test_a_mirror_is_all_that_is_asked(get, server, tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / "s").mkdir(parents=True)
    (mirror / "s/a.mgf").write_bytes(CONTENT)
    each = one_set(files=[{"path": "s/a.mgf", "url": "http://127.0.0.1:9/a", "sha256": SHA256}], zenodo_record=7)
    (found,) = get(each, mirror=str(mirror))
    assert found.fetched_from == str(mirror / "s/a.mgf")
    (tmp_path / "out/s/a.mgf").unlink()
    server.files["base/s/a.mgf"] = CONTENT
    (found,) = get(each, mirror=f"{server.url}/base/")
    assert found.fetched_from == f"{server.url}/base/s/a.mgf"
    assert [path for path, _ in server.requests] == ["base/s/a.mgf"]
    with pytest.raises(InputError, match="neither a folder nor"):
        get(each, mirror=str(tmp_path / "none"))


def test_the_folder_of_downloads_is_a_mirror(get, server, tmp_path):
    server.files["a.mgf"] = CONTENT
    each = one_set(files=[{"path": "s/a.mgf", "url": f"{server.url}/a.mgf", "sha256": SHA256}])
    get(each)
    download([each], tmp_path / "cluster", mirror=str(tmp_path / "out"), settings=HASTY)
    assert (tmp_path / "cluster/s/a.mgf").read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_file_of_mirrors_alone_needs_one(get):
    with pytest.raises(InputError, match=r"file of mirrors alone.*PEPTRM_MIRROR"):
        get(one_set(files=[{"path": "a", "bytes": 1, "sha256": SHA256}]))


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_archives_are_unpacked_and_hostile_ones_refused(get, server, tmp_path):
    server.files |= {"good.zip": zipped({"x/a.mgf": CONTENT}), "evil.zip": zipped({"../../a.mgf": CONTENT})}
    files = {name: {"path": f"d/{name}", "url": f"{server.url}/{name}", "archive": True} for name in server.files}
    get(one_set(files=[files["good.zip"]]))
    assert (tmp_path / "out/d/good/x/a.mgf").read_bytes() == CONTENT
    with pytest.raises(CorruptedDataError, match="lies outside"):
        get(one_set(files=[files["evil.zip"]]))
    assert not [path for path in tmp_path.rglob("a.mgf") if "good" not in path.parts]


def test_progress_ends_at_the_whole(get, server):
    server.files["a"] = CONTENT
    seen: list[tuple[str, int, int | None]] = []
    get(one_set(files=[{"path": "a", "url": f"{server.url}/a"}]), on_progress=lambda *words: seen.append(words))
    assert seen[-1] == ("a", len(CONTENT), len(CONTENT))


def test_a_note_that_is_none_is_no_note(tmp_path):
    (tmp_path / "a.source.json").write_text("[]")
    assert Provenance.of(tmp_path / "a") is None
    assert Provenance.of(Path("/none/a")) is None
