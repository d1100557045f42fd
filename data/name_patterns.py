"""What a name says, by the first pattern that it matches."""

import re
from collections.abc import Sequence


def first_match(name: str | None, patterns: Sequence[tuple[re.Pattern[str], str]]) -> str | None:
    """What stands beside the first pattern found in the name; None without a name and where none is found."""
    return next((meaning for pattern, meaning in patterns if name and pattern.search(name)), None)
