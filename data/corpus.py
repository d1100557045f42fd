"""The corpus: what the shipped network learns from, peptides of real proteomes and of lists of identified peptides.

Two peptides are the same sequence when they agree after I is read as L. No sequence of the excluded files is in the
corpus, and the hash of a sequence alone says whether it is trained on or held out.
"""

import csv
import gzip
import io
import logging
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.atomic import make_folder, write_atomically
from data.chemistry import RESIDUE_MASSES
from data.errors import InputError
from data.modification_sampling import ModificationSampler
from data.paths import given_path
from data.peptides import NON_SPECIFIC, PEPTIDES, digest
from data.proteomes import Protein, read_fasta
from data.readers import read_spectra
from data.seeding import generator
from data.settings import CorpusSettings, PeptideSettings
from data.splits import is_validation, merged_sequence

LISTED = "listed"
"""Name of the source of peptides that come from a list and not from a digest."""

_PROTEINS_A_TURN = 200
_NOT_RESIDUES = re.compile(r"\[[^\]]*\]|[^A-Z]")
_BASIC = frozenset("KRH")
_SHORTEST_OF_CHARGE = {1: 0, 2: 0, 3: 8, 4: 14, 5: 20}
_LONGEST_OF_CHARGE = {1: 14}

logger = logging.getLogger(__name__)


def build_corpus(settings: CorpusSettings, seed: int, path: Path) -> pa.Table:
    """Draw peptides from proteomes and lists, and peptidoforms and charges for them, and write the peptide table.

    Parameters
    ----------
    path : Parquet file with the columns `data.peptides.PEPTIDES`; ``split`` is ``validation`` for what is held out.

    Raises
    ------
    InputError : a file cannot be read, an enzyme is unknown, or the sources give no peptide.
    OutputError : the table cannot be written.
    """
    forbidden = excluded_sequences(settings.exclude)
    chosen: dict[str, str] = {}
    for source, share in settings.sources.items():
        wanted = round(settings.peptides * share / sum(settings.sources.values()))
        rng = generator(seed, "corpus", source)
        before = len(chosen)
        for sequence in _sequences(source, settings, rng):
            merged = sequence.replace("I", "L")
            if merged not in chosen and merged not in forbidden:
                chosen[merged] = sequence
                if len(chosen) - before == wanted:
                    break
        logger.info("%d peptides of %s", len(chosen) - before, source)
    if not chosen:
        raise InputError("the sources give no peptide", record="corpus.sources", remedy="Name proteomes or lists")
    sequences = list(chosen.values())
    rng = generator(seed, "corpus", "peptidoforms")
    sampler = ModificationSampler(settings.fixed_modifications, settings.modification_rates)
    columns = {
        "peptidoform": sampler.sample(sequences, rng),
        "precursor_charge": draw_charges(sequences, settings.charge_shares, rng),
        "species": [None] * len(sequences),
        "fold": [None] * len(sequences),
        "split": ["validation" if is_validation(s, settings.held_out_share) else "train" for s in sequences],
        "occurs_in": [[]] * len(sequences),
    }
    table = pa.table(columns, schema=PEPTIDES).take(pa.array(rng.permutation(len(sequences)), pa.int64()))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    make_folder(path.parent)
    write_atomically(path, sink.getvalue())
    return table


def excluded_sequences(paths: Sequence[str]) -> frozenset[str]:
    """Every sequence of these files, I read as L: annotated spectra, or tables (CSV) with a column ``seq``."""
    found: set[str] = set()
    for path in (given_path(text, "corpus.exclude") for text in paths):
        if path.suffix == ".csv":
            rows = csv.DictReader(_lines(path))
            if "seq" not in (rows.fieldnames or ()):
                raise InputError("has no column 'seq'", path=path, remedy="Give a table of peptides with that column")
            found.update(plain_residues(row["seq"]).replace("I", "L") for row in rows)
        else:
            spectra = read_spectra(path)
            found.update(merged_sequence(s.peptidoform) for s in spectra if s.peptidoform is not None)
    return frozenset(found)


