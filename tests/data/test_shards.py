"""Shards are complete, verified, and survive a full disk."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from data.atomic import TEMPORARY_MARK
from data.errors import CorruptedDataError, InputError, OutputError
from data.schema import SPECTRA, Spectrum, from_table, to_table
from data.shards import MANIFEST, Manifest, ShardWriter, manifest_hash, read_shards, write_shards


def spectra(count: int, peaks: int = 20) -> pa.Table:
    rng = np.random.default_rng(count)
    return to_table(
        Spectrum(
            f"made:{index}",
            500.0 + index,
            2,
            np.sort(rng.uniform(100, 1500, peaks)),
            rng.random(peaks, np.float32),
            peptidoform=None if index % 3 else "PEPTIDEK",
            species="a" if index % 2 else "b",
        )
        for index in range(count)
    )


def test_rows_come_back_in_order_and_in_bounded_shards(tmp_path: Path) -> None:
    table = spectra(25)
    manifest = write_shards(
        [table.slice(0, 3), table.slice(3, 18), table.slice(21)], tmp_path, shard_rows=10, parameters={"a": 1}
    )
    assert [shard.rows for shard in manifest.shards] == [10, 10, 5]
    assert manifest.rows == 25
    read = list(read_shards(tmp_path))
    assert all(part.schema.equals(SPECTRA) for part in read)
    found, expected = [list(from_table(pa.concat_tables(parts))) for parts in (read, [table])]
    for left, right in zip(found, expected, strict=True):
        assert (left.spectrum_id, left.peptidoform, left.species) == (
            right.spectrum_id,
            right.peptidoform,
            right.species,
        )
        np.testing.assert_array_equal(left.mz, right.mz)
        np.testing.assert_array_equal(left.intensity, right.intensity)
    (first, *_) = read_shards(tmp_path, columns=["species"])
    assert first.column_names == ["species"]


def test_bytes_do_not_depend_on_how_the_rows_came(tmp_path: Path) -> None:
    table = spectra(25)
    for name, parts in (("whole", [table]), ("parts", [table.slice(i, 1) for i in range(25)])):
        write_shards(parts, tmp_path / name, shard_rows=10, parameters={})
    assert manifest_hash(tmp_path / "whole") == manifest_hash(tmp_path / "parts")


def test_manifest_tells_rows_bytes_checksum_and_parameters(tmp_path: Path) -> None:
    write_shards([spectra(5)], tmp_path, shard_rows=10, parameters={"level": 0.5})
    document = json.loads((tmp_path / MANIFEST).read_text())
    (shard,) = document["shards"]
    assert document["parameters"] == {"level": 0.5, "shard_rows": 10}
    assert shard["rows"] == 5
    assert shard["bytes"] == (tmp_path / shard["file"]).stat().st_size
    expected = subprocess.run(["sha256sum", tmp_path / shard["file"]], capture_output=True, text=True, check=True)
    assert shard["sha256"] == expected.stdout.split()[0]


def test_other_parameters_replace_all_shards(tmp_path: Path) -> None:
    write_shards([spectra(30)], tmp_path, shard_rows=10, parameters={"seed": 1})
    before = manifest_hash(tmp_path)
    write_shards([spectra(20)], tmp_path, shard_rows=10, parameters={"seed": 2})
    assert manifest_hash(tmp_path) != before
    assert sorted(path.name for path in tmp_path.iterdir()) == [MANIFEST, "shard-00000.parquet", "shard-00001.parquet"]


def test_a_damaged_shard_is_not_read_but_made_again(tmp_path: Path) -> None:
    table = spectra(30)
    manifest = write_shards([table], tmp_path, shard_rows=10, parameters={})
    damaged = tmp_path / manifest.shards[1].file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    reader = read_shards(tmp_path)
    next(reader)
    with pytest.raises(CorruptedDataError, match=r"shard-00001\.parquet.*SHA-256.*[Rr]un the step"):
        next(reader)
    untouched = (tmp_path / manifest.shards[0].file).stat().st_mtime_ns
    assert write_shards([table], tmp_path, shard_rows=10, parameters={}) == manifest
    assert (tmp_path / manifest.shards[0].file).stat().st_mtime_ns == untouched
    assert pa.concat_tables(read_shards(tmp_path)).num_rows == 30


def test_missing_and_alien_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no manifest here"):
        next(read_shards(tmp_path))
    manifest = write_shards([spectra(5)], tmp_path, shard_rows=10, parameters={})
    (tmp_path / manifest.shards[0].file).unlink()
    with pytest.raises(CorruptedDataError, match=r"shard-00000\.parquet"):
        next(read_shards(tmp_path))
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(CorruptedDataError, match="is not a shard manifest"):
        next(read_shards(tmp_path))


def test_an_unfinished_folder_has_no_manifest_and_is_continued(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, {"seed": 1})
    writer.write(1, spectra(4))
    (tmp_path / f".shard-00000.parquet{TEMPORARY_MARK}999").write_bytes(b"half")
    with pytest.raises(InputError, match="unfinished"):
        manifest_hash(tmp_path)
    with pytest.raises(ValueError, match="wanted"):
        writer.finish(2)
    again = ShardWriter(tmp_path, {"seed": 1})
    assert [again.is_finished(number) for number in (0, 1)] == [False, True]
    assert not list(tmp_path.glob(f"*{TEMPORARY_MARK}*"))
    again.write(0, spectra(3))
    assert [shard.rows for shard in again.finish(2).shards] == [3, 4]


def test_a_full_disk_leaves_nothing_half_written(small_disk: Path) -> None:
    folder = small_disk / "shards"
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_shards((spectra(100, 50) for _ in range(20)), folder, shard_rows=100, parameters={})
    assert len(str(caught.value).splitlines()) == 1
    names = {path.name for path in folder.iterdir()}
    assert MANIFEST not in names
    assert not [name for name in names if TEMPORARY_MARK in name]
    finished = Manifest.load(folder / ".manifest.unfinished.json").shards
    assert finished
    for shard in finished:
        assert (folder / shard.file).stat().st_size == shard.bytes
    # with less to write it goes on from what is there
    kept = len(finished)
    manifest = write_shards((spectra(100, 50) for _ in range(kept)), folder, shard_rows=100, parameters={})
    assert len(manifest.shards) == kept


def test_an_unwritable_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_shards([spectra(2)], tmp_path / "file" / "shards", shard_rows=10, parameters={})
