"""The deployment on a real server and worker; folds that fail, that are interrupted, and on every task runner."""

import json
import os
import shutil
import signal
import time
from importlib.util import find_spec

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from data.errors import PepTRMError
from data.proteomes import SPECIES
from tasks.deployments import start_deployment
from tests.flows.conftest import free_port

FIRST = SPECIES[0].slug


@pytest.fixture
def clone(finished, new_clone):
    """A copy of the finished clone, to be spoiled."""
    copy = new_clone()
    shutil.copytree(finished.root / "workspace", copy.root / "workspace")
    return copy


def folds_of(clone):
    folder = clone.root / "workspace" / "models" / "folds"
    return {
        path.parent.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("*/model.safetensors")
    }


def forget_folds(clone):
    shutil.rmtree(clone.root / "workspace" / "models" / "folds")
    shutil.rmtree(clone.root / "workspace" / "reports" / "folds")


def test_the_deployment_runs_the_pipeline_to_its_end(finished, prefect_server):
    pool = finished.run("prefect", "--no-prompt", "work-pool", "create", "--type", "process", "--overwrite", "local")
    assert pool.returncode == 0, pool.stderr
    deployed = finished.run("prefect", "--no-prompt", "deploy", "--all")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    worker = finished.start("prefect", "worker", "start", "--pool", "local")
    try:
        done = finished.run(
            "prefect", "deployment", "run", "nine-species-cv/nine-species-cv", "--watch", "--watch-interval", "2"
        )
        assert done.returncode == 0, done.stdout + (finished.root / "background.log").read_text()
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(30)


def test_a_deployment_is_started_on_a_running_server_and_nowhere_else(prefect_server):
    with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(PepTRMError, match="names no Prefect"):
        start_deployment("by-hand/started")
    nobody = f"http://127.0.0.1:{free_port()}/api"
    with (
        temporary_settings({PREFECT_API_URL: nobody}),
        pytest.raises(PepTRMError, match=r"does not answer.*make serve"),
    ):
        start_deployment("by-hand/started")
    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        with pytest.raises(PepTRMError, match=r"has no deployment by-hand/started.*prefect deploy"):
            start_deployment("by-hand/started")
        client.create_work_pool(WorkPoolCreate(name="by-hand", type="process"))
        flow = client.create_flow_from_name("by-hand")
        deployment = client.create_deployment(flow, "started", work_pool_name="by-hand")
        run = start_deployment("by-hand/started")
        assert (run.pool, run.workers) == ("by-hand", 0)
        taken = client.read_flow_run(run.id)
        assert taken.deployment_id == deployment and taken.state.is_scheduled() and run.id in run.page


@pytest.mark.parametrize("runner", ["threads", "processes", "dask", "ray"])
def test_every_task_runner_gives_the_same_weights(clone, finished, runner):
    if runner == "ray" and find_spec("prefect_ray") is None:
        pytest.skip("prefect-ray is not installed")
    params = clone.read_params()
    clone.write_params(params | {"cross_validation": params["cross_validation"] | {"runner": runner}})
    forget_folds(clone)
    done = clone.run("python", "-m", "flows.cross_validate")
    assert done.returncode == 0, done.stdout + done.stderr
    weights = {name: content for name, (_, content) in folds_of(clone).items()}
    assert weights == {name: content for name, (_, content) in folds_of(finished).items()}


def test_a_killed_run_does_not_train_finished_folds_again(clone):
    forget_folds(clone)
    run = clone.start("python", "-m", "flows.cross_validate")
    reports = clone.root / "workspace" / "models" / "folds"
    for _ in range(1200):
        if len(list(reports.glob("*/fold.json"))) >= 3 or run.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    finished_folds = {path.parent.name for path in reports.glob("*/fold.json")}
    assert 3 <= len(finished_folds) < 9
    before = folds_of(clone)
    done = clone.run("python", "-m", "flows.cross_validate")
    assert done.returncode == 0, done.stdout + done.stderr
    after = folds_of(clone)
    assert len(after) == 9
    assert all(after[name] == before[name] for name in finished_folds)


def test_folds_whose_results_prefect_has_lost_are_kept(clone):
    # What a kill leaves that falls between a fold's receipt and the storing of its task's result.
    folder = clone.root / "emptied"
    clone.env |= {"PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(folder)}
    before = folds_of(clone)
    done = clone.run("python", "-m", "flows.cross_validate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(folder.iterdir()) and folds_of(clone) == before


def test_a_failing_fold_is_retried_and_reported_while_the_others_finish(clone):
    forget_folds(clone)
    # A folder where the fold's figures belong: its task cannot write them, whatever it tries.
    (clone.root / "workspace" / "reports" / "folds" / f"{FIRST}.predictions.parquet").mkdir(parents=True)
    done = clone.run("python", "-m", "flows.cross_validate")
    assert done.returncode == 1
    output = done.stdout + done.stderr
    assert f"1 of 9 folds failed: {FIRST}" in output
    assert "Traceback" not in done.stderr.splitlines()[-1]
    assert "Retr" in output
    reports = clone.root / "workspace" / "reports" / "folds"
    states = {species.slug: json.loads((reports / f"{species.slug}.json").read_text())["status"] for species in SPECIES}
    assert states.pop(FIRST) == "failed"
    assert set(states.values()) == {"completed"}
    page = clone.run("python", "-m", "flows.report")
    assert page.returncode == 0, page.stderr
    assert "failed:" in (clone.root / "workspace" / "reports" / "report.html").read_text()
