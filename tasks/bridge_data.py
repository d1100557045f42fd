"""The spectra of the bridge: what the strategies train on and are tested on, with no peptide in both.

Prepared once and kept as Parquet, so that every strategy sees the same and anyone can check them.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.atomic import make_folder, write_atomically
from data.batches import SpectrumSet, spectra_of_shards
from data.corpus import excluded_sequences
from data.errors import InputError
from data.noise_fit import pair
from data.real_psms import ION_TRAP, analysers, annotated_spectra, capped, without_sequences
from data.schema import Spectrum, from_table, to_table
from data.seeding import generator
from data.settings import SynthesisSettings
from data.splits import is_validation, merged_sequence
from tasks.params import Params
from tasks.workspace import Workspace

ION_TRAP_TEST = "ion trap"
_UNSEEN_SHARE = 0.02
_COUNTS = "counts.json"


@dataclass(frozen=True)
class BridgeData:
    """Where the prepared spectra lie.

    Attributes
    ----------
    folder : of the Parquet files.
    """

    folder: Path

    def training(self, analyser: str) -> list[Spectrum]:
        """Measured spectra of an analyser that may be trained on."""
        return _read(self.folder / f"training-{_slug(analyser)}.parquet")

    def test(self, name: str) -> list[Spectrum]:
        """A test set of measured spectra."""
        return _read(self.folder / f"test-{_slug(name)}.parquet")

    @property
    def synthetic(self) -> SpectrumSet:
        """Predicted spectra to train on."""
        return SpectrumSet.from_spectra(_read(self.folder / "synthetic.parquet"))

    @property
    def unseen(self) -> SpectrumSet:
        """Predicted spectra of peptides that are in none of the others."""
        return SpectrumSet.from_spectra(_read(self.folder / "unseen.parquet"))

    @property
    def counts(self) -> dict[str, int]:
        """Name of each set → spectra in it."""
        counts: dict[str, int] = json.loads((self.folder / _COUNTS).read_text())
        return counts


def measured_spectra(settings: Params) -> tuple[list[Spectrum], NDArray[np.str_]]:
    """The spectra of the training files, and the analyser of each, empty where its annotation is not believed.

    Raises
    ------
    InputError : no files are named, one cannot be read, or they hold nothing usable.
    """
    found = annotated_spectra(settings.bridge.training_files, settings.network.slots)
    if not found:
        raise InputError("no measured spectra are named", record="bridge.training_files", remedy="Name some files")
    return found, analysers(found, pair(found, SynthesisSettings()))


def prepare(settings: Params, workspace: Workspace) -> BridgeData:
    """Read all sources, take test peptides out of training, and write both.

    Raises
    ------
    InputError : a source cannot be read or holds nothing usable.
    """
    bridge, slots = settings.bridge, settings.network.slots
    found, kind = measured_spectra(settings)
    trapped = [s for s, of in zip(found, kind, strict=True) if of == ION_TRAP and _is_ion_trap_test(s, settings)]
    tests = {name: annotated_spectra([path], slots) for name, path in bridge.test_files.items()}
    tests[ION_TRAP_TEST] = capped(trapped, bridge.most_per_peptide, generator(settings.seed, "bridge", "cap"))
    forbidden = excluded_sequences(tuple(bridge.test_files.values()))
    forbidden |= {merged_sequence(s.peptidoform or "") for s in trapped}
    sets: dict[str, Sequence[Spectrum]] = {
        f"test-{_slug(name)}": _some(spectra, bridge.test_spectra, settings.seed) for name, spectra in tests.items()
    }
    for analyser in sorted({str(of) for of in kind if of}):
        mine = without_sequences([s for s, of in zip(found, kind, strict=True) if of == analyser], forbidden)
        rng = generator(settings.seed, "bridge", "cap", analyser)
        sets[f"training-{_slug(analyser)}"] = capped(mine, bridge.most_per_peptide, rng)
    measured = {merged_sequence(s.peptidoform or "") for s in found}
    shards = Path(bridge.shards) if bridge.shards else workspace.clean_shards
    sets |= _synthetic(shards, bridge.synthetic_spectra, forbidden, measured, slots)
    make_folder(workspace.bridge)
    for name, spectra in sets.items():
        sink = io.BytesIO()
        pq.write_table(to_table(spectra), sink, compression="zstd")
        write_atomically(workspace.bridge / f"{name}.parquet", sink.getvalue())
    counts = {name: len(spectra) for name, spectra in sets.items()}
    write_atomically(workspace.bridge / _COUNTS, json.dumps(counts, indent=1).encode())
    return BridgeData(workspace.bridge)


def _synthetic(
    shards: Path, most: int, forbidden: frozenset[str], measured: set[str], slots: int
) -> dict[str, list[Spectrum]]:
    """Training and unseen spectra among the first of the shards; peptides that were measured are not unseen."""
    sets: dict[str, list[Spectrum]] = {"synthetic": [], "unseen": []}
    for number, spectrum in enumerate(spectra_of_shards(shards)):
        if number == most:
            break
        sequence = merged_sequence(spectrum.peptidoform or "")
        if sequence in forbidden or len(sequence) + 2 > slots or spectrum.fold is not None:
            continue
        if not is_validation(sequence, _UNSEEN_SHARE):
            sets["synthetic"].append(spectrum)
        elif sequence not in measured:
            sets["unseen"].append(spectrum)
    return sets


def _is_ion_trap_test(spectrum: Spectrum, settings: Params) -> bool:
    return is_validation(spectrum.peptidoform or "", settings.bridge.ion_trap_test_share)


def _some(spectra: Sequence[Spectrum], most: int, seed: int) -> list[Spectrum]:
    """So many of them, chosen at random, in the order they came."""
    chosen = generator(seed, "bridge", "test").permutation(len(spectra))[:most]
    return [spectra[row] for row in np.sort(chosen)]


def _read(path: Path) -> list[Spectrum]:
    if not path.is_file():
        raise InputError("the bridge has no such spectra", path=path, remedy="Check bridge.training_files")
    return list(from_table(pq.read_table(path)))


def _slug(name: str) -> str:
    return name.replace(" ", "-")
