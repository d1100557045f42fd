"""Peptidoforms: a peptide with its modifications, read from the notations in use and written as ProForma 2.0."""

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache

from data.chemistry import MODIFICATIONS, PROTON, RESIDUE_MASSES, WATER, Modification
from data.errors import InputError, UnknownModificationError

_MASS_TOLERANCE_DA = 0.002
"""The least: others' tables are that inexact (Casanovo's 25.980265 for carbamyl and ammonia loss is 0.001 too much)."""

_TERMINAL_COMBINATIONS = ((5, 385),)
"""N-terminal modifications that others write as one mass: carbamyl with ammonia loss."""

_SYNONYMS = {
    "acetylation": 1,
    "carbamidomethylation": 4,
    "carbamylation": 5,
    "deamidation": 7,
    "phosphorylation": 21,
    "pyro-glu": 28,
    "methylation": 34,
    "dimethylation": 36,
    "trimethylation": 37,
    "ammonia loss": 385,
    "glygly": 121,
    "tmt6": 737,
    "tmt10plex": 737,
    "tmt16plex": 2016,
}
"""Names that are not Unimod's own."""

_BRACKETS = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]|\((?:[^()]|\([^()]*\))*\)|\{(?:[^{}])*\}"
_LABEL = rf"{_BRACKETS}|[+-]\d*\.?\d+"
_CHARGE = re.compile(r"/\d+(?:\[[^\]]*\])?$")
_FIXED = re.compile(r"<\[([^\]]+)\]@([A-Z](?:,[A-Z])*)>")
_N_TERMINUS = re.compile(rf"n?((?:(?:{_LABEL})-?)*)(?=[A-Z])")
_RESIDUE = re.compile(rf"([A-Z])((?:{_LABEL})*)")
_C_TERMINUS = re.compile(rf"c?-?((?:{_BRACKETS})*)")
_LABELS = re.compile(_LABEL)
_NUMBER = re.compile(r"[+-]?(\d*)\.?(\d*)", re.ASCII)
_SITE_SUFFIX = re.compile(r"\s+\([^()]*\)$")


@dataclass(frozen=True, slots=True)
class Peptidoform:
    """A peptide and what is attached to it.

    Attributes
    ----------
    residues : one-letter codes of the 20 amino acids.
    modifications : of each residue, a Unimod accession or None.
    n_term : Unimod accessions at the N terminus.
    """

    residues: str
    modifications: tuple[int | None, ...]
    n_term: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        unknown = [letter for letter in self.residues if letter not in RESIDUE_MASSES]
        if unknown or not self.residues:
            problem = f"{unknown[0]!r} is not one of the 20 amino acids" if unknown else "there is no residue"
            raise InputError(problem, record=self.residues, remedy="Write the peptide in one-letter codes")
        if len(self.modifications) != len(self.residues):
            raise InputError(
                f"{len(self.modifications)} modification entries for {len(self.residues)} residues",
                record=self.residues,
            )
        for accession in (*self.modifications, *self.n_term):
            if accession is not None and accession not in MODIFICATIONS:
                raise _unknown(f"UNIMOD:{accession}", "a residue or terminus", self.residues)

    @property
    def mass(self) -> float:
        """Neutral monoisotopic mass in Da, water included."""
        attached = [a for a in self.modifications if a is not None]
        return (
            sum(RESIDUE_MASSES[letter] for letter in self.residues)
            + sum(MODIFICATIONS[accession].mass for accession in (*attached, *self.n_term))
            + WATER
        )

    def proforma(self) -> str:
        """ProForma 2.0 with Unimod accessions, ``[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K``."""
        terminus = "".join(f"[UNIMOD:{accession}]" for accession in self.n_term)
        residues = (
            letter if accession is None else f"{letter}[UNIMOD:{accession}]"
            for letter, accession in zip(self.residues, self.modifications, strict=True)
        )
        return (f"{terminus}-" if terminus else "") + "".join(residues)


def parse_peptidoform(text: str) -> Peptidoform:
    """Read a peptidoform.

    Parameters
    ----------
    text : ProForma 2.0 (names, ``UNIMOD:`` accessions, mass deltas, N-terminal groups, fixed modifications
        ``<[…]@C>``, charge ``/2``), or what search engines and de novo tools write: ``M(+15.99)``, ``M+15.995``,
        ``M[15.9949]``, ``M[147]`` (residue mass included), ``M(Oxidation (M))``, MaxQuant's ``_(ac)M(ox)PEPTIDE_``,
        ``n[42]PEPTIDE``, ``+43.006-17.027PEPTIDE``.

    Raises
    ------
    UnknownModificationError : a name or accession that is not in `data/masses.json`, or a mass that none there has.
    InputError : anything else that is no peptide.

    Notes
    -----
    A mass stands for the first modification of `data/unimod.py` that Unimod knows on that residue, within one unit of
    its last digit. A mass on the first residue that Unimod does not know there is read as N-terminal. A mass without a
    sign may include the residue, or the hydrogen of the terminus, as the Trans-Proteomic Pipeline writes: that reading
    comes first for whole numbers (``n[43]`` is acetyl, and so is ``n[42]``), last for others.
    """
    if text.isalpha() and text.isupper():
        return Peptidoform(text, (None,) * len(text))
    fixed, body = _fixed_modifications(_CHARGE.sub("", text.strip()).strip("_"))
    start = _N_TERMINUS.match(body)
    if start is None:
        raise _unreadable(text)
    position = start.end()
    n_term = [a for label in _LABELS.findall(start[1]) for a in _resolve(label, "n" + body[position], text)]
    residues: list[str] = []
    modifications: list[int | None] = []
    while match := _RESIDUE.match(body, position):
        position = match.end()
        letter, labels = match.groups()
        attached: list[int] = []
        for label in _LABELS.findall(labels) if labels else ():
            at_terminus = not residues and _is_number(_content(label)) and _lookup(label, letter) is None
            (n_term if at_terminus else attached).extend(_resolve(label, "n" + letter if at_terminus else letter, text))
        if len(attached) > 1:
            raise InputError(f"more than one modification on {letter}{len(residues) + 1}", record=text)
        residues.append(letter)
        modifications.append(attached[0] if attached else fixed.get(letter))
    end = _C_TERMINUS.fullmatch(body, position)
    if end is None:
        raise _unreadable(text)
    if end[1]:
        raise _unknown(end[1], "the C terminus", text)
    try:
        return Peptidoform("".join(residues), tuple(modifications), tuple(sorted(n_term)))
    except InputError as error:
        raise InputError(error.problem, record=text, remedy=error.remedy) from None


