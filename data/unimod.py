"""Generates ``masses.json``, every mass of the project, and ``unimod.json``, Unimod for requests and open search.

Both come from Unimod's element compositions through pyteomics.

Run ``python -m data.unimod`` after adding an accession. Unimod's tables are the copy that psims carries (Design Science
License, https://www.unimod.org), so no network is needed.
"""

import gzip
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pyteomics import mass

MASSES_FILE = Path(__file__).with_name("masses.json")

UNIMOD_FILE = Path(__file__).with_name("unimod.json")

RESIDUES = "GASPVTCLINDQKEMHFRYW"

ACCESSIONS = (
    # in the vocabulary: carbamidomethyl, oxidation, phospho, deamidation, acetyl, carbamyl, ammonia loss
    *(4, 35, 21, 7, 1, 5, 385),
    # frequent artefacts: pyro-glu from Q and E, pyro-carbamidomethyl, dehydration, dioxidation, formyl, sodium,
    # kynurenin, acetaldehyde, dethiomethyl, propionamide, cysteinyl, methylthio, N-ethylmaleimide, carboxymethyl,
    # trioxidation
    *(28, 27, 26, 23, 425, 122, 30, 351, 254, 526, 24, 312, 39, 108, 6, 345),
    # biology: methylations, GG of ubiquitin, acylations, sulfo, nitro, hexoses, biotin
    *(34, 36, 37, 121, 64, 747, 58, 1289, 1363, 40, 354, 41, 43, 3),
    # labels: TMT6plex, TMTpro, iTRAQ 4 and 8, heavy K and R
    *(737, 2016, 214, 730, 259, 267),
)
"""Unimod accessions that are read; where a rounded mass fits several, the first here is meant."""

_LEAST_MASS_DA = 1e-3
_LEFT_OUT = ("Isotopic label", "AA substitution")
_POSITIONS = ("Anywhere", "Any N-term", "Protein N-term")


def composition_mass(composition: dict[str, int]) -> float:
    """Monoisotopic mass in Da of a composition such as ``{"H": -3, "C[13]": 6}``."""
    return float(mass.calculate_mass(composition=mass.Composition(composition)))


def build() -> dict[str, Any]:
    """Everything that ``masses.json`` holds: particles, residues and modifications."""
    isotopes = mass.nist_mass
    return {
        "particles": {
            "proton": float(isotopes["H+"][0][0]),
            "water": composition_mass({"H": 2, "O": 1}),
            "ammonia": composition_mass({"N": 1, "H": 3}),
            "carbon_monoxide": composition_mass({"C": 1, "O": 1}),
            "isotope_spacing": float(isotopes["C"][13][0] - isotopes["C"][12][0]),
        },
        "residues": {letter: composition_mass(mass.std_aa_comp[letter]) for letter in RESIDUES},
        "modifications": _modifications(),
    }


def _modifications() -> list[dict[str, Any]]:
    records = _records(ACCESSIONS)
    return [{key: value for key, value in record.items() if key != "title"} for record in records]


def build_unimod() -> list[dict[str, Any]]:
    """Every modification of residues or the N terminus but rare isotopic labels and amino-acid substitutions."""
    tables = _unimod_tables()
    left_out = {row["record_id"] for row in tables["classifications"] if row["classification"] in _LEFT_OUT}
    natural = {int(row["mod_key"]) for row in tables["specificity"] if row["classifications_key"] not in left_out}
    records = _records(sorted(natural | set(ACCESSIONS)))
    kept = ("accession", "name", "title", "mass", "targets", "n_terminal")
    return [
        {key: round(record[key], 6) if key == "mass" else record[key] for key in kept}
        for record in records
        if (record["targets"] or record["n_terminal"]) and abs(record["mass"]) > _LEAST_MASS_DA
    ]


def _records(accessions: Iterable[int]) -> list[dict[str, Any]]:
    tables = _unimod_tables()
    elements: dict[str, dict[str, int]] = {row["record_id"]: {} for row in tables["bricks"]}
    for row in tables["brick2element"]:
        elements[row["brick_key"]][_isotope(row["element"])] = int(row["num_element"])
    brick_key = {row["brick"]: row["record_id"] for row in tables["bricks"]}
    position = {row["record_id"]: row["position"] for row in tables["positions"]}
    entries = {int(row["record_id"]): row for row in tables["modifications"]}
    records = []
    for accession in accessions:
        composition: dict[str, int] = {}
        for row in tables["mod2brick"]:
            if row["mod_key"] == str(accession):
                for element, count in elements[brick_key[row["brick"]]].items():
                    composition[element] = composition.get(element, 0) + count * int(row["num_brick"])
        sites = [row for row in tables["specificity"] if row["mod_key"] == str(accession)]
        letters = {row["one_letter"] for row in sites if position[row["position_key"]] in _POSITIONS}
        records.append(
            {
                "accession": accession,
                "name": entries[accession]["ex_code_name"] or entries[accession]["code_name"],
                "title": entries[accession]["full_name"],
                "composition": dict(sorted(composition.items())),
                "mass": composition_mass(composition),
                "targets": "".join(sorted(letters & set(RESIDUES))),
                "n_terminal": "N-term" in letters
                or any(position[row["position_key"]] == "Any N-term" for row in sites),
            }
        )
    return records


def _unimod_tables() -> dict[str, list[dict[str, str]]]:
    """Unimod's relational tables, name → rows."""
    source = files("psims.controlled_vocabulary.vendor").joinpath("unimod_tables.xml.gz")
    with source.open("rb") as compressed, gzip.open(compressed) as file:
        root = ElementTree.parse(file).getroot()
    return {table.tag.partition("}")[2]: [row.attrib for row in table] for table in root}


def _isotope(element: str) -> str:
    """Unimod's ``13C`` in the notation of pyteomics, ``C[13]``."""
    number, symbol = re.fullmatch(r"(\d*)(\w+)", element).groups()  # type: ignore[union-attr]
    return f"{symbol}[{number}]" if number else symbol


def main() -> None:
    """Write both files."""
    MASSES_FILE.write_text(json.dumps(build(), indent=1) + "\n", encoding="utf-8")
    lines = ",\n".join(json.dumps(record) for record in build_unimod())
    UNIMOD_FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
