"""The pipeline's steps by `peptrm`: the same flows, with values of the command line in the place of the file's."""

import json

from data.shards import MANIFEST, Manifest


def test_steps_run_one_by_one_with_values_of_the_command_line(new_clone):
    clone = new_clone()

    def peptrm(*words):
        done = clone.run("python", "-m", "app.main", *words)
        assert done.returncode == 0, done.stdout + done.stderr

    small = ("--set", "peptides.per_species=3", "--set", "peptides.pretraining=40", "--set", "synthesis.shard_rows=16")
    peptrm("synthesize", *small)
    shards = clone.root / "workspace" / "shards"
    assert {entry.rows for entry in Manifest.load(shards / "clean" / MANIFEST).shards[:-1]} == {16}
    peptrm("augment", *small, "--set", "augment.levels=[0.0, 0.5]")
    assert Manifest.load(shards / "augmented" / MANIFEST).parameters["levels"] == [0.0, 0.5]
    peptrm("train", *small, "--set", "training.stages.0.updates=2")
    for name in ("pretrained", "plain"):
        summary = json.loads((clone.root / "workspace" / "models" / name / "training.json").read_text())
        assert summary["updates"] == 2
    failed = clone.run("python", "-m", "app.main", "cv", *small, "--deployed")
    assert failed.returncode == 2
    assert "params.yaml" in failed.stderr
