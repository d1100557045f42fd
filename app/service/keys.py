"""Keys of a file, and whether other machines can reach an address: what is settled before anything heavy is loaded."""

import ipaddress
from pathlib import Path

from data.errors import InputError

_SHORTEST_KEY = 16


def read_keys(path: Path) -> list[str]:
    """Keys of a file, one a line; empty lines and ``#`` comments are left out.

    Raises
    ------
    InputError : the file cannot be read, holds no key, or one that is too short.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", path=path, remedy="Give a text file of keys") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    remedy = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    if not keys:
        raise InputError("holds no key", path=path, remedy=remedy)
    if min(map(len, keys)) < _SHORTEST_KEY:
        raise InputError(f"holds a key of fewer than {_SHORTEST_KEY} characters", path=path, remedy=remedy)
    return keys


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
