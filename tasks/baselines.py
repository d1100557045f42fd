"""The published figures of `data/baselines.yaml`, and ours beside them, an edition of the data at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

AVERAGE = "average"
_FILE = Path(__file__).parent.parent / "data" / "baselines.yaml"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Edition(_Entry):
    """Which spectra, with which labels and split."""

    name: str
    note: str


class Figures(_Entry):
    """Of one species, 0…1; None where the source does not say."""

    peptide_recall: float | None
    aa_precision: float | None


class Result(_Entry):
    """A method on an edition, by species, as a source has it.

    Attributes
    ----------
    seen : the table itself was read, or only another page that quotes it.
    """

    method: str
    edition: str
    source: str
    paper: str
    table: str
    seen: Literal["table", "quoted"]
    note: str
    values: dict[str, Figures]


class Baselines(_Entry):
    """The whole file.

    Attributes
    ----------
    not_entered : method → why it has no figures here.
    """

    editions: dict[str, Edition]
    results: tuple[Result, ...]
    not_entered: dict[str, str]

    @model_validator(mode="after")
    def _names_its_editions(self) -> "Baselines":
        keys = [(result.edition, result.method) for result in self.results]
        if len(set(keys)) < len(keys) or {edition for edition, _ in keys} - self.editions.keys():
            raise ValueError("every result names a known edition, and no method has two results on one")
        return self


@lru_cache(maxsize=1)
def load_baselines() -> Baselines:
    """The project's own file, checked."""
    return Baselines.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Comparison:
    """A table of one edition and one metric: a row a species, a column a method, ours first.

    Attributes
    ----------
    is_ours : whether ours was measured on this edition.
    rows : species, ours, and each method's figure; None where there is none.
    """

    edition: Edition
    metric: str
    is_ours: bool
    results: tuple[Result, ...]
    rows: tuple[tuple[str, float | None, tuple[float | None, ...]], ...]


def compare(ours: Mapping[str, Mapping[str, float]], edition: str | None) -> list[Comparison]:
    """Ours beside each edition's figures.

    Parameters
    ----------
    ours : slug, or ``average``, → metric → figure.
    edition : key of the edition that ours was measured on; None for any other spectra.
    """
    baselines, tables = load_baselines(), []
    for key, described in baselines.editions.items():
        results = tuple(result for result in baselines.results if result.edition == key)
        for metric in ("peptide_recall", "aa_precision"):
            species = dict.fromkeys(slug for result in results for slug in result.values)
            rows = []
            for slug in species:
                theirs = tuple(
                    getattr(result.values[slug], metric) if slug in result.values else None for result in results
                )
                if any(value is not None for value in theirs):
                    rows.append((slug, ours.get(slug, {}).get(metric), theirs))
            if rows:
                tables.append(Comparison(described, metric, key == edition, results, tuple(rows)))
    return tables
