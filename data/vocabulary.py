"""The network's vocabulary: which residues and terminal modifications are tokens, and what they weigh."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.chemistry import MODIFICATIONS, RESIDUE_MASSES
from data.errors import InputError, UnknownModificationError
from data.peptidoform import Peptidoform, parse_peptidoform

PAD = 0
STOP = 1

TOKEN_TEXTS = (
    *"GASPVTCLNDQKEMHFRYW",
    "C[UNIMOD:4]",
    "M[UNIMOD:35]",
    "S[UNIMOD:21]",
    "T[UNIMOD:21]",
    "Y[UNIMOD:21]",
    "N[UNIMOD:7]",
    "Q[UNIMOD:7]",
    "[UNIMOD:1]-",
    "[UNIMOD:5]-",
    "[UNIMOD:385]-",
    "[UNIMOD:5][UNIMOD:385]-",
)
"""Tokens after ``PAD`` and ``STOP``, in ProForma; L stands for I too, which weighs the same.

The last is 25.979265 Da, the sum of Unimod's compositions. The literal 25.980265 that is widely copied (Casanovo's
configuration and others) is a slip of 0.001 Da and is read as this token.
"""

GAP = STOP + 1 + len(TOKEN_TEXTS)
"""A residue or stretch of unknown mass; behind the residues, so that its place does not move theirs."""

GAP_TEXT = "[GAP]"

MAX_GAP_MASS = 500.0
"""Da; the network's delta-mass head ends there."""

_SAME_COMPOSITION = {28: 385}
"""Accession → the terminal one of the vocabulary that is the same atoms: pyro-glutamate from Q is a loss of ammonia."""

_TOKEN = re.compile(r"(?:\[UNIMOD:\d+\])+-|[A-WYZ](?:\[(?:UNIMOD:\d+|[+-][\d.]+)\])*|X\[\+[\d.]+\]")
_DELTA = re.compile(r"\[([+-][\d.]+)\]")
_GAP = re.compile(r"X\[\+([\d.]+)\]")


@dataclass(frozen=True, slots=True)
class Token:
    """One entry of the vocabulary.

    Attributes
    ----------
    text : as it is written in ProForma.
    mass : Da.
    is_terminal : an N-terminal modification, which takes the slot before the first residue.
    residue : one-letter code; empty for terminal, stop and padding.
    modifications : Unimod accessions.
    delta_mass : Da, of a modification that is known by its mass alone.
    """

    text: str
    mass: float
    is_terminal: bool = False
    residue: str = ""
    modifications: tuple[int, ...] = ()
    delta_mass: float | None = None

    @property
    def is_modified(self) -> bool:
        """Whether anything is attached to the residue, or is itself attached."""
        return bool(self.modifications) or self.delta_mass is not None


