"""Every flow that is a command takes what commands are given."""

import importlib
import inspect
import re

import pytest

from tasks.params import PARAMS_FILE
from tests.flows.conftest import ROOT

CALL = re.compile(r"^    run_stage\((\w+)\)", re.MULTILINE)
COMMANDS = {path.stem: found[1] for path in sorted(ROOT.glob("flows/*.py")) if (found := CALL.search(path.read_text()))}


def test_the_flows_are_found():
    assert {"proteomes", "train", "report", "pretrain", "bridge"} <= COMMANDS.keys()


@pytest.mark.parametrize("module", COMMANDS)
def test_a_flow_takes_a_parameter_file_and_changes(module):
    flow = getattr(importlib.import_module(f"flows.{module}"), COMMANDS[module])
    inspect.signature(getattr(flow, "fn", flow)).bind(PARAMS_FILE, ("seed=1",))
