"""Hostile archives: paths that leave the folder, links, bombs, damage. Nothing of them is left."""

import gzip
import io
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from data.errors import CorruptedDataError, OutputError
from data.extraction import Limits, extract

SMALL = Limits(ratio=20, free_bytes=1000, members=5)


def make_zip(path: Path, members: dict[str, bytes], **more: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in more.items():
                setattr(info, key, value)
            archive.writestr(info, content)
    return path


def make_tar(path: Path, members: dict[str, bytes | tuple[bytes, str]], mode: str = "w:gz") -> Path:
    """Members are files, or (type of the entry, where it leads)."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)
    return path


def refused(archive: Path, match: str, limits: Limits = SMALL) -> None:
    """Refused with this reason, and nothing left beside the archive."""
    place = archive.parent / "place"
    before = {path for path in archive.parent.parent.rglob("*")}
    with pytest.raises(CorruptedDataError, match=match) as caught:
        extract(archive, place / "out", limits)
    assert caught.value.path == archive
    assert {path for path in archive.parent.parent.rglob("*")} - before <= {place}
    assert not list(place.iterdir())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_files_and_folders_come_out(tmp_path, mode):
    members = {"a.mgf": b"one" * 100, "Mus-musculus/b.mgf": b"two"}
    path = tmp_path / "archive"
    if mode == "zip":
        make_zip(path, members)
    else:
        make_tar(path, {"Mus-musculus": (tarfile.DIRTYPE, ""), **members}, mode)
    out = tmp_path / "out"
    assert extract(path, out) == [out / "Mus-musculus/b.mgf", out / "a.mgf"]
    assert (out / "a.mgf").read_bytes() == members["a.mgf"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["archive", "out"]


def test_a_single_gz_file_and_a_folder_that_was_there(tmp_path):
    path = tmp_path / "f.fasta.gz"
    path.write_bytes(gzip.compress(b">P\nPEPTIDE\n"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("")
    assert extract(path, tmp_path / "out") == [tmp_path / "out" / "f.fasta"]


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:\\evil", "\\\\host\\evil", "a/b/../../../evil"]
)
def test_no_path_leaves_the_folder(tmp_path, name):
    (tmp_path / "x").mkdir()
    refused(make_zip(tmp_path / "x" / "slip.zip", {"good": b"1", name: b"evil"}), "lies outside")
    shutil.rmtree(tmp_path / "x" / "place")
    refused(make_tar(tmp_path / "x" / "slip.tar", {"good": b"1", name: b"evil"}), "lies outside")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "good", ".."])
def test_no_links_and_devices(tmp_path, kind, target):
    (tmp_path / "x").mkdir()
    members = {"good": b"1", "link": (kind, target), "link/evil": b"2"}
    refused(make_tar(tmp_path / "x" / "links.tar", members), "link or a device")


def test_no_links_in_a_zip(tmp_path):
    (tmp_path / "x").mkdir()
    link = make_zip(tmp_path / "x" / "link.zip", {"l": b"/etc/passwd"}, external_attr=(stat.S_IFLNK | 0o777) << 16)
    refused(link, "link or a device")


def test_bombs_stop_growing(tmp_path):
    (tmp_path / "x").mkdir()
    zeros = bytes(200_000)
    refused(make_zip(tmp_path / "x" / "bomb.zip", {"bomb": zeros}), "grows beyond")
    refused(make_zip(tmp_path / "x" / "many.zip", {f"part{i}": zeros[:3000] for i in range(5)}), "grows beyond")
    refused(make_tar(tmp_path / "x" / "bomb.tar.gz", {"bomb": zeros}), "grows beyond")
    bomb = tmp_path / "x" / "bomb.gz"
    bomb.write_bytes(gzip.compress(b"x" * 200_000))
    refused(bomb, "grows beyond")
    refused(make_zip(tmp_path / "x" / "files.zip", {f"f{i}": b"" for i in range(6)}), "after 5")


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path):
    (tmp_path / "x").mkdir()
    path = make_zip(tmp_path / "x" / "lie.zip", {"bomb": bytes(200_000)})
    content = path.read_bytes().replace((200_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    refused(path, "is damaged|grows beyond")


def test_one_name_twice_or_file_and_folder_at_once(tmp_path):
    (tmp_path / "x").mkdir()
    refused(make_zip(tmp_path / "x" / "case.zip", {"a": b"1", "A": b"2"}), "occurs twice")
    refused(make_tar(tmp_path / "x" / "both.tar", {"a": b"1", "a/b": b"2"}), "file and a folder")


@pytest.mark.parametrize("keep", [0.4, 0.8, 0.98])
def test_damaged_archives(tmp_path, keep):
    (tmp_path / "x").mkdir()
    for path in (
        make_zip(tmp_path / "x" / "cut.zip", {"a": bytes(range(256)) * 50}),
        make_tar(tmp_path / "x" / "cut.tar.gz", {"a": bytes(range(256)) * 50}),
    ):
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
        refused(path, "damaged|neither zip")


def test_what_is_no_archive(tmp_path):
    (tmp_path / "x").mkdir()
    for name, content, match in (("a", b"hello", "neither"), ("b", b"", "neither")):
        path = tmp_path / "x" / name
        path.write_bytes(content)
        refused(path, match)
    refused(make_zip(tmp_path / "x" / "empty.zip", {}), "holds no file")


def test_a_full_disk_leaves_nothing(tmp_path, small_disk):
    path = make_zip(tmp_path / "big.zip", {"a": bytes(2_000_000)})
    with pytest.raises(OutputError, match="no space"):
        extract(path, small_disk / "out", Limits(ratio=10_000))
    assert not list(small_disk.iterdir())
