"""Peptides for synthesis: in-silico digestion, sampled modifications and charges, and splits that leak no sequence.

Two peptides are the same sequence when they agree after I is read as L: no spectrum tells these apart. A sequence is on
one side of a split only.

- Pre-training rows (species ``general``) share no sequence with the digest of any of the species.
- A fold's test rows are all rows of its species. Its training rows are the other rows without every sequence that
  occurs in the held-out species' digest, whether drawn for its rows or not.
- Validation rows are chosen by a hash of the sequence, so that the choice does not depend on which rows there are.
"""

import difflib
import io
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.atomic import make_folder, write_atomically
from data.chemistry import RESIDUE_MASSES
from data.errors import InputError
from data.modification_sampling import ModificationSampler
from data.proteomes import GENERAL, SPECIES, Protein, Species, read_fasta
from data.settings import PeptideSettings
from data.splits import is_validation, merged_sequence, sequence_hashes, texts_of

_COLUMNS: dict[str, pa.DataType] = {
    "peptidoform": pa.string(),
    "precursor_charge": pa.int8(),
    "species": pa.string(),
    "fold": pa.string(),
    "split": pa.string(),
    "occurs_in": pa.list_(pa.string()),
}
PEPTIDES = pa.schema(_COLUMNS)
"""Columns of the peptide table.

``fold``: the fold whose test rows these are, null for pre-training rows. ``split``: ``test`` for the rows of a
species, ``train`` or ``validation`` for pre-training rows. ``occurs_in``: the species whose digest holds the sequence.
"""

NON_SPECIFIC = "non-specific"

logger = logging.getLogger(__name__)


def test_rows(table: pa.Table, held_out: str) -> pa.Table:
    """The rows of a fold's held-out species, of peptides or spectra."""
    return table.filter(pa.array([fold == held_out for fold in texts_of(table, "fold")], pa.bool_()))


def held_out_sequences(peptides: pa.Table, held_out: str) -> frozenset[str]:
    """Every sequence of the peptide table that occurs in the held-out species, I read as L."""
    occurs_in: list[Any] = peptides.column("occurs_in").to_pylist()
    return frozenset(
        merged_sequence(text)
        for text, fold, species in zip(
            texts_of(peptides, "peptidoform"), texts_of(peptides, "fold"), occurs_in, strict=True
        )
        if fold == held_out or held_out in species
    )


def training_mask(table: pa.Table, held_out: str, forbidden: Collection[str]) -> NDArray[np.bool_]:
    """(rows,), which rows of peptides or spectra may train the network of a fold.

    Parameters
    ----------
    forbidden : `held_out_sequences` of the peptide table.
    """
    rows = zip(texts_of(table, "peptidoform"), texts_of(table, "fold"), strict=True)
    return np.array([fold != held_out and merged_sequence(text) not in forbidden for text, fold in rows], np.bool_)


def training_rows(peptides: pa.Table, held_out: str) -> pa.Table:
    """The rows of the peptide table that may train the network of a fold; pre-training rows are among them."""
    return peptides.filter(pa.array(training_mask(peptides, held_out, held_out_sequences(peptides, held_out))))


def digest(proteins: Iterable[Protein], settings: PeptideSettings) -> Iterator[set[str]]:
    """The peptides of each protein within the length range; those with letters beyond the 20 amino acids left out.

    Raises
    ------
    InputError : the enzyme is unknown.
    """
    from pyteomics import parser  # here, for `peptrm --help` is to be quick

    shortest, longest = settings.min_length, settings.max_length
    if settings.enzyme != NON_SPECIFIC:
        _check_enzyme(settings.enzyme, {*parser.expasy_rules, *parser.psims_rules})
    for protein in proteins:
        sequence = protein.sequence
        if settings.enzyme == NON_SPECIFIC:
            peptides = {
                sequence[start : start + length]
                for length in range(shortest, longest + 1)
                for start in range(len(sequence) - length + 1)
            }
        else:
            peptides = parser.cleave(
                sequence, settings.enzyme, settings.missed_cleavages, min_length=shortest, max_length=longest
            )
        yield peptides if RESIDUE_MASSES.keys() >= set(sequence) else {p for p in peptides if _is_plain(p)}


def build_peptides(
    settings: PeptideSettings, seed: int, proteome_folder: Path, path: Path, species: Sequence[Species] = SPECIES
) -> pa.Table:
    """Digest the proteomes, sample peptidoforms and charges, and write the peptide table.

    Parameters
    ----------
    seed : the same seed and proteomes give the same bytes.
    proteome_folder : as `data.proteomes.write_proteomes` leaves it.
    path : Parquet file with the columns ``PEPTIDES``.

    Returns
    -------
    The table: the species in their order, the pre-training rows last.

    Raises
    ------
    InputError : a setting makes no sense, a proteome is missing, or one gives no peptide.
    OutputError : the table cannot be written.
    """
    _check(settings)
    sampler = ModificationSampler(settings.fixed_modifications, settings.modification_rates)
    chosen: dict[str, list[str]] = {}
    hashes: dict[str, NDArray[np.int64]] = {}
    for each in species:
        proteins = read_fasta(proteome_folder / f"{each.slug}.fasta")
        distinct = _distinct(set().union(*digest(proteins, settings)))
        if not distinct:
            raise InputError("gives no peptide", path=proteome_folder / f"{each.slug}.fasta", remedy=_WIDEN)
        hashes[each.slug] = np.unique(sequence_hashes(distinct))
        rng = np.random.default_rng([seed, each.taxon])
        peptides = list(distinct.values())
        chosen[each.slug] = [peptides[i] for i in rng.permutation(len(peptides))[: settings.per_species]]
    chosen[GENERAL.slug] = _pretraining_peptides(settings, seed, proteome_folder, hashes)
    tables = []
    for each in (*species, GENERAL):
        rng = np.random.default_rng([seed, each.taxon, 1])
        tables.append(_sample(chosen[each.slug], each.slug, settings, sampler, hashes, rng))
    table = pa.concat_tables(tables)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    make_folder(path.parent)
    write_atomically(path, sink.getvalue())
    return table


