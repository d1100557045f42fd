"""What every stage flow needs to run as a command: parameters, exit status, one line instead of a traceback."""

import sys
from collections.abc import Callable
from typing import Any

from data.errors import PepTRMError


def run_stage(stage: Callable[..., Any]) -> None:
    """Run a flow as ``python -m flows.<stage>`` and leave with 0, or 1 and 2 as the error says."""
    try:
        stage()
    except PepTRMError as error:
        print(f"{stage.__name__}: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
