"""The pipeline for real, in its smallest form: DVC decides, Prefect runs, MLflow records."""

import json
import shutil

import pytest
from mlflow.tracking import MlflowClient
from pyteomics.mztab import MzTab

from data.proteomes import SPECIES
from data.shards import manifest_hash

EXPERIMENT = "peptrm"


def test_every_stage_left_its_results(finished):
    reports = finished.root / "workspace" / "reports"
    metrics = json.loads((reports / "metrics.json").read_text())
    assert (metrics["folds"], metrics["folds_completed"]) == (9, 9)
    for species in SPECIES:
        fold = json.loads((reports / "folds" / f"{species.slug}.json").read_text())
        assert fold["status"] == "completed"
        assert fold["metrics"]["n_spectra"] > 0
    assert (reports / "trust.json").exists() and (reports / "trust.md").exists()
    page = (reports / "report.html").read_text()
    assert all(species.name in page for species in SPECIES)
    for name in ("loss", "steps", "precision_coverage"):
        assert (reports / "curves" / f"{name}.csv").read_text().count("\n") >= 2


def test_a_second_repro_does_nothing(finished):
    done = finished.run("dvc", "repro")
    assert done.returncode == 0
    assert "Running stage" not in done.stdout
    assert "up to date" in done.stdout


@pytest.mark.parametrize(
    ("section", "key", "value", "stages"),
    [
        ("evaluation", "sample_spectra", 1, {"report"}),
        ("calibration", "test_spectra", 7, {"trust"}),
        ("cross_validation", "start", "scratch", {"cross_validate"}),
        ("augment", "levels", [0.0, 0.5], {"augment", "report"}),
        ("training", "weight_decay", 0.5, {"train"}),
        ("synthesis", "collision_energy", 27.0, {"synthesize"}),
        ("cross_validation", "runner", "processes", set()),
    ],
)
def test_a_changed_knob_makes_exactly_the_stages_that_read_it_stale(finished, section, key, value, stages):
    params = finished.read_params()
    try:
        finished.write_params(params | {section: params[section] | {key: value}})
        done = finished.run("dvc", "repro", "--dry")
        assert done.returncode == 0, done.stderr
        planned = {line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")}
        assert planned == stages
    finally:
        finished.write_params(params)


def test_a_dry_run_says_what_is_fresh(finished):
    done = finished.run("python", "-m", "flows.nine_species_cv", "--dry-run")
    assert done.returncode == 0, done.stderr
    states = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()[1:9]}
    assert set(states.values()) == {"fresh"} and len(states) == 8


def test_metrics_and_plots_work_offline(finished):
    shown = finished.run("dvc", "metrics", "show", "--json")
    assert json.loads(shown.stdout)[""]["data"]["workspace/reports/metrics.json"]["data"]["folds_completed"] == 9
    page = finished.root / "plots" / "index.html"
    plots = finished.run("dvc", "plots", "show", "-o", str(page.parent))
    assert plots.returncode == 0, plots.stderr
    text = page.read_text()
    assert "Token accuracy by refinement step" in text
    assert 'src="http' not in text
    drawn = json.loads(finished.run("dvc", "plots", "show", "--json").stdout)["data"]["Precision and coverage"]
    points = drawn[0]["content"]["data"]["values"]
    assert {point["species"] for point in points} == {species.name for species in SPECIES}
    assert all(0 <= float(point["precision"]) <= 1 for point in points)


def test_mlflow_holds_one_parent_with_nine_children(finished):
    client = MlflowClient(f"sqlite:///{finished.root}/workspace/mlflow.db")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if run.info.run_name == "nine-species cross-validation"]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.info.run_name for run in children} == {f"fold {species.slug}" for species in SPECIES}
    assert all(run.info.status == "FINISHED" for run in (parent, *children))
    commit = finished.run("git", "rev-parse", "HEAD~1").stdout.strip()
    clean = manifest_hash(finished.root / "workspace" / "shards" / "clean")
    for run in children:
        assert run.data.tags["git_commit"].startswith(commit)
        assert run.data.tags["clean_spectra.manifest"] == clean
        assert run.data.params["training.batch_size"] == "8"
        assert {"loss", "peptide_recall", "test_token_accuracy"} <= run.data.metrics.keys()
        names = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "model")}
        assert {"model/model.safetensors", "model/config.json"} <= names
        assert any(a.path.endswith("confusion.csv") for a in client.list_artifacts(run.info.run_id))
    assert "report.html" in {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}


def test_the_trained_network_sequences_a_file_of_shards(finished, tmp_path):
    shard = next((finished.root / "workspace" / "shards" / "augmented").glob("*.parquet"))
    done = finished.run("peptrm", "sequence", str(shard), "-o", str(tmp_path / "out.mztab"))
    assert done.returncode == 0, done.stderr
    assert len(MzTab(str(tmp_path / "out.mztab")).spectrum_match_table) > 0


def test_push_and_pull_by_a_folder_bring_everything_to_another_clone(finished, tmp_path):
    _push_and_pull(finished, tmp_path, str(tmp_path / "store"))


def _push_and_pull(finished, tmp_path, url, *settings):
    other = tmp_path / "other"
    assert finished.run("dvc", "remote", "add", "--local", "-f", "-d", "store", url).returncode == 0
    for name, value in settings:
        finished.run("dvc", "remote", "modify", "--local", "store", name, value)
    pushed = finished.run("dvc", "push")
    assert pushed.returncode == 0, pushed.stderr
    assert finished.run("git", "clone", "-q", str(finished.root), str(other)).returncode == 0
    shutil.copy(finished.root / ".dvc" / "config.local", other / ".dvc" / "config.local")
    pulled = finished.run("dvc", "--cd", str(other), "pull")
    assert pulled.returncode == 0, pulled.stdout + pulled.stderr
    for name in ("raw/peptides.parquet", "shards/clean/manifest.json", "models/pretrained/model.safetensors"):
        ours, theirs = (root / "workspace" / name for root in (finished.root, other))
        assert ours.read_bytes() == theirs.read_bytes(), name
    assert (other / "workspace" / "reports" / "report.html").exists()
    assert (other / "workspace" / "models" / "folds" / SPECIES[0].slug / "model.safetensors").exists()


def test_push_and_pull_by_s3(finished, tmp_path):
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("dvc_s3")
    import boto3

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(Bucket="peptrm")
        settings = [("endpointurl", endpoint), ("access_key_id", "test"), ("secret_access_key", "test")]
        _push_and_pull(finished, tmp_path, "s3://peptrm/store", *settings)
    finally:
        server.stop()


def test_a_changed_knob_reruns_its_stage_and_no_other(finished):
    # The last of this file: afterwards the clone is not what was committed and pushed.
    params = finished.read_params()
    finished.write_params(params | {"evaluation": params["evaluation"] | {"sample_spectra": 1}})
    done = finished.run("dvc", "repro")
    ran = [line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")]
    assert (done.returncode, ran) == (0, ["report"])
