"""Joins MS2PIP's PEPREC table of peptides to the MGF file of their spectra."""

from pathlib import Path

from data.atomic import atomic_path
from data.errors import InputError

_NAMES = {"Pyro_glu": "Gln->pyro-Glu"}
"""Names of MS2PIP's configuration that Unimod does not know."""


def read_peprec(path: Path) -> dict[str, str]:
    """Title of each spectrum → its peptide.

    Raises
    ------
    InputError : a column is missing, or a modification lies outside of its peptide.
    """
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", path=path, remedy="Fetch it again") from error
    columns = header.split()
    missing = {"spec_id", "modifications", "peptide"} - set(columns)
    if missing:
        raise InputError(f"lacks the column {sorted(missing)[0]}", path=path, remedy="Give a PEPREC file")
    peptides = {}
    for line in lines:
        row = dict(zip(columns, line.split(), strict=False))
        try:
            peptides[row["spec_id"]] = _with_modifications(row["peptide"], row["modifications"])
        except (KeyError, ValueError, IndexError):
            raise InputError("is no row of a PEPREC file", path=path, record=line, remedy="Fetch it again") from None
    return peptides


def annotate_mgf(mgf: Path, peprec: Path, annotated: Path) -> None:
    """Write the spectra with their peptides as ``SEQ=``.

    Raises
    ------
    InputError : as `read_peprec`.
    OutputError : the file cannot be written.
    """
    peptides = read_peprec(peprec)
    with (
        atomic_path(annotated) as temporary,
        temporary.open("w", encoding="utf-8") as out,
        mgf.open(encoding="utf-8", errors="replace") as lines,
    ):
        for line in lines:
            out.write(line)
            key, _, title = line.strip().partition("=")
            if key == "TITLE" and title in peptides:
                out.write(f"SEQ={peptides[title]}\n")


def _with_modifications(peptide: str, modifications: str) -> str:
    """``0|Acetyl|4|Oxidation`` written into the sequence; 0 is the N terminus, residues count from 1."""
    parts = ["", *peptide]
    words = [] if modifications == "-" else modifications.split("|")
    for place, name in zip(words[::2], words[1::2], strict=True):
        parts[int(place)] += f"[{_NAMES.get(name, name)}]"
    return (f"{parts[0]}-" if parts[0] else "") + "".join(parts[1:])
