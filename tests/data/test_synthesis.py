"""Synthetic spectra: MS2PIP's, whatever the number of processes, and whatever kills them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyteomics import mass

from data import synthesis
from data.errors import InputError, OutputError
from data.peptides import PEPTIDES
from data.schema import from_table
from data.settings import SynthesisSettings
from data.shards import MANIFEST, Manifest, manifest_hash, read_shards
from data.synthesis import synthesize

MODIFIED = "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]S[UNIMOD:21]N[UNIMOD:7]IK"
SHIFTED = "[+42.010565]-AC[+57.021464]DEM[+15.994915]S[+79.966331]N[+0.984016]IK"


def write_peptides(path: Path, peptidoforms: list[str], charges: list[int]) -> Path:
    count = len(peptidoforms)
    species = ["homo_sapiens" if row % 2 else "general" for row in range(count)]
    columns: list[Any] = [
        peptidoforms,
        charges,
        species,
        [None if name == "general" else name for name in species],
        ["test"] * count,
        [[]] * count,
    ]
    pq.write_table(pa.table(dict(zip(PEPTIDES.names, columns, strict=True)), schema=PEPTIDES), path)
    return path


def random_table(path: Path, count: int) -> Path:
    rng = np.random.default_rng(count)
    letters = list("ACDEFGHIKLMNPQRSTVWY")
    peptidoforms = ["".join(rng.choice(letters, rng.integers(7, 21))) for _ in range(count)]
    return write_peptides(path, peptidoforms, rng.integers(2, 4, count).tolist())


def test_spectra_are_those_of_ms2pip(tmp_path: Path) -> None:
    from ms2pip import predict_single

    asked = ["PEPTIDEK", MODIFIED, "SAMPLERRR", "[UNIMOD:5][UNIMOD:385]-QWERTYK"]
    shifted = ["PEPTIDEK", SHIFTED, "SAMPLERRR", "[+25.979265]-QWERTYK"]
    charges = [2, 3, 2, 4]
    path = write_peptides(tmp_path / "peptides.parquet", asked, charges)
    synthesize(path, SynthesisSettings(processes=1, shard_rows=3), 1, tmp_path / "shards")
    spectra = [spectrum for table in read_shards(tmp_path / "shards") for spectrum in from_table(table)]
    assert len(spectra) == 4
    for row, spectrum in enumerate(spectra):
        assert (spectrum.spectrum_id, spectrum.peptidoform) == (f"synthetic:{row}", asked[row])
        assert (spectrum.source, spectrum.fragmentation, spectrum.instrument) == ("ms2pip:HCDch2", "HCD", None)
        assert (spectrum.collision_energy, spectrum.retention_time) == (30.0, None)
        assert (spectrum.species, spectrum.fold) == (("homo_sapiens",) * 2 if row % 2 else ("general", None))
        assert spectrum.intensity.max() == 1
        assert spectrum.intensity.min() >= 1e-4
        assert (np.diff(spectrum.mz) >= 0).all()
        theirs = predict_single(f"{shifted[row]}/{charges[row]}", model="HCDch2")
        mz = np.concatenate([theirs.theoretical_mz[ion] for ion in ("b", "y", "b2", "y2")])
        intensity = np.exp2(np.concatenate([theirs.predicted_intensity[i] for i in ("b", "y", "b2", "y2")])) - 0.001
        relative = intensity / intensity.max()
        kept = relative >= 1e-4
        assert len(spectrum.mz) == kept.sum()
        for ion_mz, ion_intensity in zip(mz[kept], relative[kept], strict=True):
            near = np.abs(spectrum.mz - ion_mz) < 0.005
            assert np.abs(spectrum.intensity[near] - ion_intensity).min() < 1e-4
    (plain, *_) = spectra
    assert plain.precursor_mz == pytest.approx(mass.calculate_mass("PEPTIDEK", charge=2), abs=1e-6)
    for ion, sequence, charge in (("b", "PEP", 1), ("y", "TIDEK", 1), ("b", "PEPTIDE", 2), ("y", "EPTIDEK", 2)):
        assert np.abs(plain.mz - mass.calculate_mass(sequence, ion_type=ion, charge=charge)).min() < 1e-6


def test_a_fragment_carries_no_more_charge_than_its_precursor(tmp_path: Path) -> None:
    path = write_peptides(tmp_path / "peptides.parquet", ["PEPTIDEK"] * 2, [1, 2])
    synthesize(path, SynthesisSettings(processes=1), 1, tmp_path / "shards")
    singly, doubly = from_table(pa.concat_tables(read_shards(tmp_path / "shards")))
    assert len(singly.mz) <= 14 < len(doubly.mz)


def test_bytes_do_not_depend_on_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = random_table(tmp_path / "peptides.parquet", 700)
    told: list[tuple[int, int]] = []
    for name, processes in (("one", 1), ("two", 2), ("three", 3)):
        settings = SynthesisSettings(processes=processes, shard_rows=300)
        synthesize(path, settings, 1, tmp_path / name, lambda done, total: told.append((done, total)))
    assert told[:3] == [(300, 700), (600, 700), (700, 700)]
    monkeypatch.setattr(synthesis, "BATCH_ROWS", 77)
    synthesize(path, SynthesisSettings(processes=1, shard_rows=300), 1, tmp_path / "batches")
    assert len({manifest_hash(tmp_path / name) for name in ("one", "two", "three", "batches")}) == 1
    parameters = Manifest.load(tmp_path / "one" / MANIFEST).parameters
    assert parameters["model"] == "HCDch2"
    assert len(parameters["peptides_sha256"]) == 64
    # other peptides, other shards
    random_table(path, 699)
    assert synthesize(path, SynthesisSettings(processes=1, shard_rows=300), 1, tmp_path / "one").rows == 699


SCRIPT = """
import sys, time
from pathlib import Path
from data.settings import SynthesisSettings
from data.synthesis import synthesize

