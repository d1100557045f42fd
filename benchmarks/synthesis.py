"""Spectra per second of our synthesis and of `ms2pip.predict_batch`, on the same peptides, and how far they differ.

python -m benchmarks.synthesis [--peptides 20000] [--processes 2] [--rounds 2]

Ours is the whole step: start of the processes, prediction, m/z, sorting, shards on disk. Theirs is the call alone; its
PSM objects are made before the clock starts. The rounds alternate and the best of each counts. Processor time, of all
processes, says more than the clock where others use the machine.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

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
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    sequences = _peptides(arguments.peptides)
    charges = np.random.default_rng(1).choice([2, 3], len(sequences), p=[0.7, 0.3]).tolist()
    rounds = [
        (
            _measure_ours(sequences, charges, arguments.processes),
            _measure_theirs(sequences, charges, arguments.processes),
        )
        for _ in range(arguments.rounds)
    ]
    best = [np.min(seconds, axis=0) for seconds in zip(*((ours, theirs) for ours, (theirs, _) in rounds), strict=True)]
    ours, theirs = (len(sequences) / seconds for seconds in best)
    print(f"{len(sequences)} peptides of 8 to 25 residues, {arguments.processes} processes")
    print(f"{'':42} {'spectra/s':>10} {'spectra/CPU s':>14}")
    print(f"{'data.synthesis.synthesize, shards written':42} {ours[0]:10.0f} {ours[1]:14.0f}")
    print(f"{'ms2pip.predict_batch':42} {theirs[0]:10.0f} {theirs[1]:14.0f}")
    print(f"{'ratio':42} {ours[0] / theirs[0]:10.2f} {ours[1] / theirs[1]:14.2f}")
    difference = max(difference for _, (_, difference) in rounds)
    print(f"largest difference of an intensity, as share of the total ion current: {difference:.1e}")


def _peptides(count: int) -> list[str]:
    """Tryptic peptides of the average pseudo-proteome."""
    proteins = generate_proteome(GENERAL, 50 + count // 10, seed=1)
    found = set[str]().union(*digest(proteins, PeptideSettings(min_length=8, max_length=25)))
    return sorted(found)[:: max(1, len(found) // count)][:count]


def _clocks() -> NDArray[np.float64]:
    """(2,), seconds: of the wall clock, and of the processor for this process and its finished children."""
    times = os.times()
    return np.array([times.elapsed, times.user + times.system + times.children_user + times.children_system])


def _measure_ours(sequences: list[str], charges: list[int], processes: int) -> NDArray[np.float64]:
    """Seconds, as `_clocks`."""
    rows = len(sequences)
    columns = [sequences, charges, [GENERAL.slug] * rows, [None] * rows, ["train"] * rows, [[]] * rows]
    table = pa.table(dict(zip(PEPTIDES.names, columns, strict=True)), schema=PEPTIDES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peptides.parquet"
        pq.write_table(table, path)
        start = _clocks()
        synthesize(path, SynthesisSettings(processes=processes), 1, Path(folder) / "shards")
        return _clocks() - start


def _measure_theirs(sequences: list[str], charges: list[int], processes: int) -> tuple[NDArray[np.float64], float]:
    """Seconds, as `_clocks`, and the largest absolute difference from our linear intensities."""
    from ms2pip import predict_batch
    from psm_utils import PSM, PSMList

    pairs = zip(sequences, charges, strict=True)
    psms = PSMList(psm_list=[PSM(peptidoform=f"{s}/{z}", spectrum_id=str(i)) for i, (s, z) in enumerate(pairs)])
    start = _clocks()
    results = predict_batch(psms, model="HCDch2", processes=processes)
    seconds = _clocks() - start
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
    return seconds, float(np.abs(np.exp2(expected) - 0.001 - found).max())


if __name__ == "__main__":  # both start processes that import this file
    main()
