"""The batch flow on a real server: every file of a folder, one that cannot be read, and only what is new again."""

import os
import subprocess
import sys
from pathlib import Path

from pyteomics.mztab import MzTab

ROOT = Path(__file__).parents[2]


def test_a_folder_is_sequenced_file_by_file(prefect_server, model, mgf, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "one.mgf").write_text(mgf.read_text())
    (runs / "two.mgf").write_text(mgf.read_text() * 2)
    (runs / "bad.mgf").write_text("hello\nworld\n")
    (runs / "notes.txt").write_text("hello")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        asked = (f"folder={runs}", f"model={model}", "retry_delay_s=0", "steps=1", *words)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server}
        return subprocess.run(
            [sys.executable, "-m", "flows.sequence_folder", *asked],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    done = run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 of 3 files failed: bad.mgf" in done.stderr
    results = runs / "peptides"
    assert sorted(path.name for path in results.iterdir()) == ["one.mgf.mztab", "report.md", "two.mgf.mztab"]
    references = MzTab(str(results / "one.mgf.mztab")).spectrum_match_table["spectra_ref"]
    assert set(references) <= {f"ms_run[1]:index={index}" for index in range(3)}
    report = (results / "report.md").read_text()
    assert "Files: 3, failed: 1, spectra: 9" in report
    assert "| one.mgf | completed | 3 |" in report and "| bad.mgf | failed |" in report and "no known format" in report

    (runs / "bad.mgf").unlink()
    (runs / "three.mgf").write_text(mgf.read_text())
    before = (results / "one.mgf.mztab").stat().st_mtime_ns
    again = run("runner=processes", "watch_minutes=0.1", "poll_s=2")
    assert again.returncode == 0, again.stdout + again.stderr
    assert (results / "one.mgf.mztab").stat().st_mtime_ns == before
    report = (results / "report.md").read_text()
    assert "| one.mgf | finished before |" in report and "| three.mgf | completed | 3 |" in report
    assert "no such folder" in run(f"folder={tmp_path / 'none'}").stderr
