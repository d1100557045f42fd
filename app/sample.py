"""The demo's sample file: test spectra of the pipeline as an annotated MGF, `python -m app.sample sample.mgf`."""

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyteomics import mgf

from data.atomic import atomic_path
from data.augmentation import source_name
from data.errors import InputError, PepTRMError
from data.schema import Spectrum, from_table
from data.shards import read_shards
from tasks.params import load_params
from tasks.workspace import Workspace

SAMPLE_SPECTRA = 200


def write_sample(output: Path, shards: Path, noise_level: float, count: int = SAMPLE_SPECTRA) -> int:
    """Write test spectra of one noise level, evenly drawn from all species.

    Parameters
    ----------
    output : MGF; the peptide of each spectrum stands in ``SEQ``.
    shards : folder of the augmented spectra.

    Returns
    -------
    number of spectra written

    Raises
    ------
    InputError : the shards hold no test spectrum of this noise level.
    CorruptedDataError, OutputError : as reading shards and writing files do.
    """
    table = pa.concat_tables(
        part.filter(pc.and_(pc.equal(part["source"], pa.scalar(source_name(noise_level))), pc.is_valid(part["fold"])))
        for part in read_shards(shards)
    )
    if table.num_rows == 0:
        raise InputError(f"no test spectrum of noise level {noise_level:g}", path=shards)
    rows = range(0, table.num_rows, max(1, table.num_rows // count))[:count]
    with atomic_path(output) as temporary:
        mgf.write((_entry(spectrum) for spectrum in from_table(table.take(list(rows)))), str(temporary))
    return len(rows)


def _entry(spectrum: Spectrum) -> dict[str, Any]:
    """A spectrum as pyteomics writes it."""
    return {
        "m/z array": spectrum.mz,
        "intensity array": spectrum.intensity,
        "params": {
            "title": spectrum.spectrum_id,
            "pepmass": spectrum.precursor_mz,
            "charge": f"{spectrum.precursor_charge}+",
            "seq": spectrum.peptidoform,
        },
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m app.sample OUTPUT.mgf")
    try:
        write_sample(Path(sys.argv[1]), Workspace().augmented_shards, load_params().cross_validation.test_noise_level)
    except PepTRMError as error:
        sys.exit(str(error))