if __name__ == "__main__":
    settings = SynthesisSettings(processes=2, shard_rows=100)
    synthesize(Path(sys.argv[1]), settings, 1, Path(sys.argv[2]), lambda *_: time.sleep(0.3))
"""


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for the children in /proc")
def test_a_killed_run_is_continued(tmp_path: Path) -> None:
    path = random_table(tmp_path / "peptides.parquet", 1000)
    script, folder = tmp_path / "run.py", tmp_path / "killed"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.Popen([sys.executable, script, path, folder], env=environment)
    deadline = time.monotonic() + 60
    while len(list(folder.glob("shard-*.parquet"))) < 3:
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.02)
    workers = children(run.pid)
    assert len(workers) >= 2
    run.send_signal(signal.SIGKILL)
    run.wait()
    finished = {shard: shard.stat().st_mtime_ns for shard in folder.glob("shard-*.parquet")}
    assert 3 <= len(finished) < 10
    assert not (folder / MANIFEST).exists()
    with pytest.raises(InputError, match="unfinished"):
        next(read_shards(folder))
    # nobody goes on working for a dead parent
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    settings = SynthesisSettings(processes=1, shard_rows=100)
    done: list[int] = []
    manifest = synthesize(path, settings, 1, folder, lambda finished_rows, _: done.append(finished_rows))
    assert manifest.rows == 1000
    # the last shard may have been renamed just before the kill, and not yet be in the manifest
    kept = sum(shard.stat().st_mtime_ns == before for shard, before in finished.items())
    assert kept >= len(finished) - 1
    assert len(done) == 10 - kept
    assert synthesize(path, settings, 1, tmp_path / "unbroken") == manifest
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in (tmp_path / "unbroken").iterdir())


@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_ends_it_with_one_line(small_disk: Path, tmp_path: Path, processes: int) -> None:
    path = random_table(tmp_path / "peptides.parquet", 2000)
    folder = small_disk / "shards"
    with pytest.raises(OutputError, match="No space left on device") as caught:
        synthesize(path, SynthesisSettings(processes=processes, shard_rows=250), 1, folder)
    assert len(str(caught.value).splitlines()) == 1
    assert not (folder / MANIFEST).exists()
    for shard in folder.glob("shard-*"):
        assert pq.read_table(shard).num_rows == 250


def test_what_is_no_peptide_table_is_named(tmp_path: Path) -> None:
    settings = SynthesisSettings(processes=1)
    with pytest.raises(InputError, match=r"none\.parquet: .*cannot be read: No such file"):
        synthesize(tmp_path / "none.parquet", settings, 1, tmp_path / "shards")
    (tmp_path / "text.parquet").write_text("PEPTIDE")
    with pytest.raises(InputError, match="is no peptide table"):
        synthesize(tmp_path / "text.parquet", settings, 1, tmp_path / "shards")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="is no peptide table"):
        synthesize(tmp_path / "other.parquet", settings, 1, tmp_path / "shards")
    path = write_peptides(tmp_path / "peptides.parquet", ["PEP"], [2])
    with pytest.raises(InputError, match=r"PEP: MS2PIP predicts peptides of 4 to 100"):
        synthesize(path, SynthesisSettings(processes=2), 1, tmp_path / "shards")
    path = random_table(tmp_path / "peptides.parquet", 3)
    with pytest.raises(InputError, match="no model 'none'"):
        synthesize(path, SynthesisSettings(model="none"), 1, tmp_path / "other")
    with pytest.raises(InputError, match="must be 1 or more"):
        synthesize(path, SynthesisSettings(processes=0), 1, tmp_path / "other")
    assert not (tmp_path / "other").exists()
