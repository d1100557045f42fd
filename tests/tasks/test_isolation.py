"""Functions in processes of their own: results, errors, and an end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.errors import InputError, PepTRMError
from data.seeding import derive
from tasks.isolation import run_isolated
from tasks.params import load_params
from tasks.training import measure_recursion

ROOT = Path(__file__).parents[2]


def test_the_result_is_that_of_a_direct_call():
    lines: list[str] = []
    assert run_isolated(derive, {"seed": 7}, lines.append) == derive(7)


def test_our_errors_come_back_as_they_were(tmp_path):
    params = load_params(ROOT / "params.yaml").model_dump(mode="json")
    with pytest.raises(InputError) as caught:
        run_isolated(measure_recursion, {"params": params, "root": str(tmp_path)}, print)
    assert caught.value.path == str(tmp_path / "models" / "pretrained")
    assert caught.value.problem == "no model here"


def test_a_process_that_dies_is_an_error():
    with pytest.raises(PepTRMError, match="_exit ended with status 3"):
        run_isolated(os._exit, {"status": 3}, print)


def test_the_child_ends_when_its_parent_is_killed(tmp_path):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.path.insert(0, sys.argv[2])\n"
        "import sleeper\nfrom tasks.isolation import run_isolated\n"
        "run_isolated(sleeper.sleep, {'path': sys.argv[3]}, print)\n"
    )
    (tmp_path / "sleeper.py").write_text(
        "import os, pathlib, time\n"
        "def sleep(path):\n    pathlib.Path(path).write_text(str(os.getpid()))\n    time.sleep(600)\n"
    )
    note = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(ROOT), str(tmp_path), str(note)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
    )
    for _ in range(300):
        if note.exists() and note.read_text():
            break
        time.sleep(0.1)
    child = int(note.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()
