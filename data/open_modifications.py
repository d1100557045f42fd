"""What a residue or stretch of unknown mass may be: residues without modification, or one with any of Unimod's."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

from data.chemistry import RESIDUE_MASSES, all_modifications

_GAP = re.compile(r"X\[\+([\d.]+)\]")
_LABEL = re.compile(r"\[[^\]]*\]-?")
_LONGEST = 3
_MOST = 5


@dataclass(frozen=True)
class Explanation:
    """One reading of a gap.

    Attributes
    ----------
    text : ``GG``, ``Y[UNIMOD:21]``.
    mass : Da.
    """

    text: str
    mass: float


def explain_gap(mass_da: float, tolerance_da: float) -> list[Explanation]:
    """Readings of a mass, nearest first, those without modification before others of the same error.

    Parameters
    ----------
    mass_da : of the gap.
    tolerance_da : how far a reading may lie from it.
    """
    near = [each for each in _readings() if abs(each.mass - mass_da) <= tolerance_da]
    return sorted(near, key=lambda each: (round(abs(each.mass - mass_da), 4), "[" in each.text, each.text))


def describe_gaps(peptidoform: str, tolerance_da: float, peptide_mass_da: float) -> str:
    """Each gap of a predicted peptide with its position, mass and readings.

    Parameters
    ----------
    peptidoform : ProForma with gaps, ``PEX[+243.0297]K``.
    tolerance_da : of the precursor, from which the mass of a finished answer's only gap is taken.
    peptide_mass_da : which the errors in ppm refer to.

    Returns
    -------
    ``3:+243.0297=Y[UNIMOD:21](0.3ppm)|…``: the position counts residues from 1; ``?`` where nothing fits; several
    gaps are separated by ``;``; empty without any.
    """
    described = []
    for match in _GAP.finditer(peptidoform):
        position = len(_LABEL.sub("", peptidoform[: match.start()])) + 1
        mass = float(match[1])
        readings = [
            f"{each.text}({(mass - each.mass) / peptide_mass_da * 1e6:.1f}ppm)"
            for each in explain_gap(mass, tolerance_da)[:_MOST]
        ]
        described.append(f"{position}:+{match[1]}={'|'.join(readings) or '?'}")
    return ";".join(described)


@lru_cache(maxsize=1)
def _readings() -> tuple[Explanation, ...]:
    """Every stretch of one to three residues, in any order, and every residue with what Unimod knows on it."""
    letters = sorted(set(RESIDUE_MASSES) - {"I"})
    plain = [
        Explanation("".join(each), sum(RESIDUE_MASSES[letter] for letter in each))
        for size in range(1, _LONGEST + 1)
        for each in combinations_with_replacement(letters, size)
    ]
    modified = [
        Explanation(f"{letter}[UNIMOD:{entry.accession}]", RESIDUE_MASSES[letter] + entry.mass)
        for entry in all_modifications()
        for letter in entry.targets
        if letter != "I"
    ]
    return (*plain, *modified)
