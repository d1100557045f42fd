"""Tables of MaxQuant and of Proteome Discoverer's export, of which psm_utils reads one (`msms.txt`) or none."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from data.errors import InputError
from data.identifications.identification import Identification
from data.spectrum_id import run_name

Row = dict[str, str]

_FLANKS = re.compile(r"^\[[^\]]*\]\.|\.\[[^\]]*\]$")
_MODIFICATION = re.compile(r"(N-Term(?:\(Prot\))?|[A-Z]\d+)\(((?:[^()]|\([^()]*\))*)\)")


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a tab-separated table, column names in lower case."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        reader = csv.reader(stream, delimiter="\t")
        header = [name.strip().lower() for name in next(reader, [])]
        for cells in reader:
            if cells:
                yield dict(zip(header, cells, strict=False))


def read_maxquant(path: Path) -> Iterator[Identification]:
    """MaxQuant's `msms.txt` and `evidence.txt`; a match between runs has no spectrum and is left out.

    MaxQuant does not write fixed modifications into its modified sequences.
    """
    for row in read_rows(path):
        scan = row.get("scan number") or row.get("ms/ms scan number") or ""
        if not scan.strip().isdecimal() or not row["modified sequence"].strip("_ "):
            continue
        yield Identification(
            peptidoform=row["modified sequence"],
            run=run_name(row["raw file"]),
            scan=int(scan),
            charge=int(row["charge"]),
            pep=_number(row.get("pep")),
            is_decoy=row.get("reverse", "").strip() == "+",
        )


def read_proteome_discoverer(path: Path) -> Iterator[Identification]:
    """The PSMs that Proteome Discoverer exports as text, `…_PSMs.txt`."""
    for row in read_rows(path):
        yield Identification(
            peptidoform=_annotated_sequence(row["annotated sequence"], row.get("modifications", "")),
            run=run_name(row["spectrum file"]),
            scan=int(row["first scan"]),
            charge=int(row["charge"]),
            q_value=_number(row.get("percolator q-value") or row.get("q-value")),
            pep=_number(row.get("percolator pep") or row.get("pep")),
            is_decoy=row.get("decoy", "").strip().lower() == "true",
            rank=int(row["rank"]) if row.get("rank", "").strip().isdecimal() else None,
        )


def _annotated_sequence(sequence: str, modifications: str) -> str:
    """ProForma of ``[K].aCDEm.[R]`` and ``N-Term(Prot)(Acetyl); C2(Carbamidomethyl); M5(Oxidation)``.

    Raises
    ------
    InputError : a modification stands where the sequence has another residue.
    """
    residues = _FLANKS.sub("", sequence.strip()).upper()
    parts = list(residues)
    terminal = ""
    for site, name in _MODIFICATION.findall(modifications):
        if site.startswith("N-Term"):
            terminal += f"[{name}]"
            continue
        place = int(site[1:]) - 1
        if place >= len(residues) or residues[place] != site[0]:
            raise InputError(f"there is no {site} for the modification {name}", record=sequence)
        parts[place] += f"[{name}]"
    return (f"{terminal}-" if terminal else "") + "".join(parts)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
