"""The registry of public data sets: `data/sources.yaml` as typed records, checked when it is read."""

import difflib
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data.errors import InputError

REGISTRY = Path(__file__).with_name("sources.yaml")

Kind = Literal["spectra", "peptides", "proteome"]
Use = Literal["train", "validation", "test", "cross-validation", "synthesis"]
Format = Literal["mgf", "msp", "parquet", "fasta", "peptide_list", "csv", "peprec"]

_Bytes = Annotated[int, Field(ge=1)]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Md5 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class _Record(BaseModel):
    """Strict and frozen; ``unverified`` names fields of the same record.

    Attributes
    ----------
    unverified : fields that were not checked at the publisher.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    unverified: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _unverified_fields_exist(self) -> "_Record":
        for name in self.unverified:
            if getattr(self, name, None) is None:
                raise ValueError(f"unverified names {name!r}, which has no value")
        return self


class SourceFile(_Record):
    """One file of a set.

    Attributes
    ----------
    path : below the folder of downloads, and below a mirror.
    url : at the publisher; None for a file that only a mirror holds.
    bytes, sha256, md5 : None where unknown; then the publisher's own figures are asked for, see `data.download`.
    about_bytes : rounded, as a page gives it, where ``bytes`` is unknown.
    archive : whether it is a zip or tar to be unpacked into a folder of its name without the ending.
    format : of the file, or of the archive's members that are read.
    peptides : path of a ``peprec`` file of the same set that holds the peptides of the spectra.
    subset : whether ``--subset`` takes it.
    fold_by_folder : whether each species lies in a folder, or a file, of its name.
    species, instrument, fragmentation, collision_energy : of spectra that do not say so themselves; NCE.
    """

    path: str
    format: Format
    url: str | None = None
    bytes: _Bytes | None = None
    about_bytes: _Bytes | None = None
    sha256: _Sha256 | None = None
    md5: _Md5 | None = None
    archive: bool = False
    peptides: str | None = None
    subset: bool = True
    fold_by_folder: bool = False
    species: str | None = None
    instrument: str | None = None
    fragmentation: str | None = None
    collision_energy: float | None = None

    @property
    def size(self) -> int:
        """Bytes, exact or about; 0 where unknown."""
        return self.bytes or self.about_bytes or 0

    @model_validator(mode="after")
    def _path_stays_below_its_folder(self) -> "SourceFile":
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or "\\" in self.path:
            raise ValueError(f"path {self.path!r} leaves the folder")
        return self


class DataSet(_Record):
    """One set.

    Attributes
    ----------
    name : as typed on the command line.
    use : what the project may do with it; peptides of ``test`` sets occur in no training data.
    page : where a person reads about it.
    zenodo_record : number of the record whose sizes and MD5 sums are asked for.
    excludes : names of sets whose peptides are left out when this one is imported, as far as they can be had.
    files : empty where none can be fetched by HTTP; ``note`` then says how to get them.
    """

    name: Annotated[str, Field(pattern="^[a-z0-9-]+$")]
    title: str
    kind: Kind
    use: Use
    licence: str
    citation: str
    page: str
    zenodo_record: int | None = None
    note: str | None = None
    excludes: tuple[str, ...] = ()
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files, exact or about; 0 where nothing is known."""
        return sum(file.size for file in self.files)

    def chosen(self, *, subset: bool) -> tuple[SourceFile, ...]:
        """The files to fetch.

        Raises
        ------
        InputError : there is none to be fetched, or no subset.
        """
        if not self.files:
            raise InputError(
                "has no file that can be fetched", record=self.name, remedy=f"See {self.page}: {self.note}"
            )
        files = tuple(file for file in self.files if file.subset or not subset)
        if not files:
            raise InputError("has no subset", record=self.name, remedy="Leave out --subset")
        return files


class Registry(_Record):
    """All sets."""

    sets: tuple[DataSet, ...]

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> "Registry":
        names = [each.name for each in self.sets]
        paths = [file.path for each in self.sets for file in each.files]
        for values in (names, paths):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{twice[0]!r} occurs twice")
        unknown = {name for each in self.sets for name in each.excludes} - set(names)
        if unknown:
            raise ValueError(f"excludes names the unknown set {sorted(unknown)[0]!r}")
        return self

    def find(self, name: str) -> DataSet:
        """The set of a name.

        Raises
        ------
        InputError : there is none; the message names the nearest.
        """
        for each in self.sets:
            if each.name == name:
                return each
        (nearest,) = difflib.get_close_matches(name, [each.name for each in self.sets], n=1, cutoff=0.0)
        raise InputError(
            "no such data set", record=name, remedy=f"Did you mean {nearest}? peptrm download --list shows all"
        )


@lru_cache(maxsize=4)
def load_registry(path: Path = REGISTRY) -> Registry:
    """Read and check the registry.

    Raises
    ------
    InputError : the file is missing, no YAML, or not of this form; the message names the field.
    """
    try:
        return Registry.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", path=path) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(first["msg"], path=path, record=".".join(map(str, first["loc"]))) from None
