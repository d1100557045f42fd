"""Paths as parameters give them: they may name environment variables, so that a profile holds no machine's folders."""

import os
import re
from pathlib import Path

from data.errors import InputError


def given_path(text: str, record: str) -> Path:
    """The path with its environment variables filled in.

    Parameters
    ----------
    record : the parameter that gives it.

    Raises
    ------
    InputError : a variable is not set.
    """
    path = os.path.expandvars(text)
    if unset := re.search(r"\$\{?(\w+)", path):
        raise InputError(
            f"the environment variable {unset[1]} is not set", path=text, record=record, remedy="Set it, or give a path"
        )
    return Path(path)
