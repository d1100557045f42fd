"""Synthesis: predicted spectra of the peptide table, made by several processes, in shards."""

import hashlib
import importlib.metadata
import io
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.chemistry import ION_SERIES, MODIFICATIONS, RESIDUE_MASSES, WATER, fragment_mz, precursor_mz
from data.downloaded_models import intensity_predictor
from data.errors import InputError, PepTRMError
from data.fragment_intensity import IntensityPredictor
from data.peptidoform import Peptidoform, parse_peptidoform
from data.schema import SPECTRA
from data.settings import SynthesisSettings
from data.shards import Manifest, ShardWriter

BATCH_ROWS = 1000
"""Peptides that a process predicts at a time; the shards do not depend on it."""

MIN_RELATIVE_INTENSITY = 1e-4
"""Of the base peak: fainter predictions are noise of the model and are dropped."""

_COLUMNS = ("peptidoform", "precursor_charge", "species", "fold")

logger = logging.getLogger(__name__)


def synthesize(
    peptides_path: Path,
    settings: SynthesisSettings,
    seed: int,
    folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Predict the spectrum of every peptide and write the spectra as shards.

    Parameters
    ----------
    peptides_path : table of `data.peptides.build_peptides`.
    seed : of the run, kept in the manifest; nothing is random here.
    folder : of the shards. What an interrupted run with the same peptides and settings finished there is kept; the
        number of processes may differ.
    on_progress : called with the finished and the total number of spectra after each shard.

    Returns
    -------
    The manifest of the shards.

    Raises
    ------
    InputError : the peptide table is missing or is none, the model is unknown or cannot be had, or a number is below 1.
    OutputError : the disk is full or the folder not writable.
    """
    if min(settings.processes, settings.shard_rows) < 1:
        raise InputError("must be 1 or more", record="synthesis.processes, synthesis.shard_rows")
    content = _read(peptides_path)
    peptides = _parse_table(content, peptides_path)
    intensity_predictor(settings.model)  # fails before any process starts, and downloads once
    writer = ShardWriter(
        folder,
        {
            "peptides_sha256": hashlib.sha256(content).hexdigest(),
            "model": settings.model,
            "ms2pip": importlib.metadata.version("ms2pip"),
            "collision_energy": settings.collision_energy,
            "shard_rows": settings.shard_rows,
            "seed": seed,
        },
    )
    shards = [
        range(len(peptides))[row : row + settings.shard_rows] for row in range(0, len(peptides), settings.shard_rows)
    ]
    missing = [(number, rows) for number, rows in enumerate(shards) if not writer.is_finished(number)]
    batches = (_Batch.of(peptides, rows, settings) for _, shard in missing for rows in _split(shard))
    spectra = _predict_in_order(batches, settings.processes)
    finished = len(peptides) - sum(len(rows) for _, rows in missing)
    for number, rows in missing:
        writer.write(number, pa.concat_tables([next(spectra) for _ in _split(rows)]))
        finished += len(rows)
        logger.info("%d of %d spectra predicted", finished, len(peptides))
        if on_progress is not None:
            on_progress(finished, len(peptides))
    return writer.finish(len(shards))


def predict_spectra(peptidoforms: Sequence[str], charges: Sequence[int], settings: SynthesisSettings) -> pa.Table:
    """The predicted spectra of a few peptides, in this process: a table of `data.schema.SPECTRA`.

    Raises
    ------
    InputError : a peptide cannot be predicted, or the model cannot be had.
    """
    nothing: list[str | None] = [None] * len(peptidoforms)
    return _predict(_Batch(list(peptidoforms), list(charges), nothing, nothing, 0, settings))


@dataclass(frozen=True, slots=True)
class _Batch:
    """A process's next piece of work; plain values, for the slice of a table is sent as the whole table."""

    peptidoforms: list[str]
    charges: list[int]
    species: list[str | None]
    folds: list[str | None]
    first_index: int
    settings: SynthesisSettings

    @classmethod
    def of(cls, peptides: pa.Table, rows: range, settings: SynthesisSettings) -> "_Batch":
        part = peptides.slice(rows.start, len(rows))
        columns: list[list[Any]] = [part.column(name).to_pylist() for name in _COLUMNS]
        texts, charges, species, folds = columns
        return cls(texts, charges, species, folds, rows.start, settings)


def _split(rows: range) -> list[range]:
    return [rows[start : start + BATCH_ROWS] for start in range(0, len(rows), BATCH_ROWS)]


def _predict(batch: _Batch) -> pa.Table:
    """The predicted spectra of some peptides: a table of `data.schema.SPECTRA`."""
    predictor = _predictor(batch.settings.model)
    series = [ION_SERIES[number] for number in predictor.series]
    peptides = [parse_peptidoform(text) for text in batch.peptidoforms]
    charges = np.array(batch.charges, np.int64)
    lengths = np.array([len(peptide.residues) for peptide in peptides])
    masses = _residue_masses(peptides)
    ladder = masses.cumsum(1)
    prefix, total = ladder[:, :-1], ladder[:, -1] + WATER

    # (peptides, cleavages, series)
    mz = np.stack([fragment_mz(prefix, total[:, None], ion) for ion in series], -1)
    intensity = np.zeros(mz.shape, np.float32)
    is_cleavage = np.arange(prefix.shape[1]) < lengths[:, None] - 1
    intensity[is_cleavage] = predictor.predict([peptide.residues for peptide in peptides], batch.charges)
    # a fragment cannot carry more protons than its precursor
    intensity *= np.array([ion.charge for ion in series]) <= charges[:, None, None]

    peak_mz, peak_intensity = _peak_lists(mz.reshape(len(peptides), -1), intensity.reshape(len(peptides), -1))
    constant = {
        "collision_energy": batch.settings.collision_energy,
        "instrument": None,
        "fragmentation": _fragmentation(batch.settings.model),
        "source": f"ms2pip:{batch.settings.model}",
        "retention_time": None,
    }
    columns = {
        "spectrum_id": [f"synthetic:{batch.first_index + row}" for row in range(len(peptides))],
        "peptidoform": batch.peptidoforms,
        "precursor_mz": precursor_mz(total, charges),
        "precursor_charge": charges,
        "mz": peak_mz,
        "intensity": peak_intensity,
        "species": batch.species,
        "fold": batch.folds,
        **{name: [value] * len(peptides) for name, value in constant.items()},
    }
    return pa.table({name: columns[name] for name in SPECTRA.names}, schema=SPECTRA)


def _residue_masses(peptides: list[Peptidoform]) -> NDArray[np.float64]:
    """(peptides, residues), Da, with modifications, the N-terminal ones on the first residue; padded with 0."""
    masses = np.zeros((len(peptides), max(len(peptide.residues) for peptide in peptides)))
    for row, peptide in zip(masses, peptides, strict=True):
        row[: len(peptide.residues)] = [RESIDUE_MASSES[letter] for letter in peptide.residues]
        for index, accession in enumerate(peptide.modifications):
            if accession is not None:
                row[index] += MODIFICATIONS[accession].mass
        row[0] += sum(MODIFICATIONS[accession].mass for accession in peptide.n_term)
    return masses


def _peak_lists(
    mz: NDArray[np.float64], intensity: NDArray[np.float32]
) -> "tuple[pa.ListArray[Any], pa.ListArray[Any]]":
    """Peaks above the least intensity, by ascending m/z, base peak 1, as list columns.

    Parameters
    ----------
    mz, intensity : (spectra, ions); an ion of intensity 0 is none.
    """
    relative = intensity / intensity.max(1, keepdims=True)
    is_peak = relative >= MIN_RELATIVE_INTENSITY
    order = np.where(is_peak, mz, np.inf).argsort(1)
    counts = is_peak.sum(1)
    offsets = pa.array(np.concatenate([[0], counts.cumsum()]), pa.int32())
    is_kept = np.arange(mz.shape[1]) < counts[:, None]
    sorted_mz, sorted_relative = (np.take_along_axis(values, order, 1)[is_kept] for values in (mz, relative))
    return pa.ListArray.from_arrays(offsets, sorted_mz), pa.ListArray.from_arrays(offsets, sorted_relative)


def _fragmentation(model: str) -> str:
    """Beam-type CID on Q-TOF instruments is CID to their files; all other models of MS2PIP but CID's are HCD."""
    return "CID" if model.startswith(("CID", "TTOF", "timsTOF")) else "HCD"


@lru_cache(maxsize=1)
def _predictor(model: str) -> IntensityPredictor:
    return intensity_predictor(model)


def _predict_in_order(batches: Iterator[_Batch], processes: int) -> Iterator[pa.Table]:
    """The spectra of each batch in the order of the batches, a few batches ahead."""
    if processes == 1:
        yield from map(_predict, batches)
        return
    # spawn, for a fork after the start of any thread may hang
    context = multiprocessing.get_context("spawn")
    try:
        with _one_thread_a_worker(), ProcessPoolExecutor(processes, context, initializer=_start_worker) as pool:
            waiting: deque[Future[pa.Table]] = deque()
            for batch in batches:
                waiting.append(pool.submit(_predict, batch))
                if len(waiting) > 4 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    except BrokenProcessPool:
        raise PepTRMError(
            "a process that predicts spectra was killed",
            remedy="Free memory or lower synthesis.processes, then run again",
        ) from None


@contextmanager
def _one_thread_a_worker() -> Iterator[None]:
    """Numerical libraries read these when a process starts; the workers share the cores already."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it even if it is killed: the pool would wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pa.set_cpu_count(1)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the peptide table cannot be read: {error.strerror}", path=path, remedy="Run the step that makes it"
        ) from None


def _parse_table(content: bytes, path: Path) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(content), columns=list(_COLUMNS))
    except (pa.ArrowException, KeyError):
        raise InputError(
            f"is no peptide table with the columns {', '.join(_COLUMNS)}",
            path=path,
            remedy="Run the step that makes it",
        ) from None
