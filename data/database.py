"""Candidate peptides of a protein database: digested, modified, and sorted by mass."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.chemistry import ISOTOPE_SPACING, WATER
from data.errors import InputError
from data.peptides import digest
from data.predictions import ProteinMatch
from data.proteomes import Protein, read_fasta
from data.settings import PeptideSettings
from data.vocabulary import PAD, Vocabulary

MOST_CANDIDATES = 50_000_000
"""Peptidoforms of an index, about 2 GB."""

_BATCH = 100_000
_ENDS = "-"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """How candidates are made of proteins.

    Attributes
    ----------
    fixed, variable : tokens of the vocabulary, residues with their modification.
    max_modifications : variable ones of a peptide.
    """

    enzyme: str = "trypsin"
    missed_cleavages: int = 2
    min_length: int = 6
    fixed: tuple[str, ...] = ("C[UNIMOD:4]",)
    variable: tuple[str, ...] = ("M[UNIMOD:35]",)
    max_modifications: int = 2


class CandidateIndex:
    """Peptidoforms of a database by ascending mass; peptides that differ in I and L alone are one.

    Parameters
    ----------
    path : FASTA file, plain or gz.
    vocabulary : of the tokens.
    slots : longest peptidoform in tokens; longer peptides are left out.

    Attributes
    ----------
    mass : (candidates,) float64, Da, neutral, water included; ascending.

    Raises
    ------
    InputError : no FASTA, an unknown enzyme, a modification without a token, no peptide at all, or too many.
    """

    def __init__(self, path: Path, vocabulary: Vocabulary, slots: int, settings: DatabaseSettings) -> None:
        self.vocabulary = vocabulary
        self._proteins = read_fasta(path)
        peptides = PeptideSettings(
            enzyme=settings.enzyme,
            missed_cleavages=settings.missed_cleavages,
            min_length=settings.min_length,
            max_length=slots,
        )
        self._peptides: list[str] = []
        self._protein_numbers: list[list[int]] = []
        known: dict[str, int] = {}
        for number, found in enumerate(map(set, _digests(self._proteins, peptides))):
            for peptide in sorted(found):
                merged = peptide.replace("I", "L")
                place = known.setdefault(merged, len(known))
                if place == len(self._peptides):
                    self._peptides.append(peptide)
                    self._protein_numbers.append([])
                if number not in self._protein_numbers[place][-1:]:
                    self._protein_numbers[place].append(number)
        if not self._peptides:
            raise InputError("its digest holds no peptide", path=path, remedy="Check enzyme and lengths")
        tokens, numbers = _peptidoforms(self._peptides, vocabulary, slots, settings, path)
        mass = vocabulary.masses[tokens].sum(1) + WATER
        order = np.argsort(mass, kind="stable")
        self.mass, self._tokens, self._peptide_numbers = mass[order], tokens[order], numbers[order]
        log.info("%d peptides, %d peptidoforms of %d proteins", len(known), len(mass), len(self._proteins))

    def __len__(self) -> int:
        return len(self.mass)

    def within(self, mass: float, tolerance_ppm: float, isotope_errors: int) -> NDArray[np.int64]:
        """Candidates of a precursor's neutral mass, which may be that of the peak of some 13C atoms."""
        found = []
        for errors in range(isotope_errors + 1):
            centre = mass - errors * ISOTOPE_SPACING
            slack = mass * tolerance_ppm * 1e-6
            found.append(np.arange(*np.searchsorted(self.mass, (centre - slack, centre + slack))))
        return np.unique(np.concatenate(found)).astype(np.int64)

    def tokens(self, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        """(candidates, slots) int64, ``PAD`` behind the peptide."""
        return self._tokens[candidates].astype(np.int64)

    def peptidoform(self, candidate: int) -> str:
        """ProForma, with I and L as the database has them."""
        letters = self._peptides[self._peptide_numbers[candidate]]
        texts = []
        for letter, number in zip(letters, self._tokens[candidate], strict=False):
            text = self.vocabulary.tokens[int(number)].text
            texts.append(letter + text[1:])
        return "".join(texts)

    def proteins(self, candidate: int) -> tuple[ProteinMatch, ...]:
        """Where the peptide stands in the database, first places of each protein."""
        peptide_number = int(self._peptide_numbers[candidate])
        merged = self._peptides[peptide_number].replace("I", "L")
        matches = []
        for number in self._protein_numbers[peptide_number]:
            protein = self._proteins[number]
            start = protein.sequence.replace("I", "L").find(merged)
            end = start + len(merged)
            before = protein.sequence[start - 1] if start > 0 else _ENDS
            after = protein.sequence[end] if end < len(protein.sequence) else _ENDS
            matches.append(ProteinMatch(protein.name.split()[0], before, after, start + 1, end))
        return tuple(matches)


def _digests(proteins: Sequence[Protein], settings: PeptideSettings) -> list[set[str]]:
    return list(digest(proteins, settings))


def _peptidoforms(
    peptides: Sequence[str], vocabulary: Vocabulary, slots: int, settings: DatabaseSettings, path: Path
) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Tokens of every peptidoform, and the peptide each is of."""
    table = _letters(vocabulary, settings.fixed)
    variable = [
        (table[ord(vocabulary.tokens[number].residue)], number) for number in _numbers(vocabulary, settings.variable)
    ]
    tokens, numbers = [], []
    total = 0
    for first in range(0, len(peptides), _BATCH):
        batch = peptides[first : first + _BATCH]
        forms = np.full((len(batch), slots), PAD, np.int16)
        lengths = np.array([len(peptide) for peptide in batch])
        forms[np.arange(slots) < lengths[:, None]] = table[np.frombuffer("".join(batch).encode(), np.uint8)]
        every, of = _with_modifications(forms, variable, settings.max_modifications)
        tokens.append(every)
        numbers.append((of + first).astype(np.int32))
        total += len(every)
        if total > MOST_CANDIDATES:
            raise InputError(
                f"has more than {MOST_CANDIDATES:,} peptidoforms",
                path=path,
                remedy="Allow fewer modifications or missed cleavages",
            )
    return np.concatenate(tokens), np.concatenate(numbers)


def _with_modifications(
    forms: NDArray[np.int16], variable: Sequence[tuple[int, int]], most: int
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """The forms with none, one, … of the modifications, from left to right, and which form each is of."""
    every, of, last = [forms], [np.arange(len(forms))], np.full(len(forms), -1)
    for _ in range(most):
        parts = []
        for plain, modified in variable:
            rows, places = ((every[-1] == plain) & (np.arange(forms.shape[1]) > last[:, None])).nonzero()
            changed = every[-1][rows]
            changed[np.arange(len(rows)), places] = modified
            parts.append((changed, of[-1][rows], places))
        if not any(len(changed) for changed, _, _ in parts):
            break
        every.append(np.concatenate([changed for changed, _, _ in parts]))
        of.append(np.concatenate([rows for _, rows, _ in parts]))
        last = np.concatenate([places for _, _, places in parts])
    return np.concatenate(every), np.concatenate(of)


def _letters(vocabulary: Vocabulary, fixed: Sequence[str]) -> NDArray[np.int16]:
    """(256,), the token of each letter."""
    table = np.full(256, PAD, np.int16)
    for letter in "ACDEFGHIKLMNPQRSTVWY":
        table[ord(letter)] = vocabulary.encode(letter)[0]
    for number in _numbers(vocabulary, fixed):
        table[ord(vocabulary.tokens[number].residue)] = number
    table[ord("I")] = table[ord("L")]
    return table


def _numbers(vocabulary: Vocabulary, texts: Sequence[str]) -> list[int]:
    known = {token.text: number for number, token in enumerate(vocabulary.tokens) if token.residue}
    for text in texts:
        if text not in known:
            raise InputError("a database search modifies residues of the vocabulary only", record=text)
    return [known[text] for text in texts]
