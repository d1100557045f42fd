"""Masses and ions: residues, Unimod modifications, and the one table of fragment ions."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

_MASSES: dict[str, Any] = json.loads(Path(__file__).with_name("masses.json").read_text(encoding="utf-8"))

PROTON: float = _MASSES["particles"]["proton"]
"""Da; this and all below: pyteomics' NIST masses, see `data/unimod.py`."""
WATER: float = _MASSES["particles"]["water"]
AMMONIA: float = _MASSES["particles"]["ammonia"]
CARBON_MONOXIDE: float = _MASSES["particles"]["carbon_monoxide"]
ISOTOPE_SPACING: float = _MASSES["particles"]["isotope_spacing"]
"""Da, 13C − 12C."""

RESIDUE_MASSES: dict[str, float] = _MASSES["residues"]
"""One letter → monoisotopic mass in Da, water not included."""

Array = TypeVar("Array")
"""A float, a numpy array or a torch tensor: only arithmetic is asked of it."""


@dataclass(frozen=True, slots=True)
class Modification:
    """An entry of Unimod (https://www.unimod.org).

    Attributes
    ----------
    accession : number of ``UNIMOD:<accession>``.
    name : Unimod's interim name, as ProForma 2.0 uses it.
    mass : Da, added to the residue or terminus.
    targets : one-letter codes of the residues that carry it, anywhere or at the N terminus.
    n_terminal : whether it occurs at the N terminus.
    """

    accession: int
    name: str
    mass: float
    targets: str
    n_terminal: bool


MODIFICATIONS: dict[int, Modification] = {
    entry["accession"]: Modification(**{key: value for key, value in entry.items() if key != "composition"})
    for entry in _MASSES["modifications"]
}
"""Accession → modification; more than the vocabulary holds, so that others' annotations can be read and named."""


@dataclass(frozen=True, slots=True)
class UnimodEntry:
    """An entry of the whole of Unimod: `Modification` with its long name in lower case.

    Attributes
    ----------
    title : Unimod's full name.
    """

    accession: int
    name: str
    title: str
    mass: float
    targets: str
    n_terminal: bool


@lru_cache(maxsize=1)
def all_modifications() -> tuple[UnimodEntry, ...]:
    """All of Unimod but isotopic labels and amino-acid substitutions, by accession."""
    entries = json.loads(Path(__file__).with_name("unimod.json").read_text(encoding="utf-8"))
    return tuple(UnimodEntry(**{**entry, "title": entry["title"].casefold()}) for entry in entries)


@dataclass(frozen=True, slots=True)
class IonSeries:
    """A series of backbone fragments.

    Attributes
    ----------
    name : ``b``, ``y``, ``b++`` …
    terminus : of the peptide that the fragment keeps.
    charge : number of protons.
    offset : Da, neutral fragment minus the residues it holds.
    """

    name: str
    terminus: Literal["N", "C"]
    charge: int
    offset: float


ION_SERIES: tuple[IonSeries, ...] = (
    IonSeries("b", "N", 1, 0.0),
    IonSeries("y", "C", 1, WATER),
    IonSeries("b++", "N", 2, 0.0),
    IonSeries("y++", "C", 2, WATER),
)
"""The ions that evidence, synthesis and figures share (Roepstorff & Fohlman 1984; Biemann 1988)."""


def fragment_mz(prefix_mass: Array, peptide_mass: Any, series: IonSeries) -> Array:
    """m/z of the fragments made by cleaving after each prefix.

    Parameters
    ----------
    prefix_mass : any shape, Da
        Sum of residue and N-terminal modification masses before the cleavage.
    peptide_mass : broadcast against ``prefix_mass``, Da
        Neutral mass of the whole peptide, water included.

    Returns
    -------
    Shape of both broadcast, Th.

    Notes
    -----
    b: (P + z·p) / z, y: (M − P + z·p) / z, p = proton mass (Roepstorff & Fohlman 1984; Biemann 1988).
    """
    prefix: Any = prefix_mass
    residues = prefix if series.terminus == "N" else peptide_mass - WATER - prefix
    mz: Array = (residues + (series.offset + series.charge * PROTON)) / series.charge
    return mz


def neutral_mass(precursor_mz: Array, charge: Any) -> Array:
    """Neutral mass in Da of an ion of ``precursor_mz`` (Th) that carries ``charge`` protons."""
    mz: Any = precursor_mz
    mass: Array = (mz - PROTON) * charge
    return mass


def precursor_mz(neutral_mass: Array, charge: Any) -> Array:
    """m/z in Th of a molecule of ``neutral_mass`` (Da) that carries ``charge`` protons."""
    mass: Any = neutral_mass
    mz: Array = mass / charge + PROTON
    return mz
