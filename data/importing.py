"""Turns annotated spectra of a data set, or of a user's files, into shards that say where each of them comes from."""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.download import Provenance, local_path
from data.errors import InputError
from data.fetch import Checksums
from data.leakage import bare_sequence, peptides_of_set
from data.proteomes import SPECIES, Species
from data.readers import read_spectra
from data.readers.peprec import annotate_mgf
from data.schema import Spectrum, to_table
from data.shards import Manifest, write_shards
from data.sources import DataSet, Registry, SourceFile

SHARD_ROWS = 5000
_VERSION = 1
"""Of what is done to the spectra here: another one makes all shards anew."""

_BATCH_ROWS = 1000
_BY_FOLDER = {species.slug: species for species in SPECIES} | {"h_sapiens": SPECIES[-1]}
"""Slug of a folder's name → species; the benchmark calls the human one ``H.-sapiens``."""

NO_PEPTIDE = "no annotated peptide"
logger = logging.getLogger(__name__)

EXCLUDED = "its peptide occurs in a set that is kept apart"


@dataclass(frozen=True)
class Imported:
    """What became of a set.

    Attributes
    ----------
    skipped : reason → spectra that were left out.
    """

    name: str
    manifest: Manifest
    skipped: dict[str, int]


@dataclass
class _Part:
    """A file of spectra and what is known of all of them."""

    path: Path
    defaults: SourceFile | None = None
    prefix: str = ""
    species: Species | None = None


@dataclass
class _Reading:
    """Streams the spectra of all parts and counts what it leaves out."""

    name: str
    parts: Sequence[_Part]
    excluded: frozenset[str]
    skipped: Counter[str] = field(default_factory=Counter)

    def tables(self) -> Iterator[pa.Table]:
        """The spectra in tables of bounded size."""
        batch: list[Spectrum] = []
        for part in self.parts:
            for spectrum in self._spectra(part):
                batch.append(spectrum)
                if len(batch) == _BATCH_ROWS:
                    yield to_table(batch)
                    batch.clear()
        if batch:
            yield to_table(batch)

    def _spectra(self, part: _Part) -> Iterator[Spectrum]:
        reader = read_spectra(part.path)
        without = 0
        for spectrum in reader:
            if spectrum.peptidoform is None:
                without += 1
            elif self.excluded and bare_sequence(spectrum.peptidoform) in self.excluded:
                self.skipped[EXCLUDED] += 1
            else:
                yield self._completed(spectrum, part)
        self.skipped.update(reader.skipped + reader.unannotated)
        self.skipped[NO_PEPTIDE] += without - reader.unannotated.total()

    def _completed(self, spectrum: Spectrum, part: _Part) -> Spectrum:
        """With what the registry knows where the file is silent."""
        known, species = part.defaults, part.species
        energy = spectrum.collision_energy
        return replace(
            spectrum,
            spectrum_id=part.prefix + spectrum.spectrum_id,
            source=spectrum.source or self.name,
            species=species.name if species else spectrum.species or (known.species if known else None),
            fold=species.slug if species else None,
            instrument=spectrum.instrument or (known.instrument if known else None),
            fragmentation=spectrum.fragmentation or (known.fragmentation if known else None),
            collision_energy=energy if energy is not None or known is None else known.collision_energy,
        )


def import_set(
    each: DataSet,
    registry: Registry,
    downloads: Path,
    folder: Path,
    *,
    subset: bool = False,
    shard_rows: int = SHARD_ROWS,
) -> Imported:
    """Write the annotated spectra of a downloaded set as shards, without the peptides of the sets that it excludes.

    A set to be excluded that is not among the downloads is a warning: whoever lacks its spectra cannot test on them.
    The manifest has the digest of each set's peptides, or null; with the set there later, the shards are made anew.

    Parameters
    ----------
    downloads : folder of the downloads.
    folder : of the shards; its manifest names the source, address, SHA-256, species and licence of every file.

    Raises
    ------
    InputError : the set holds no spectra, or a file of it is missing or unreadable.
    OutputError : the shards cannot be written.
    """
    if each.kind != "spectra":
        raise InputError(f"holds no spectra, but {each.kind}", record=each.name, remedy="Name a set of spectra")
    parts: list[_Part] = []
    files = []
    for file in each.chosen(subset=subset):
        if file.format != "peprec":
            parts += _parts(each, file, downloads)
        files.append(_provenance(file, downloads))
    excluded = _kept_apart(each, registry, downloads)
    origin = {
        **each.model_dump(include={"name", "title", "use", "licence", "citation", "page"}),
        "files": files,
        "excludes": {name: _digest(excluded[name]) if name in excluded else None for name in each.excludes},
    }
    return _write(_Reading(each.name, parts, frozenset().union(*excluded.values())), origin, folder, shard_rows)


