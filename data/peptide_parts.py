"""A predicted peptide taken apart: its residues, and what is attached to them, gaps and bare masses among it."""

import re
from dataclasses import dataclass

from data.chemistry import MODIFICATIONS
from data.peptidoform import parse_peptidoform

UNKNOWN = "X"
"""The letter of a gap."""

_BY_MASS = re.compile(r"([A-Z])\[([+-][\d.]+)\]")
_STAND_IN = "G"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A modification and where it is.

    Attributes
    ----------
    position : 0 for the N terminus, 1 for the first residue.
    accession : of Unimod; None where its mass alone is known.
    mass : Da.
    """

    position: int
    accession: int | None
    mass: float

    @property
    def name(self) -> str:
        """Unimod's, or the signed mass."""
        return f"{self.mass:+.4f}" if self.accession is None else MODIFICATIONS[self.accession].name


@dataclass(frozen=True, slots=True)
class Parts:
    """Of a peptide.

    Attributes
    ----------
    residues : one-letter codes, X for a gap.
    attachments : by their position; the mass of a gap is one.
    """

    residues: str
    attachments: tuple[Attachment, ...]

    @property
    def has_gap(self) -> bool:
        """Whether a stretch of the sequence is known by its mass alone."""
        return UNKNOWN in self.residues

    @property
    def modified_tokens(self) -> list[str]:
        """Modified residues and termini as tokens, ``M[UNIMOD:35]``; a gap is none."""
        tokens = []
        for attachment in self.attachments:
            text = f"{attachment.mass:+.4f}" if attachment.accession is None else f"UNIMOD:{attachment.accession}"
            if attachment.position == 0:
                tokens.append(f"[{text}]-")
            elif (residue := self.residues[attachment.position - 1]) != UNKNOWN:
                tokens.append(f"{residue}[{text}]")
        return tokens


def take_apart(peptidoform: str) -> Parts:
    """The parts of a predicted peptide, which may hold gaps and modifications known by their mass.

    Raises
    ------
    InputError : not a peptide.
    """
    masses: list[Attachment] = []
    gaps: set[int] = set()
    while match := _BY_MASS.search(peptidoform):
        is_gap = match[1] == UNKNOWN
        peptidoform = f"{peptidoform[: match.start()]}{_STAND_IN if is_gap else match[1]}{peptidoform[match.end() :]}"
        place = len(parse_peptidoform(peptidoform[: match.start() + 1]).residues)
        masses.append(Attachment(place, None, float(match[2])))
        gaps |= {place} if is_gap else set()
    form = parse_peptidoform(peptidoform)
    known = [Attachment(0, accession, MODIFICATIONS[accession].mass) for accession in form.n_term]
    for position, accession in enumerate(form.modifications, start=1):
        if accession is not None:
            known.append(Attachment(position, accession, MODIFICATIONS[accession].mass))
    residues = "".join(UNKNOWN if place in gaps else letter for place, letter in enumerate(form.residues, start=1))
    return Parts(residues, tuple(sorted([*known, *masses], key=lambda attachment: attachment.position)))


def with_one_terminal(peptidoform: str) -> str:
    """The peptidoform with the mass of all that is attached to its N terminus, where that is more than one thing.

    ProForma allows several; psm_utils, and the tools that stand on it, read one.
    """
    terminal, dash, rest = peptidoform.partition("]-")
    if not dash or "][" not in terminal:
        return peptidoform
    mass = sum(attachment.mass for attachment in take_apart(peptidoform).attachments if attachment.position == 0)
    return f"[{mass:+.6f}]-{rest}"
