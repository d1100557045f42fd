"""Modifications drawn for peptides by stated rates."""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from data.errors import InputError, UnknownModificationError
from data.vocabulary import VOCABULARY, Token

_TOKENS = {token.text: token for token in VOCABULARY.tokens if token.modifications}


class ModificationSampler:
    """Writes sequences as ProForma, with fixed modifications everywhere and variable ones at random.

    Parameters
    ----------
    fixed : tokens of the vocabulary such as ``C[UNIMOD:4]``: every such residue carries it.
    rates : token of the vocabulary → probability a site (a residue, or the N terminus for ``[UNIMOD:1]-``); a site
        carries one at most.

    Raises
    ------
    UnknownModificationError : no token of the vocabulary; names the nearest.
    InputError : rates outside of 0…1 or of more than 1 for a site, or a variable and a fixed one for the same residue.
    """

    def __init__(self, fixed: Sequence[str], rates: Mapping[str, float]) -> None:
        self._plain: dict[str, str] = {}
        for text in fixed:
            token = _token(text, "peptides.fixed_modifications")
            if token.is_terminal or token.residue in self._plain:
                raise InputError(
                    f"{text} is terminal or the second of its residue",
                    record="peptides.fixed_modifications",
                    remedy="Give one token a residue",
                )
            self._plain[token.residue] = text
        self._variable: dict[str, list[tuple[float, str]]] = {}
        for text, rate in rates.items():
            site = _token(text, "peptides.modification_rates").residue
            if site in self._plain:
                raise InputError(
                    f"{site} has a fixed modification already", record=f"peptides.modification_rates.{text}"
                )
            options = self._variable.setdefault(site, [])
            cumulative = rate + (options[-1][0] if options else 0.0)
            if rate < 0 or cumulative > 1 + 1e-9:
                raise InputError(
                    "the probabilities of a site must be positive and at most 1 together",
                    record=f"peptides.modification_rates.{text}",
                )
            options.append((cumulative, text))

    def sample(self, sequences: Sequence[str], rng: np.random.Generator) -> list[str]:
        """A ProForma string for each sequence.

        Parameters
        ----------
        sequences : residues in one-letter codes.
        rng : one number is drawn for each N terminus and each residue, whatever the rates.
        """
        draws = rng.random(sum(map(len, sequences)) + len(sequences)).tolist()
        peptidoforms = []
        position = 0
        for sequence in sequences:
            sites = draws[position : position + len(sequence) + 1]
            position += len(sites)
            residues = [self._plain.get(letter, letter) for letter in sequence]
            if self._variable:
                for index, letter in enumerate(sequence):
                    residues[index] = self._draw(letter, sites[index + 1], residues[index])
                residues.insert(0, self._draw("", sites[0], ""))
            peptidoforms.append("".join(residues))
        return peptidoforms

    def _draw(self, site: str, draw: float, otherwise: str) -> str:
        for cumulative, text in self._variable.get(site, ()):
            if draw < cumulative:
                return text
        return otherwise


def _token(text: str, record: str) -> Token:
    """The token of the vocabulary with this text; its residue is empty for a terminal one."""
    try:
        return _TOKENS[text]
    except KeyError:
        nearest = difflib.get_close_matches(text, list(_TOKENS), n=1, cutoff=0.0)[0]
        raise UnknownModificationError(
            f"'{text}' is no modification of the vocabulary", record=record, remedy=f"The nearest known is '{nearest}'"
        ) from None
