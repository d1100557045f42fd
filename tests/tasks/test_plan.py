"""The plan: what it counts by hand, what is stale as DVC says, and nothing done."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.params import load_params
from tasks.plan import STAGES, as_text, plan, stage_states, training_seconds

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")


def test_the_demo_by_hand():
    found = plan(PARAMS, dict.fromkeys(STAGES, "stale"))
    work = {stage.name: stage.work for stage in found.stages}
    assert tuple(work) == STAGES
    assert work["synthesize"] == "57,200 spectra"  # 9 × 800 and 50,000
    assert work["augment"].startswith("29,100 spectra")  # (9 × 800 and 5% of 50,000) × 3 levels
    assert len(found.folds) == 9
    # 800 updates of 128 rows at 709 a second
    assert training_seconds(PARAMS.training, PARAMS.network) == pytest.approx(800 * 128 / 709)
    assert found.bytes == sum(stage.bytes for stage in found.stages)
    states = dict.fromkeys(STAGES, "fresh")
    assert plan(PARAMS, states).seconds == 0
    assert 0 < plan(PARAMS, states | {"train": "stale"}).seconds < found.seconds
    text = "\n".join(as_text(found))
    assert "homo_sapiens" in text and all(f"\n{name} " in f"\n{text}" for name in STAGES)


def test_where_dvc_cannot_say_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stage_states() == {}
    assert {stage.state for stage in plan(PARAMS, {}).stages} == {"unknown"}


def test_a_dry_run_of_a_profile_prints_and_writes_nothing(tmp_path):
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    profile = str(ROOT / "profiles" / "nine_proteomes.yaml")
    words = [sys.executable, "-m", "flows.nine_species_cv", "--dry-run", "--profile", profile]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "choloepus_hoffmanni" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
    assert (tmp_path / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
