"""Modifications that a user asks for: ``Phospho:STY``, ``S[UNIMOD:21]``, ``S+79.9663``, ``Acetyl:N-term``."""

import difflib
import re
from dataclasses import dataclass

from data.chemistry import MODIFICATIONS, RESIDUE_MASSES, all_modifications
from data.errors import InputError, UnknownModificationError
from data.vocabulary import VOCABULARY

_TOKEN = re.compile(r"([A-Z])\[UNIMOD:(\d+)\]")
_BY_MASS = re.compile(r"([A-Z])\[?([+-]\d+(?:\.\d+)?)\]?")
_BY_NAME = re.compile(r"(.+):([A-Za-z-]+)")
_N_TERMINUS = "n-term"
_SAME_MASS_DA = 0.002
"""A mass this near that of a modification that is known on the residue is that modification."""

_EXAMPLES = "Write Phospho:STY, Acetyl:N-term, S[UNIMOD:21] or S+79.9663"


@dataclass(frozen=True)
class _Named:
    """What a name or an accession means."""

    accession: int
    name: str
    mass: float


def requested_tokens(text: str) -> list[str]:
    """The vocabulary's tokens that a request means.

    Parameters
    ----------
    text : a Unimod name or accession and its sites, a token, or a residue and a mass in Da.

    Raises
    ------
    UnknownModificationError : no such name, accession or residue; names the nearest.
    InputError : not such a text, or an N-terminal modification for which the vocabulary has no token.
    """
    text = text.strip()
    if match := _TOKEN.fullmatch(text):
        return [_token(match[1], _named(f"UNIMOD:{match[2]}", text), text)]
    if match := _BY_MASS.fullmatch(text):
        return [_token_by_mass(match[1], float(match[2]), text)]
    if match := _BY_NAME.fullmatch(text):
        named, sites = _named(match[1], text), match[2]
        if sites.casefold() == _N_TERMINUS:
            return [_terminal(named, text)]
        return [_token(letter, named, text) for letter in dict.fromkeys(sites)]
    raise InputError("no modification is meant by this", record=text, remedy=_EXAMPLES)


def _named(word: str, text: str) -> _Named:
    """The modification of a name, Unimod's short or long one, or of an accession."""
    known = all_modifications()
    number = word.casefold().removeprefix("unimod:")
    for modification in known:
        if number == str(modification.accession) or word.casefold() in (
            modification.name.casefold(),
            modification.title,
        ):
            return _Named(modification.accession, modification.name, modification.mass)
    names = {modification.name.casefold(): modification.name for modification in known}
    nearest = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=0.0)
    raise UnknownModificationError(
        f"Unimod has no modification '{word}'", record=text, remedy=f"The nearest name is '{names[nearest[0]]}'"
    )


def _token(letter: str, named: _Named, text: str) -> str:
    _check_residue(letter, text)
    if named.accession in MODIFICATIONS:
        return f"{_one_of_isomers(letter)}[UNIMOD:{named.accession}]"
    return f"{_one_of_isomers(letter)}[{named.mass:+.4f}]"


def _token_by_mass(letter: str, mass: float, text: str) -> str:
    _check_residue(letter, text)
    if RESIDUE_MASSES[letter] + mass <= 0:
        raise InputError("the residue would weigh less than nothing", record=text, remedy=_EXAMPLES)
    for modification in MODIFICATIONS.values():
        if letter in modification.targets and abs(modification.mass - mass) <= _SAME_MASS_DA:
            return f"{_one_of_isomers(letter)}[UNIMOD:{modification.accession}]"
    return f"{_one_of_isomers(letter)}[{mass:+.4f}]"


def _terminal(named: _Named, text: str) -> str:
    wanted = f"[UNIMOD:{named.accession}]-"
    known = [token.text for token in VOCABULARY.tokens if token.is_terminal]
    if wanted not in known:
        raise InputError(
            f"{named.name} on the N terminus cannot be offered: the network learns such tokens in training",
            record=text,
            remedy=f"It knows {', '.join(known)}",
        )
    return wanted


def _check_residue(letter: str, text: str) -> None:
    if letter not in RESIDUE_MASSES:
        raise UnknownModificationError(
            f"'{letter}' is not one of the 20 amino acids", record=text, remedy="Name sites by one-letter codes"
        )


def _one_of_isomers(letter: str) -> str:
    """I is read as L."""
    return "L" if letter == "I" else letter
