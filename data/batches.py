"""The batch reader: spectra held as compact arrays, drawn with fresh noise and preprocessed on the way out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.errors import InputError
from data.masking import Masked, mask
from data.noise import add_noise
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.schema import Spectrum, from_table
from data.settings import NoiseSettings, PreprocessingSettings
from data.shards import read_shards
from data.splits import validation_mask
from data.vocabulary import PAD, STOP, VOCABULARY

RowFilter: TypeAlias = Callable[[pa.Table], NDArray[np.bool_]]

Variation: TypeAlias = Callable[
    [PeakBatch, NDArray[np.int64], NDArray[np.float64], np.random.Generator],
    PeakBatch,
]

_LARGE_SOURCE = 50
"""Peptides from which on a source counts as much as any other: a handful would be learned by heart."""


@dataclass
class SpectrumSet:
    """Annotated spectra in memory.

    Attributes
    ----------
    peaks : of ``rows`` spectra, as stored: neither noise nor preprocessing.
    tokens : (rows, slots) int64, the peptide's tokens, one stop, padding.
    source_names : the sources that the spectra come from; empty for none that is known.
    source : (rows,) int64, position in ``source_names``; the first by default.
    """

    peaks: PeakBatch
    tokens: NDArray[np.int64]
    source_names: tuple[str, ...] = ("",)
    source: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.source):
            self.source = np.zeros(len(self.tokens), np.int64)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(rows,), residues of each peptide."""
        lengths: NDArray[np.int64] = VOCABULARY.is_residue[self.tokens].sum(1)
        return lengths

    @classmethod
    def from_spectra(cls, spectra: Sequence[Spectrum]) -> "SpectrumSet":
        """Hold annotated spectra.

        Raises
        ------
        InputError : there are none, or one has no peptidoform.
        """
        if not spectra:
            raise InputError("no spectra to hold", remedy="Check the row filter and the shards")
        encoded = [_encode(spectrum) for spectrum in spectra]
        tokens = np.full((len(encoded), max(map(len, encoded))), PAD, np.int64)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids)] = ids
        names = tuple(sorted({spectrum.source or "" for spectrum in spectra}))
        number = {name: position for position, name in enumerate(names)}
        source = np.array([number[spectrum.source or ""] for spectrum in spectra], np.int64)
        return cls(PeakBatch.from_spectra(spectra), tokens, names, source)

    @classmethod
    def from_shards(cls, folder: Path, keep: RowFilter | None = None) -> "SpectrumSet":
        """Read shards; ``keep`` says which rows of each table to hold."""
        return cls.from_spectra(list(spectra_of_shards(folder, keep)))

    def select(self, rows: NDArray[np.int64]) -> "SpectrumSet":
        """The spectra of these rows."""
        return SpectrumSet(self.peaks.select(rows), self.tokens[rows], self.source_names, self.source[rows])

    def draw(
        self,
        rows: NDArray[np.int64],
        level: NDArray[np.float64],
        noise: NoiseSettings,
        preprocessing: PreprocessingSettings,
        rng: np.random.Generator,
        gap_share: float = 0.0,
        vary: Variation | None = None,
    ) -> Masked:
        """Spectra with fresh noise, preprocessed, and their tokens.

        Parameters
        ----------
        rows : (batch,), which spectra.
        level : (batch,), noise level of each, 0…1: the curriculum's stage is data of this request, so a reader
            in another process cannot hold an outdated one.
        gap_share : of the rows, get a residue or stretch of unknown mass.
        vary : done to the spectra before the noise: peaks, peptides padded with 0, masses of the gaps → peaks.
        """
        drawn = mask(self.peaks.select(rows), self.tokens[rows], gap_share, rng)
        peptide = np.where(drawn.tokens > STOP, drawn.tokens, PAD)
        peaks = drawn.peaks if vary is None else vary(drawn.peaks, peptide, drawn.gap_mass, rng)
        noisy = add_noise(peaks, peptide, noise, level, rng, drawn.gap_mass)
        return replace(drawn, peaks=preprocess(noisy, preprocessing))