def _fixed_modifications(body: str) -> tuple[dict[str, int], str]:
    """ProForma's ``<[Carbamidomethyl]@C>`` before the sequence: residue → accession, and the rest."""
    fixed: dict[str, int] = {}
    while match := _FIXED.match(body):
        fixed.update({letter: _resolve(f"[{match[1]}]", letter, body)[0] for letter in match[2].split(",")})
        body = body[match.end() :]
    return fixed, body


def _resolve(label: str, site: str, text: str) -> tuple[int, ...]:
    """Accessions that a label means at a site: a residue, or ``n`` and the first residue."""
    accessions = _lookup(label, site)
    if accessions is None:
        raise _unknown(label, "the N terminus" if site[0] == "n" else site, text)
    return accessions


@lru_cache(maxsize=4096)
def _lookup(label: str, site: str) -> tuple[int, ...] | None:
    """As ``_resolve``; None where nothing known is meant. ProForma's alternatives ``a|b`` are tried in order."""
    if label[0] == "{":
        return None
    for alternative in _content(label).split("|"):
        word = re.sub(r"^(?:U|M|R|X|G|Obs):(?=\D)", "", alternative.partition("#")[0].strip(), flags=re.IGNORECASE)
        word = _SITE_SUFFIX.sub("", re.sub(r"^U:(?=\d)", "UNIMOD:", word))
        if word.upper().startswith("UNIMOD:"):
            number = word.partition(":")[2]
            found: tuple[int, ...] | None = (int(number),) if number in _accessions() else None
        elif _is_number(word):
            found = _by_mass(word, site)
        else:
            found = _by_name(word.casefold(), site)
        if found is not None:
            return found
    return None


def _by_name(word: str, site: str) -> tuple[int, ...] | None:
    accession = _names().get(word)
    if accession is None and len(word) == 2:
        # MaxQuant's codes are the first two letters; the residue tells Gln->pyro-Glu from Glu->pyro-Glu
        coded = [m for m in MODIFICATIONS.values() if m.name.casefold().startswith(word) and _fits(m, site)]
        accession = min(coded, key=lambda m: site[-1] not in m.targets).accession if coded else None
    return None if accession is None else (accession,)


def _by_mass(word: str, site: str) -> tuple[int, ...] | None:
    tolerance = min(max(10.0 ** -len(word.partition(".")[2]), _MASS_TOLERANCE_DA), 0.5)
    offset = PROTON if site[0] == "n" else RESIDUE_MASSES.get(site, 0.0)
    delta = float(word)
    values = [delta] if word[0] in "+-" else [delta, delta - offset]
    for value in values if "." in word else reversed(values):
        for modification in MODIFICATIONS.values():
            if _fits(modification, site) and abs(modification.mass - value) <= tolerance:
                return (modification.accession,)
        for combination in _TERMINAL_COMBINATIONS if site[0] == "n" else ():
            if abs(sum(MODIFICATIONS[accession].mass for accession in combination) - value) <= tolerance:
                return combination
    return None


def _fits(modification: Modification, site: str) -> bool:
    return modification.n_terminal if site[0] == "n" else site in modification.targets


@lru_cache(maxsize=1)
def _accessions() -> frozenset[str]:
    return frozenset(map(str, MODIFICATIONS))


@lru_cache(maxsize=1)
def _names() -> dict[str, int]:
    return {m.name.casefold(): m.accession for m in MODIFICATIONS.values()} | _SYNONYMS


def _content(label: str) -> str:
    return label[1:-1] if label.startswith(("[", "(", "{")) else label


def _is_number(word: str) -> bool:
    match = _NUMBER.fullmatch(word)
    return match is not None and bool(match[1] or match[2])


def _unreadable(text: str) -> InputError:
    return InputError(
        "not a peptide in a notation that is read",
        record=text,
        remedy="Write ProForma 2.0, as [Acetyl]-PEPM[Oxidation]TIDE",
    )


def _unknown(label: str, site: str, text: str) -> UnknownModificationError:
    word = _content(label)
    number = word.upper().removeprefix("UNIMOD:")
    if _is_number(word):
        nearest = min(MODIFICATIONS.values(), key=lambda m: abs(m.mass - float(word)))
    elif re.fullmatch("[0-9]{1,9}", number):
        nearest = min(MODIFICATIONS.values(), key=lambda m: abs(m.accession - int(number)))
    else:
        ratio = {name: difflib.SequenceMatcher(None, word.casefold(), name).ratio() for name in _names()}
        nearest = MODIFICATIONS[_names()[max(ratio, key=ratio.__getitem__)]]
    sites = " or ".join(filter(None, (nearest.targets, "N-terminus" if nearest.n_terminal else "")))
    return UnknownModificationError(
        f"unknown modification {word} on {site}",
        record=text,
        remedy=f"The nearest known is {nearest.name} (UNIMOD:{nearest.accession}, {nearest.mass:+.4f} Da on {sites})",
    )