def draw_charges(sequences: Sequence[str], shares: dict[int, float], rng: np.random.Generator) -> NDArray[np.int64]:
    """A charge for each peptide, among those that it can carry.

    One proton a basic residue (K, R, H) and one at the N terminus; singly charged ones are short, highly charged ones
    long, as in public libraries of identified spectra.
    """
    lengths = np.array([len(sequence) for sequence in sequences])
    protons = np.array([1 + sum(letter in _BASIC for letter in sequence) for sequence in sequences])
    charges = np.array(list(shares))
    weights = np.tile(np.array(list(shares.values()), np.float64), (len(sequences), 1))
    for column, charge in enumerate(charges):
        fits = (charge <= np.maximum(protons, 2)) & (lengths >= _SHORTEST_OF_CHARGE.get(int(charge), 0))
        weights[:, column] *= fits & (lengths <= _LONGEST_OF_CHARGE.get(int(charge), 99))
    weights[weights.sum(1) == 0] = charges == charges[np.abs(charges - 2).argmin()]
    cumulative = weights.cumsum(1) / weights.sum(1, keepdims=True)
    drawn: NDArray[np.int64] = charges[(rng.random((len(sequences), 1)) >= cumulative).sum(1)]
    return drawn


def _sequences(source: str, settings: CorpusSettings, rng: np.random.Generator) -> Iterator[str]:
    """The peptides of one source in random order: of the list, or of a digest by the enzyme that the source names."""
    if source == LISTED:
        texts = _listed(settings)
        yield from (texts[place] for place in rng.permutation(len(texts)))
        return
    proteins = _proteins(settings.proteomes)
    shuffled = [proteins[place] for place in rng.permutation(len(proteins))]
    digestion = replace(
        PeptideSettings(),
        enzyme=source,
        missed_cleavages=settings.missed_cleavages,
        min_length=settings.min_length,
        max_length=settings.max_length,
    )
    for start in range(0, len(shuffled), _PROTEINS_A_TURN):
        turn = shuffled[start : start + _PROTEINS_A_TURN]
        if source == NON_SPECIFIC:
            yield from _pieces(turn, settings, rng)
        else:
            peptides = sorted(set(chain.from_iterable(digest(turn, digestion))))
            yield from (peptides[place] for place in rng.permutation(len(peptides)))


def _pieces(proteins: Sequence[Protein], settings: CorpusSettings, rng: np.random.Generator) -> Iterator[str]:
    """Random pieces of the proteins, a few each: there are too many to list them all."""
    for protein in proteins:
        for length in rng.integers(settings.min_length, settings.max_length + 1, 1 + len(protein.sequence) // 50):
            if len(protein.sequence) >= length:
                start = int(rng.integers(len(protein.sequence) - length + 1))
                piece = protein.sequence[start : start + length]
                if RESIDUE_MASSES.keys() >= set(piece):
                    yield piece


def _proteins(folders: Sequence[str]) -> list[Protein]:
    given = [given_path(folder, "corpus.proteomes") for folder in folders]
    paths = [path for folder in given for path in sorted(folder.glob("*.fasta*"))]
    if not paths:
        raise InputError("hold no FASTA file", record="corpus.proteomes", remedy="Name folders of FASTA files")
    return [protein for path in paths for protein in read_fasta(path)]


def _listed(settings: CorpusSettings) -> list[str]:
    found: dict[str, None] = {}
    for text in settings.peptide_lists:
        for line in _lines(given_path(text, "corpus.peptide_lists")):
            sequence = plain_residues(line)
            if settings.min_length <= len(sequence) <= settings.max_length and RESIDUE_MASSES.keys() >= set(sequence):
                found[sequence] = None
    return list(found)


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"no list of peptides ({error})", path=path) from None


def plain_residues(text: str) -> str:
    """The capital letters outside of brackets: the residues of a peptide in any of the usual notations."""
    return _NOT_RESIDUES.sub("", text)