def import_files(name: str, files: Sequence[Path], folder: Path, *, shard_rows: int = SHARD_ROWS) -> Imported:
    """Write the annotated spectra of a user's files as shards.

    Raises
    ------
    InputError : a file cannot be read, or none of its spectra is annotated.
    OutputError : the shards cannot be written.
    """
    described = [{"path": path.name, "sha256": _checksums(path).sha256, "bytes": path.stat().st_size} for path in files]
    return _write(
        _Reading(name, [_Part(path) for path in files], frozenset()),
        {"name": name, "files": described},
        folder,
        shard_rows,
    )


def _write(reading: _Reading, origin: dict[str, Any], folder: Path, shard_rows: int) -> Imported:
    parameters = {"import_version": _VERSION, "origin": origin}
    manifest = write_shards(reading.tables(), folder, shard_rows=shard_rows, parameters=parameters)
    skipped = {reason: count for reason, count in sorted(reading.skipped.items()) if count}
    if not manifest.rows:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in skipped.items())
        raise InputError(f"holds no spectrum with a peptide ({reasons})", record=reading.name)
    return Imported(reading.name, manifest, skipped)


def _kept_apart(each: DataSet, registry: Registry, downloads: Path) -> dict[str, frozenset[str]]:
    """Name → peptides of the sets to be excluded that are there."""
    found = {}
    for name in each.excludes:
        other = registry.find(name)
        if all((downloads / file.path).is_file() for file in other.files):
            found[name] = peptides_of_set(other, downloads)
        else:
            logger.warning("%s: peptides of %s, which is not there, are not left out", each.name, name)
    return found


def _parts(each: DataSet, file: SourceFile, downloads: Path) -> list[_Part]:
    """The files of spectra of a registry's file: itself, or the members of its archive."""
    place = local_path(file, downloads)
    if not place.exists():
        raise InputError("is not there", path=place, record=each.name, remedy=f"Fetch it: peptrm download {each.name}")
    if file.peptides:
        joined = place.with_name(f"{place.stem}.annotated.mgf")
        annotate_mgf(place, downloads / file.peptides, joined)
        place = joined
    if not file.archive:
        return [_Part(place, file, species=_species_of(Path(file.path)) if file.fold_by_folder else None)]
    members = sorted(path for path in place.rglob(f"*.{file.format}*") if path.is_file())
    if not members:
        raise InputError(f"holds no {file.format} file", path=place, record=each.name)
    return [
        _Part(
            member,
            file,
            prefix="".join(f"{part}/" for part in member.relative_to(place).parts[:-1]),
            species=_species_of(member.relative_to(place)) if file.fold_by_folder else None,
        )
        for member in members
    ]


def _species_of(path: Path) -> Species:
    """The species whose name a folder, or the file, begins with."""
    for part in path.parts:
        slug = re.sub(r"[^a-z]+", "_", part.lower()).strip("_")
        for name, species in _BY_FOLDER.items():
            if slug.startswith(name):
                return species
    raise InputError("is of none of the nine species", path=path, remedy="Its folder must have the name of one")


def _provenance(file: SourceFile, downloads: Path) -> dict[str, Any]:
    """Address, checksum and species of a downloaded file."""
    path = downloads / file.path
    note = Provenance.of(path)
    sha256 = note.sha256 if note else _checksums(path).sha256
    return {"path": file.path, "url": file.url, "sha256": sha256, "bytes": path.stat().st_size, "species": file.species}


def _checksums(path: Path) -> Checksums:
    try:
        return Checksums.of(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path, remedy="Check the name") from None


def _digest(peptides: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(peptides)).encode()).hexdigest()
