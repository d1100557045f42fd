"""MGF reading: our speed over pyteomics' own on the same file, in turn, and the memory of a long file.

python -m benchmarks.read_mgf annotated.mgf [--spectra 1000000]
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from pyteomics import mgf

from data.readers import read_spectra

_ROUNDS = 5


def seconds_to_read(spectra: Iterable[object]) -> float:
    """Time of one whole iteration."""
    began = time.perf_counter()
    for _ in spectra:
        pass
    return time.perf_counter() - began


def speed_ratio(path: Path) -> float:
    """Median over rounds of pyteomics' time over ours."""
    ratios = []
    for _ in range(_ROUNDS):
        theirs = seconds_to_read(mgf.read(str(path), use_index=False))
        ratios.append(theirs / seconds_to_read(read_spectra(path)))
    return statistics.median(ratios)


def peak_memory_mb(path: Path, spectra: int) -> tuple[float, float]:
    """Peak resident memory before and after reading a file of so many spectra, made by repeating ``path``."""
    content = path.read_text()
    copies = -(-spectra // content.count("BEGIN IONS"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.NamedTemporaryFile("w", suffix=".mgf") as long:
        for _ in range(copies):
            long.write(content)
        long.flush()
        seconds = seconds_to_read(read_spectra(Path(long.name)))
        print(f"{spectra} spectra, {Path(long.name).stat().st_size / 1e9:.2f} GB: {seconds:.0f} s")
    return before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--spectra", type=int, default=0, help="also read a generated file of so many spectra")
    arguments = parser.parse_args()
    print(f"pyteomics' time / ours: {speed_ratio(arguments.file):.2f} (median of {_ROUNDS})")
    if arguments.spectra:
        before, after = peak_memory_mb(arguments.file, arguments.spectra)
        print(f"peak memory: {before:.0f} MB before, {after:.0f} MB after")


if __name__ == "__main__":
    main()