class LengthBalancedSampler:
    """Draws rows so that every peptide length is equally frequent, lest long peptides are met too rarely.

    Parameters
    ----------
    lengths : (rows,), residues of each row.
    """

    def __init__(self, lengths: NDArray[np.int64]) -> None:
        self._rows_of_length = {int(length): np.flatnonzero(lengths == length) for length in np.unique(lengths)}

    def draw(self, count: int, rng: np.random.Generator, between: tuple[int, int] | None = None) -> NDArray[np.int64]:
        """(count,) rows, with replacement.

        Parameters
        ----------
        between : the shortest and the longest peptide; all lengths where there is none.

        Raises
        ------
        InputError : no row is of such a length.
        """
        least, most = between or (0, np.inf)
        groups = [rows for length, rows in self._rows_of_length.items() if least <= length <= most]
        if not groups:
            raise InputError(f"no training peptide has {least} to {most} residues", remedy="Widen the stage's lengths")
        chosen = rng.integers(len(groups), size=count)
        position = rng.random(count)
        drawn = [groups[g][int(p * len(groups[g]))] for g, p in zip(chosen, position, strict=True)]
        return np.array(drawn, np.int64)


class SourceBalancedSampler:
    """Draws rows so that every large source is equally frequent, and within it every peptide.

    A source of fewer than 50 peptides counts in proportion.

    Parameters
    ----------
    spectra : whose sources, peptides and lengths count.
    """

    def __init__(self, spectra: SpectrumSet) -> None:
        self._lengths, self._names = spectra.lengths, spectra.source_names
        self._rows: dict[int, dict[bytes, list[int]]] = {}
        for row, (source, peptide) in enumerate(zip(spectra.source.tolist(), spectra.tokens, strict=True)):
            self._rows.setdefault(source, {}).setdefault(peptide.tobytes(), []).append(row)

    def draw(
        self,
        count: int,
        rng: np.random.Generator,
        between: tuple[int, int] | None = None,
        among: Sequence[str] | None = None,
    ) -> NDArray[np.int64]:
        """(count,) rows, with replacement.

        Parameters
        ----------
        between : the shortest and the longest peptide, in residues; all lengths where there is none.
        among : sources; all where there are none named.

        Raises
        ------
        InputError : no row is of such a length and source.
        """
        groups = [
            peptides
            for source, of_source in self._rows.items()
            if among is None or self._names[source] in among
            if (peptides := [rows for rows in of_source.values() if self._fits(rows[0], between)])
        ]
        if not groups:
            named = f" of {', '.join(among)}" if among is not None else ""
            raise InputError(
                f"no measured spectrum{named} can be drawn", remedy="Check real_sources and lengths of the stages"
            )
        weight = np.minimum([len(peptides) for peptides in groups], _LARGE_SOURCE).astype(float)
        drawn = []
        for group in rng.choice(len(groups), count, p=weight / weight.sum()):
            rows = groups[group][rng.integers(len(groups[group]))]
            drawn.append(rows[rng.integers(len(rows))])
        return np.array(drawn, np.int64)

    def _fits(self, row: int, between: tuple[int, int] | None) -> bool:
        return between is None or between[0] <= self._lengths[row] <= between[1]


def spectra_of_shards(folder: Path, keep: RowFilter | None = None) -> Iterable[Spectrum]:
    """The spectra of the shards' rows that ``keep`` selects, in order."""
    for table in read_shards(folder):
        yield from from_table(table if keep is None else table.filter(pa.array(keep(table))))


def pretraining_sets(shards: Path, validation_share: float) -> tuple[SpectrumSet, SpectrumSet]:
    """Training and validation spectra among those that belong to no fold, parted by peptide."""

    def validates(table: pa.Table) -> NDArray[np.bool_]:
        return validation_mask(table, validation_share)

    def pretrains(table: pa.Table) -> NDArray[np.bool_]:
        return np.asarray(table.column("fold").is_null(), bool)

    return (
        SpectrumSet.from_shards(shards, lambda table: pretrains(table) & ~validates(table)),
        SpectrumSet.from_shards(shards, lambda table: pretrains(table) & validates(table)),
    )


def _encode(spectrum: Spectrum) -> list[int]:
    if spectrum.peptidoform is None:
        raise InputError("has no peptide to learn from", record=spectrum.spectrum_id)
    return [*VOCABULARY.encode(spectrum.peptidoform), STOP]
