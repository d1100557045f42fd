"""Runs a plain function in a process of its own: torch keeps one thread count and one seed for a whole process.

The child reads its arguments as JSON from its standard input and ends when that closes: a parent that is killed takes
its children with it.
"""

import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.errors import InputError, PepTRMError

_ORPHANED_STATUS = 75


def run_isolated(function: Callable[..., Any], arguments: dict[str, Any], on_line: Callable[[str], None]) -> Any:
    """Call a function of a module with JSON arguments in a new process and return its JSON result.

    Parameters
    ----------
    on_line : gets every line that the child logs.

    Raises
    ------
    InputError, PepTRMError : as the function raised it.
    PepTRMError : the child was killed or failed in a way of its own; its last lines are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="peptrm-") as folder:
        result = Path(folder) / "result.json"
        call = {"module": function.__module__, "name": function.__name__, "arguments": arguments, "result": str(result)}
        child = subprocess.Popen(
            [sys.executable, "-m", "tasks.isolation"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert child.stdin and child.stdout
        try:
            child.stdin.write(json.dumps(call) + "\n")
            child.stdin.flush()
            tail: list[str] = []
            for line in child.stdout:
                tail = [*tail[-4:], line.rstrip()]
                on_line(line.rstrip())
            status = child.wait()
        finally:
            child.kill()
            child.stdin.close()
        if not result.exists():
            raise PepTRMError(f"{function.__name__} ended with status {status}: {' | '.join(tail)}")
        answer = json.loads(result.read_text())
    if "error" in answer:
        raise _as_raised(answer)
    return answer["value"]


def _as_raised(answer: dict[str, Any]) -> PepTRMError:
    kind = InputError if answer["exit_status"] == InputError.exit_status else PepTRMError
    return kind(answer["error"], path=answer["path"], record=answer["record"], remedy=answer["remedy"])


def _child() -> None:
    call = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        answer = {"value": getattr(importlib.import_module(call["module"]), call["name"])(**call["arguments"])}
    except PepTRMError as error:
        where = None if error.path is None else str(error.path)
        answer = {
            "error": error.problem,
            "path": where,
            "record": error.record,
            "remedy": error.remedy,
            "exit_status": error.exit_status,
        }
    Path(call["result"]).write_text(json.dumps(answer))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(_ORPHANED_STATUS)


if __name__ == "__main__":
    _child()
