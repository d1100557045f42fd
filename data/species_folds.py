"""Annotated spectra of known species: the fold that each belongs to, and which of them may train another fold.

The spectra of a fold's species test it. Of the others, those train it whose peptide, I read as L, neither is a test
peptide nor stands anywhere in the held-out species' proteome: an annotated peptide may be cut where no digest cuts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from data import real_psms
from data.errors import InputError, UnknownModificationError
from data.occurrence import occurring
from data.paths import given_path
from data.proteomes import Species, read_fasta
from data.readers import read_spectra
from data.schema import Spectrum
from data.seeding import generator
from data.splits import merged_sequence
from data.vocabulary import VOCABULARY


def read_annotated(
    files: Mapping[str, str | None], species: Sequence[Species], left_out: Counter[str]
) -> list[Spectrum]:
    """The annotated spectra of files, each with the fold of its species; None for one of any other species.

    Parameters
    ----------
    files : path, which may name environment variables → the species of all its spectra; None where a column says it.
    left_out : counts by reason what cannot be used.

    Raises
    ------
    InputError : a file cannot be read, an environment variable is not set, or a file names a species of no fold.
    """
    folds = {label.casefold(): each.slug for each in species for label in (each.name, each.slug, *each.labels)}
    found = []
    for text, label in files.items():
        if label is not None and label.casefold() not in folds:
            raise InputError(f"is of {label}, which is no species of the folds", path=text, remedy="See species")
        path = given_path(text, "cross_validation.measured.files")
        for spectrum in read_spectra(path):
            if spectrum.peptidoform is None:
                left_out["no readable annotation"] += 1
                continue
            try:
                VOCABULARY.encode(spectrum.peptidoform)
            except UnknownModificationError:
                left_out["annotated with a modification that the network has no token for"] += 1
                continue
            name = label or spectrum.species or ""
            found.append(replace(spectrum, species=name or None, fold=folds.get(name.casefold())))
    return found


def capped(spectra: Sequence[Spectrum], most: int, seed: int) -> list[Spectrum]:
    """At most so many spectra of each fold and peptide, I read as L, drawn by the seed; in the order they came."""
    rng = generator(seed, "measured")
    return real_psms.capped(spectra, most, rng, lambda spectrum: (spectrum.fold, _sequence(spectrum)))


def spectra_of_fold(spectra: Sequence[Spectrum], held_out: str) -> list[Spectrum]:
    """The spectra that test a fold."""
    return [spectrum for spectrum in spectra if spectrum.fold == held_out]


def training_spectra(spectra: Sequence[Spectrum], held_out: str, forbidden: AbstractSet[str]) -> list[Spectrum]:
    """The spectra that may train a fold.

    Parameters
    ----------
    forbidden : `forbidden_sequences` of the fold.
    """
    return [s for s in spectra if s.fold != held_out and _sequence(s) not in forbidden]


def forbidden_sequences(spectra: Sequence[Spectrum], held_out: str, proteome: Path) -> frozenset[str]:
    """The sequences, I read as L, that may not train a fold: its test spectra's, and what stands in its proteome.

    Parameters
    ----------
    proteome : FASTA of the held-out species.
    """
    tested = frozenset(_sequence(spectrum) for spectrum in spectra_of_fold(spectra, held_out))
    others = {_sequence(spectrum) for spectrum in spectra} - tested
    return tested | occurring(others, (protein.sequence for protein in read_fasta(proteome)))


def _sequence(spectrum: Spectrum) -> str:
    return merged_sequence(spectrum.peptidoform or "")
