"""What every stage flow needs to run as a command: parameters, exit status, one line instead of a traceback."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from data.errors import PepTRMError
from tasks.params import PARAMS_FILE


def run_stage(stage: Callable[..., Any]) -> None:
    """Run a flow as ``python -m flows.<stage>`` and leave with 0, or 1 and 2 as the error says.

    ``--params FILE`` and ``--set section.key=value`` choose the parameters.
    """
    words = argparse.ArgumentParser(description=stage.__doc__)
    words.add_argument("--params", type=Path, default=PARAMS_FILE, metavar="FILE")
    words.add_argument("--set", action="append", default=[], metavar="section.key=value")
    asked = words.parse_args()
    run_with_status(stage.__name__, partial(stage, asked.params, tuple(asked.set)))


def run_with_status(name: str, run: Callable[[], Any]) -> None:
    """Call it and leave with 0, or 1 and 2 as the error says, which is told in one line."""
    try:
        run()
    except PepTRMError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
