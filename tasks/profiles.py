"""Profiles: files that change some parameters of `params.yaml`, `python -m tasks.profiles profiles/NAME.yaml`.

The result is written to `params.yaml` itself, for DVC decides by that file what is stale; `git checkout params.yaml`
brings the project's own back. Comments stay.
"""

import argparse
import io
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from data.atomic import write_atomically
from data.errors import InputError, PepTRMError
from tasks.params import PARAMS_FILE, Params, check_params

_YAML = YAML()
_YAML.preserve_quotes = True
_YAML.width = 4096
_YAML.indent(mapping=2, sequence=4, offset=2)
_YAML.representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def apply_profile(profile: Path, base: Path = PARAMS_FILE, output: Path = PARAMS_FILE) -> Params:
    """Write the parameters of ``base`` with what the profile changes: sections are merged, all else is replaced.

    Raises
    ------
    InputError : a file is missing or no YAML, or the result is not valid; then nothing is written.
    OutputError : the file cannot be written.
    """
    text, params = with_profile(profile, base)
    write_atomically(output, text.encode())
    return params


def with_profile(profile: Path, base: Path = PARAMS_FILE) -> tuple[str, Params]:
    """The parameters of ``base`` with what the profile changes, as text and checked.

    Raises
    ------
    InputError : a file is missing or no YAML, or the result is not valid.
    """
    merged = _read(base)
    _merge(merged, _read(profile))
    buffer = io.StringIO()
    _YAML.dump(merged, buffer)
    return buffer.getvalue(), check_params(YAML(typ="safe").load(buffer.getvalue()), profile)


def _read(path: Path) -> MutableMapping[str, Any]:
    try:
        content = _YAML.load(path.read_text())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path, remedy="Profiles lie in profiles/") from None
    except YAMLError as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", path=path) from None
    if not isinstance(content, MutableMapping):
        raise InputError("holds no parameters", path=path)
    return content


def _merge(into: MutableMapping[str, Any], changes: MutableMapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, MutableMapping) and isinstance(into.get(key), MutableMapping):
            _merge(into[key], value)
        else:
            into[key] = value


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="Write params.yaml with what a profile changes.")
    words.add_argument("profile", type=Path)
    words.add_argument("--output", "-o", type=Path, default=PARAMS_FILE)
    asked = words.parse_args()
    try:
        apply_profile(asked.profile, output=asked.output)
    except PepTRMError as error:
        print(f"profiles: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
