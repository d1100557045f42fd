"""Families of mass analysers, told from the instrument names that files carry."""

import re

from data.name_patterns import first_match

UNKNOWN = 0

FAMILIES = ("unknown", "orbitrap", "ion trap", "time of flight")
"""What the network can be told about an instrument; ``UNKNOWN`` comes first."""

_PATTERNS = (
    (re.compile(r"orbitrap|exactive|exploris|lumos|eclipse|astral|fusion|ftms", re.IGNORECASE), "orbitrap"),
    (re.compile(r"tof|maxis|impact|synapt|qstar|sciex|zeno", re.IGNORECASE), "time of flight"),
    (re.compile(r"ltq|ion[ -]?trap|velos|itms|lcq", re.IGNORECASE), "ion trap"),
)
"""Tried in this order, because an "LTQ Orbitrap Velos" measures its fragments at high resolution as a rule."""


def family(instrument: str | None) -> int:
    """Position in ``FAMILIES`` of an instrument's name; ``UNKNOWN`` for none and for names of no known family."""
    return FAMILIES.index(first_match(instrument, _PATTERNS) or FAMILIES[UNKNOWN])
