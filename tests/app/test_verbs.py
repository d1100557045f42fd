"""The verbs around sequencing: every one has an example; parameters, export, info, completions, and their reference."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from app.information import as_text, machine_card, model_card
from app.main import app
from app.reference import PAGE, reference
from data.errors import InputError, OutputError
from model.calibration import CALIBRATION_FILE
from model.export import export_network
from model.inference import Sequencer
from tasks import models
from tasks.params import load_params, params_text
from tasks.params_text import changed
from tasks.spectra_files import files_of_folder, spectra_files

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "params.yaml"
MOST_BYTES = 20_000_000


def verbs(command, words=("peptrm",)):
    """Every verb with the words that call it."""
    below = getattr(command, "commands", {})
    for name, verb in below.items():
        yield from verbs(verb, (*words, name))
    if not below:
        yield " ".join(words), command


VERBS = dict(verbs(get_command(app)))


@pytest.mark.parametrize("words", VERBS)
def test_every_verb_has_an_example_of_itself(words):
    assert (VERBS[words].epilog or "").startswith(f"Example: {words}")
    assert VERBS[words].help


def test_the_reference_is_that_of_the_code():
    assert PAGE.read_text() == reference(), "python -m app.reference"


def _leaves(node, path=()):
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield ".".join(path), node


TEXT = PARAMS.read_text()
LEAVES = [(key, value) for key, value in _leaves(yaml.safe_load(TEXT)) if key.count(".") < 3 and "+" not in key]


def comments(text):
    return re.findall(r"#.*", text)


TEXTS = st.lists(st.text("ab1 :,-[]{}'\"", max_size=5), max_size=3)


@settings(max_examples=15)
@given(st.sampled_from(LEAVES), st.one_of(st.integers(-9, 9), st.floats(1e-9, 1e9), st.booleans(), TEXTS))
def test_a_change_changes_that_value_alone_and_keeps_every_comment(leaf, value):
    key, _ = leaf
    after = changed(TEXT, f"{key}={json.dumps(value)}")
    expected = yaml.safe_load(TEXT)
    *sections, last = key.split(".")
    place = expected
    for section in sections:
        place = place[section]
    last = int(last) if isinstance(next(iter(place)), int) else last
    place[last] = value
    assert yaml.safe_load(after) == expected
    assert comments(after) == comments(TEXT)


def test_values_come_from_the_file_and_the_changes():
    params = load_params(
        PARAMS, ["training.batch_size=64", "cross_validation.training.weight_decay=1e-4", "curricula.fast.1.updates=7"]
    )
    assert params.training.batch_size == 64
    assert params.cross_validation.training.weight_decay == 1e-4  # the file does not name it
    assert params.training.stages[1].updates == 7
    line = next(
        line for line in params_text(PARAMS, ["training.batch_size=64"]).splitlines() if "batch_size: 64" in line
    )
    assert line == "  batch_size: 64                  # rows, of different ages"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.batchsize=3", r"training\.batchsize: unknown parameter.*'batch_size'"),
        ("trainin.batch_size=3", r"trainin: unknown parameter.*'training'"),
        ("training.batch_size=many", r"training\.batch_size"),
        ("training.batch_size", "section.key=value"),
        ("seed.x=1", "no section"),
        ("curricula.fast.9=1", "no item 9 in a list of 3"),
        ("seed=[", "no YAML"),
    ],
)
def test_wrong_changes_are_named(change, message):
    with pytest.raises(InputError, match=message):
        load_params(PARAMS, [change])


def test_params_and_the_pipelines_verbs_check_before_they_run(peptrm, tmp_path):
    done = peptrm("params", "--params", PARAMS, "--set", "seed=7")
    assert done.returncode == 0 and done.stdout == changed(TEXT, "seed=7")
    for verb in ("synthesize", "augment", "train", "cv", "report"):
        done = peptrm(verb, "--params", PARAMS, "--set", "training.batchsize=3", cwd=tmp_path)
        assert done.returncode == 2 and "'batch_size'" in done.stderr
    assert "--deployed" in peptrm("cv", "--deployed", "--set", "seed=7").stderr
    assert list(tmp_path.iterdir()) == []


def test_export_takes_the_name_of_a_network_of_the_package(tmp_path):
    done = CliRunner().invoke(app, ["export", "base", "-o", str(tmp_path / "copy")])
    assert done.exit_code == 0, done.output
    copy, brought = (model_card(folder) for folder in (tmp_path / "copy", models.WEIGHTS / "base"))
    assert copy["parameters"] == brought["parameters"]


def test_an_exported_network_is_half_as_large_and_answers_alike(model, tmp_path, mgf):
    (tmp_path / "source").mkdir()
    source = shutil.copytree(model, tmp_path / "source" / "model")
    target = tmp_path / "small"
    size = export_network(source, target, "bf16", force=False)
    assert size == sum(path.stat().st_size for path in target.iterdir()) <= MOST_BYTES
    assert {path.name for path in target.iterdir()} == {"model.safetensors", "config.json"}
    exact, rounded = (safetensors.torch.load_file(folder / "model.safetensors") for folder in (source, target))
    assert exact.keys() == rounded.keys()
    for name, weight in rounded.items():
        assert weight.dtype == torch.bfloat16
        torch.testing.assert_close(weight.float(), exact[name], rtol=2**-8, atol=0)
    first, second = (Sequencer(folder, threads=1) for folder in (source, target))
    assert second.network.mass_evidence.masses.dtype == torch.float64
    assert torch.equal(first.network.mass_evidence.masses, second.network.mass_evidence.masses)
    with pytest.raises(OutputError, match="--force"):
        export_network(source, target, "bf16", force=False)
    with pytest.raises(InputError, match="is the model itself"):
        export_network(source, source, "bf16", force=True)
    (source / CALIBRATION_FILE).write_text("{}")
    export_network(source, target, "fp32", force=True)
    copied = safetensors.torch.load_file(target / "model.safetensors")
    assert all(torch.equal(copied[name], weight) for name, weight in exact.items())
    assert (target / CALIBRATION_FILE).read_text() == "{}"


def test_info_tells_of_the_model_and_the_machine(model):
    card, machine = model_card(model), machine_card()
    assert card["parameters"] == sum(p.numel() for p in Sequencer(model).network.parameters())
    assert {"P", "K", "M"} <= set(card["vocabulary"].split())
    assert card["licence"].startswith("Apache-2.0")
    assert "calibration.json is missing" in card["calibration"]
    assert machine["torch"] == torch.__version__ and machine["processors"] == os.cpu_count()
    text = "\n".join(as_text({"model": card, "machine": machine}))
    assert f"{card['parameters']:,}" in text


def test_the_shipped_model_comes_first_then_the_trained_one(model, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "WEIGHTS", tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="--model"):
        models.chosen_model(None)
    shutil.copytree(model, tmp_path / models.TRAINED)
    assert models.chosen_model(None) == models.TRAINED
    shutil.copytree(model, tmp_path / "weights" / "base")
    assert models.chosen_model(None) == tmp_path / "weights" / "base" == models.chosen_model(Path("base"))
    assert models.chosen_model(Path("small")) == Path("small")  # which the loader will not find
    shutil.copytree(model, tmp_path / "base")
    assert models.chosen_model(Path("base")) == Path("base")  # a folder of one's own goes first


def test_bash_completes_verbs_and_options(peptrm, tmp_path):
    script = peptrm("completions", "bash").stdout
    program = tmp_path / "peptrm"
    call = "import sys; sys.argv[0] = 'peptrm'; from app.main import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{call}" "$@"\n')
    program.chmod(0o755)

    def completed(*words):
        line = " ".join(f"'{word}'" for word in words)
        asked = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _peptrm_completion peptrm; echo ${{COMPREPLY[@]}}"
        environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, env=environment, check=True
        )
        return done.stdout.split()

    assert "sequence" in completed("peptrm", "seq")
    assert {"--model", "--missed-cleavages"} <= set(completed("peptrm", "sequence", "--m"))
    for shell in ("zsh", "fish"):
        assert "_PEPTRM_COMPLETE" in peptrm("completions", shell).stdout


def test_files_of_folders_and_globs(tmp_path):
    for name in ("b.mgf", "a.mzML.gz", "c.txt", "d.parquet", "partial-b.mgf", ".b.mgf", "sub/b.mgf", "e[1].mgf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in files_of_folder(tmp_path)] == ["a.mzML.gz", "b.mgf", "e[1].mgf"]
    assert spectra_files([tmp_path]) == files_of_folder(tmp_path)
    assert spectra_files([tmp_path / "*.mgf"])[-2:] == [tmp_path / "e[1].mgf", tmp_path / "partial-b.mgf"]
    assert spectra_files([tmp_path / "e[1].mgf", tmp_path / "e*"]) == [tmp_path / "e[1].mgf"]
    assert spectra_files([tmp_path / "none.mgf"]) == [tmp_path / "none.mgf"]  # the reader says what is wrong with it
    with pytest.raises(InputError, match="two files have this name"):
        spectra_files([tmp_path / "**" / "b.mgf"])
    with pytest.raises(InputError, match="no file matches"):
        spectra_files([tmp_path / "*.msp"])


@pytest.mark.parametrize("name", ["base", "small"])
def test_the_package_brings_networks_that_load_and_are_calibrated(name):
    folder = models.chosen_model(Path(name))
    assert folder == models.WEIGHTS / name and (folder / "README.md").is_file()
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20e6
    card = model_card(folder)
    assert f"{card['parameters']:,}" in (folder / "README.md").read_text()
    assert "missing" not in card["calibration"]
