"""What a job has on disk: its spectra in chunks, and the predictions as far as they have come."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import TypeAdapter

from data.predictions import Prediction
from data.schema import Spectrum, from_table, to_table

_PREDICTION = TypeAdapter(Prediction)


class SpectrumFiles:
    """Spectra in files of equal size, so that one can be found without reading the others."""

    def __init__(self, folder: Path, chunk: int) -> None:
        self._folder, self._chunk = folder, chunk
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, spectra: Sequence[Spectrum]) -> None:
        """Write the next chunk; only the last may be smaller than the others."""
        pq.write_table(to_table(spectra), self._path(self._count // self._chunk))
        self._count += len(spectra)

    def chunks(self) -> Iterator[list[Spectrum]]:
        """All spectra, chunk by chunk."""
        for number in range(-(-self._count // self._chunk)):
            yield self._read(number)

    def __getitem__(self, place: int) -> Spectrum:
        return self._read(place // self._chunk)[place % self._chunk]

    def _read(self, number: int) -> list[Spectrum]:
        return list(from_table(pq.read_table(self._path(number))))

    def _path(self, number: int) -> Path:
        return self._folder / f"spectra-{number:06}.parquet"


class PredictionFile:
    """Predictions, one a line of JSON; written by one thread, read by any."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "predictions.jsonl"
        self._path.touch()
        self._ends = [0]
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Write more."""
        lines = [_PREDICTION.dump_json(prediction) + b"\n" for prediction in predictions]
        with self._writing, self._path.open("ab") as file:
            file.writelines(lines)
            file.flush()
            for line in lines:  # only what is on the disk can be asked for
                self._ends.append(self._ends[-1] + len(line))

    def read(self, first: int = 0, count: int | None = None) -> Iterator[Prediction]:
        """Those from ``first`` on, as many as there are by now."""
        last = len(self) if count is None else min(first + count, len(self))
        if first >= last:
            return
        with self._path.open("rb") as file:
            file.seek(self._ends[first])
            for _ in range(last - first):
                yield _PREDICTION.validate_json(file.readline())