class Vocabulary:
    """Tokens and the way from peptidoforms to token ids and back.

    Attributes
    ----------
    tokens : the token of each id.
    masses : (tokens,) float64, Da, 0 for ``PAD`` and ``STOP``; 0 for ``GAP``, too, whose mass is the network's to say.
    is_terminal, is_residue : (tokens,) bool; gaps and what ends a peptide are neither.

    Parameters
    ----------
    offered : texts of further tokens, ``S[UNIMOD:34]`` or ``S[+15.9949]``: modifications that a network has not met in
        training.
    """

    def __init__(self, offered: Sequence[str] = ()) -> None:
        known = (*map(_token, TOKEN_TEXTS), Token(GAP_TEXT, 0.0))
        self.tokens = (Token("<pad>", 0.0), Token("<stop>", 0.0), *known, *map(_token, offered))
        self.masses: NDArray[np.float64] = np.array([token.mass for token in self.tokens])
        self.is_terminal: NDArray[np.bool_] = np.array([token.is_terminal for token in self.tokens])
        self.is_residue: NDArray[np.bool_] = np.array([bool(token.residue) for token in self.tokens])
        self._residue_ids: dict[tuple[str, int | None], int] = {}
        self._terminal_ids: dict[tuple[int, ...], int] = {}
        for number, token in enumerate(self.tokens):
            if token.is_terminal:
                self._terminal_ids[token.modifications] = number
            elif token.residue and token.delta_mass is None:
                self._residue_ids[token.residue, token.modifications[0] if token.modifications else None] = number
        self._residue_ids["I", None] = self._residue_ids["L", None]

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, peptide: str | Peptidoform) -> list[int]:
        """Token ids of a peptide, without a stop.

        A modification of the first residue that is no residue token is read as N-terminal, where its mass is the same.

        Raises
        ------
        UnknownModificationError : a modification for which there is no token.
        InputError : not a peptide.
        """
        peptidoform = parse_peptidoform(peptide) if isinstance(peptide, str) else peptide
        n_term, modifications = peptidoform.n_term, peptidoform.modifications
        first = modifications[0]
        if first is not None and (peptidoform.residues[0], first) not in self._residue_ids:
            n_term, modifications = (*n_term, first), (None, *modifications[1:])
        ids = []
        try:
            if n_term:
                ids.append(self._terminal_ids[tuple(sorted(_SAME_COMPOSITION.get(a, a) for a in n_term))])
            ids += [self._residue_ids[pair] for pair in zip(peptidoform.residues, modifications, strict=True)]
        except KeyError:
            raise self._no_token(peptidoform) from None
        return ids

    def decode(self, ids: Iterable[int], gap_masses: Sequence[float] = ()) -> str:
        """ProForma of the tokens before the first ``STOP`` or ``PAD``.

        Parameters
        ----------
        gap_masses : (slots,), Da, of the gaps: a gap of known mass is ``X[+367.0537]`` (ProForma 2.0, section 4.2.5).
        """
        texts = []
        for slot, number in enumerate(ids):
            if number <= STOP:
                break
            texts.append(f"X[{gap_masses[slot]:+.4f}]" if number == GAP else self.tokens[number].text)
        return "".join(texts)

    def read(self, text: str) -> tuple[list[int], NDArray[np.float64]]:
        """Token ids and masses in Da of a predicted peptide, which may hold gaps and offered modifications.

        What the vocabulary has no token for is a ``GAP`` of its mass. The empty text is the empty peptide.

        Raises
        ------
        InputError : not a peptide.
        """
        if not text:
            return [], np.empty(0)
        try:
            ids = self.encode(text)
            return ids, self.masses[ids]
        except InputError:
            parts = _TOKEN.findall(text)
            if "".join(parts) != text:
                raise
        tokens = [Token(GAP_TEXT, float(gap[1])) if (gap := _GAP.match(part)) else _token(part) for part in parts]
        numbers = {token.text: number for number, token in enumerate(self.tokens)}
        return [numbers.get(token.text, GAP) for token in tokens], np.array([token.mass for token in tokens])

    def token_masses(self, ids: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
        """Mass in Da of each token, in the shape of ``ids``."""
        masses: NDArray[np.float64] = self.masses[np.asarray(ids, np.int64)]
        return masses

    def _no_token(self, peptidoform: Peptidoform) -> UnknownModificationError:
        """The error for a peptidoform that cannot be encoded."""
        wrong: tuple[int, ...]
        for index, (letter, accession) in enumerate(
            zip(peptidoform.residues, peptidoform.modifications, strict=True), start=1
        ):
            if accession is not None and (letter, accession) not in self._residue_ids and index > 1:
                site, wrong = f"{letter}{index}", (accession,)
                known = [token for token in self.tokens if token.residue == letter]
                mass = RESIDUE_MASSES[letter] + MODIFICATIONS[accession].mass
                break
        else:
            first = peptidoform.modifications[0]
            wrong = peptidoform.n_term
            if first is not None and (peptidoform.residues[0], first) not in self._residue_ids:
                wrong = (*wrong, first)
            site, known = "the N terminus", [token for token in self.tokens if token.is_terminal]
            mass = sum(MODIFICATIONS[accession].mass for accession in wrong)
        nearest = min(known, key=lambda token: abs(token.mass - mass))
        names = " and ".join(f"{MODIFICATIONS[a].name} (UNIMOD:{a})" for a in wrong)
        return UnknownModificationError(
            f"the vocabulary has no {names} on {site}",
            record=peptidoform.proforma(),
            remedy=f"The nearest known is {nearest.text}",
        )


def _token(text: str) -> Token:
    residue = text[0] if text[0] != "[" else ""
    modifications = tuple(int(number) for number in re.findall(r"\[UNIMOD:(\d+)\]", text))
    delta = _DELTA.search(text)
    delta_mass = float(delta[1]) if delta else None
    try:
        mass = RESIDUE_MASSES.get(residue, 0.0) + (delta_mass or 0.0)
        mass += sum(MODIFICATIONS[accession].mass for accession in modifications)
    except KeyError as error:
        raise InputError(
            f"UNIMOD:{error.args[0]} has no mass", record=text, remedy="Add it to data/unimod.py and run that"
        ) from None
    # rounded, so that isobaric tokens (D and deamidated N) weigh the same to the last bit
    return Token(text, round(mass, 9), text.endswith("-"), residue, modifications, delta_mass)


VOCABULARY = Vocabulary()
"""The vocabulary of the shipped models."""
