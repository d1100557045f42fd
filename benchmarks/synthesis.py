"""Spectra per second of our synthesis and of `ms2pip.predict_batch`, on the same peptides, and how far they differ.

python -m benchmarks.synthesis [--peptides 20000] [--processes 2]

Ours is the whole step: start of the processes, prediction, m/z, sorting, shards on disk. Theirs is the call alone; its
PSM objects are made before the clock starts.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.fragment_intensity import IntensityPredictor
from data.peptides import PEPTIDES, digest
from data.proteomes import GENERAL, generate_proteome
from data.settings import PeptideSettings, SynthesisSettings
from data.synthesis import synthesize


def main() -> None:
    """Measure both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peptides", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    sequences = _peptides(arguments.peptides)
    charges = np.random.default_rng(1).choice([2, 3], len(sequences), p=[0.7, 0.3]).tolist()
    ours = _measure_ours(sequences, charges, arguments.processes)
    theirs, difference = _measure_theirs(sequences, charges, arguments.processes)
    print(f"{len(sequences)} peptides of 8 to 25 residues, {arguments.processes} processes")
    print(f"data.synthesis.synthesize, shards written  {ours:8.0f} spectra/s")
    print(f"ms2pip.predict_batch                       {theirs:8.0f} spectra/s")
    print(f"ratio                                      {ours / theirs:8.2f}")
    print(f"largest difference of an intensity         {difference:8.1e} (of the total ion current)")


def _peptides(count: int) -> list[str]:
    """Tryptic peptides of the average pseudo-proteome."""
    proteins = generate_proteome(GENERAL, 50 + count // 10, seed=1)
    found = set[str]().union(*digest(proteins, PeptideSettings(min_length=8, max_length=25)))
    return sorted(found)[:: max(1, len(found) // count)][:count]


def _measure_ours(sequences: list[str], charges: list[int], processes: int) -> float:
    rows = len(sequences)
    columns = [sequences, charges, [GENERAL.slug] * rows, [None] * rows, ["train"] * rows, [[]] * rows]
    table = pa.table(dict(zip(PEPTIDES.names, columns, strict=True)), schema=PEPTIDES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peptides.parquet"
        pq.write_table(table, path)
        start = time.perf_counter()
        synthesize(path, SynthesisSettings(processes=processes), 1, Path(folder) / "shards")
        return rows / (time.perf_counter() - start)


def _measure_theirs(sequences: list[str], charges: list[int], processes: int) -> tuple[float, float]:
    """Spectra per second, and the largest absolute difference from our linear intensities."""
    from ms2pip import predict_batch
    from psm_utils import PSM, PSMList

    pairs = zip(sequences, charges, strict=True)
    psms = PSMList(psm_list=[PSM(peptidoform=f"{s}/{z}", spectrum_id=str(i)) for i, (s, z) in enumerate(pairs)])
    start = time.perf_counter()
    results = predict_batch(psms, model="HCDch2", processes=processes)
    rate = len(sequences) / (time.perf_counter() - start)
    found = IntensityPredictor("HCDch2").predict(sequences, charges)
    expected = np.concatenate(
        [
            np.column_stack(
                [
                    intensity[::-1] if ion.startswith("y") else intensity
                    for ion, intensity in r.predicted_intensity.items()
                ]
            )
            for r in results
        ]
    )
    return rate, float(np.abs(np.exp2(expected) - 0.001 - found).max())


if __name__ == "__main__":  # both start processes that import this file
    main()
