"""Spectra into a file: MGF, our own Parquet table, or an MSP library."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from data.atomic import atomic_path
from data.schema import SPECTRA, Spectrum, to_table
from data.writers.mgf import mgf_lines
from data.writers.msp import msp_lines
from data.writers.output import SPECTRUM_ENDINGS, check_output, ending_of

_BATCH = 1000


def write_spectra(spectra: Iterable[Spectrum], path: Path) -> None:
    """Write spectra as they come; the file has its name only when it is complete.

    Parameters
    ----------
    spectra : for a library, all annotated.

    Raises
    ------
    InputError, OutputError : as `check_output`, and where the system refuses to write.
    """
    check_output(path, SPECTRUM_ENDINGS)
    ending = ending_of(path, SPECTRUM_ENDINGS)
    with atomic_path(path) as temporary:
        if ending == ".parquet":
            _write_parquet(spectra, temporary)
            return
        lines_of = mgf_lines if ending == ".mgf" else msp_lines
        with temporary.open("w", encoding="utf-8") as stream:
            for spectrum in spectra:
                stream.writelines(f"{line}\n" for line in lines_of(spectrum))


def _write_parquet(spectra: Iterable[Spectrum], path: Path) -> None:
    with pq.ParquetWriter(path, SPECTRA, compression="zstd") as writer:
        for batch in _batches(spectra):
            writer.write_table(to_table(batch))


def _batches(spectra: Iterable[Spectrum]) -> Iterator[list[Spectrum]]:
    iterator = iter(spectra)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