_WIDEN = "Give more proteins, allow missed cleavages, or widen the length range"


def _pretraining_peptides(
    settings: PeptideSettings, seed: int, proteome_folder: Path, hashes: dict[str, NDArray[np.int64]]
) -> list[str]:
    """Peptides of the general proteome that occur in none of the species."""
    proteins = read_fasta(proteome_folder / f"{GENERAL.slug}.fasta")
    rng = np.random.default_rng([seed, GENERAL.taxon])
    shuffled = [proteins[i] for i in rng.permutation(len(proteins))]
    forbidden = np.unique(np.concatenate(list(hashes.values())))
    found: dict[str, str] = {}
    for peptides in digest(shuffled, settings):
        distinct = _distinct(peptides)
        known = _is_among(sequence_hashes(distinct), forbidden)
        found.update((key, distinct[key]) for key, is_known in zip(distinct, known, strict=True) if not is_known)
        if len(found) >= settings.pretraining:
            break
    if len(found) < settings.pretraining:
        logger.warning("%d pre-training peptides instead of %d: %s", len(found), settings.pretraining, _WIDEN)
    return list(found.values())[: settings.pretraining]


def _sample(
    sequences: Sequence[str],
    species: str,
    settings: PeptideSettings,
    sampler: ModificationSampler,
    hashes: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> pa.Table:
    """One row a sequence, with modifications and a charge drawn for it."""
    peptidoforms = sampler.sample(sequences, rng)
    shares = np.array(list(settings.charge_shares.values()), np.float64)
    charges = rng.choice(list(settings.charge_shares), len(sequences), p=shares / shares.sum())
    keys = sequence_hashes(dict.fromkeys(sequence.replace("I", "L") for sequence in sequences))
    occurrence = {slug: _is_among(keys, known) for slug, known in hashes.items()}
    occurs_in = [[slug for slug, rows in occurrence.items() if rows[row]] for row in range(len(sequences))]
    fold: str | None
    if species == GENERAL.slug:
        fold = None
        split = ["validation" if is_validation(s, settings.validation_share) else "train" for s in sequences]
    else:
        fold, split = species, ["test"] * len(sequences)
    columns = [peptidoforms, charges, [species] * len(sequences), [fold] * len(sequences), split, occurs_in]
    return pa.table(dict(zip(PEPTIDES.names, columns, strict=True)), schema=PEPTIDES)


def _distinct(peptides: set[str]) -> dict[str, str]:
    """One peptide of each I/L-merged sequence, in an order that does not depend on the set's."""
    distinct: dict[str, str] = {}
    for peptide in sorted(peptides):
        distinct.setdefault(peptide.replace("I", "L"), peptide)
    return distinct


def _is_among(hashes: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(hashes,); ``known`` is sorted, for `np.isin` would sort it again at every call."""
    found = known.searchsorted(hashes).clip(max=len(known) - 1)
    among: NDArray[np.bool_] = known[found] == hashes
    return among


def _is_plain(peptide: str) -> bool:
    return RESIDUE_MASSES.keys() >= set(peptide)


def _check(settings: PeptideSettings) -> None:
    """Refuse settings that make no sense before any work is done."""
    shares = settings.charge_shares
    if not shares or min(shares) < 1 or min(shares.values()) < 0 or sum(shares.values()) <= 0:
        raise InputError(
            "charge shares must name charges from 1 on and not be negative",
            record="peptides.charge_shares",
            remedy="For instance {2: 0.7, 3: 0.3}",
        )
    if not 4 <= settings.min_length <= settings.max_length <= 100:
        raise InputError(
            f"lengths {settings.min_length} to {settings.max_length} are no range within 4…100, which MS2PIP predicts",
            record="peptides.min_length, peptides.max_length",
            remedy="For instance 7 and 20",
        )
    if min(settings.per_species, settings.pretraining) < 1 or settings.missed_cleavages < 0:
        raise InputError(
            "must be positive (missed cleavages: not negative)",
            record="peptides.per_species, peptides.pretraining, peptides.missed_cleavages",
        )
    if not 0 <= settings.validation_share < 1:
        raise InputError("must lie within 0 and 1", record="peptides.validation_share")


def _check_enzyme(enzyme: str, known: Collection[str]) -> None:
    if enzyme not in known:
        nearest = difflib.get_close_matches(enzyme, sorted({*known, NON_SPECIFIC}), n=1, cutoff=0.0)[0]
        raise InputError(
            f"unknown enzyme '{enzyme}'", record="peptides.enzyme", remedy=f"The nearest known rule is '{nearest}'"
        )
