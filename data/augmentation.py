"""Fixed noisy copies of the validation and test spectra, so that every model is judged on the same ones."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.batches import SpectrumSet
from data.noise import add_noise
from data.schema import Spectrum, from_table, to_table
from data.seeding import generator
from data.settings import NoiseSettings
from data.shards import Manifest, manifest_hash, read_shards, write_shards
from data.splits import validation_mask
from data.vocabulary import PAD, STOP


def source_name(level: float) -> str:
    """The column ``source`` of spectra of this noise level."""
    return f"noise-{level:g}"


def augment(
    clean: Path,
    folder: Path,
    levels: tuple[float, ...],
    noise: NoiseSettings,
    validation_share: float,
    shard_rows: int,
    seed: int,
) -> Manifest:
    """Write the validation and test spectra at each noise level.

    Parameters
    ----------
    clean : shards of predicted spectra.
    folder : of the new shards; their ``source`` is `source_name` of the level.
    levels : of noise, 0…1.

    Raises
    ------
    InputError, CorruptedDataError, OutputError : as reading and writing shards do.
    """
    parameters = {
        "clean": manifest_hash(clean),
        "levels": list(levels),
        "noise": asdict(noise),
        "validation_share": validation_share,
        "seed": seed,
    }
    tables = _noisy_tables(clean, levels, noise, validation_share, seed)
    return write_shards(tables, folder, shard_rows=shard_rows, parameters=parameters)


def _noisy_tables(
    clean: Path, levels: tuple[float, ...], noise: NoiseSettings, validation_share: float, seed: int
) -> Iterator[pa.Table]:
    for number, table in enumerate(read_shards(clean)):
        is_test = np.asarray(table.column("fold").is_valid(), bool)
        judged = list(from_table(table.filter(pa.array(is_test | validation_mask(table, validation_share)))))
        for level in levels if judged else ():
            yield to_table(_at_level(judged, level, noise, generator(seed, "augment", number, source_name(level))))


def _at_level(spectra: list[Spectrum], level: float, noise: NoiseSettings, rng: np.random.Generator) -> list[Spectrum]:
    """The spectra with noise, as records."""
    held = SpectrumSet.from_spectra(spectra)
    tokens = np.where(held.tokens > STOP, held.tokens, PAD)
    noisy = add_noise(held.peaks, tokens, noise, np.full(len(held), level), rng)
    return [
        replace(spectrum, mz=mz, intensity=intensity, precursor_mz=float(precursor_mz), source=source_name(level))
        for spectrum, (mz, intensity), precursor_mz in zip(spectra, noisy.to_lists(), noisy.precursor_mz, strict=True)
    ]
