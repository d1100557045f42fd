"""Kinds of fragmentation, told from the names that files carry."""

import re

from data.name_patterns import first_match

UNKNOWN = 0

KINDS = ("unknown", "beam-type", "ion trap CID", "electron")
"""What the network can be told about fragmentation; ``UNKNOWN`` comes first."""

_PATTERNS = (
    (re.compile(r"\?|cid\s*/|/\s*cid", re.IGNORECASE), "unknown"),
    (re.compile(r"etd|ecd|ethcd|etcid|electron", re.IGNORECASE), "electron"),
    (re.compile(r"hcd|beam", re.IGNORECASE), "beam-type"),
    (re.compile(r"cid|collision-induced", re.IGNORECASE), "ion trap CID"),
)
"""Tried in this order: a name that leaves two open tells neither, and EThcD has electrons beside its collisions."""


def kind(fragmentation: str | None) -> int:
    """Position in ``KINDS`` of a method's name; ``UNKNOWN`` for none and for names of no known kind."""
    return KINDS.index(first_match(fragmentation, _PATTERNS) or KINDS[UNKNOWN])
