"""Data cards: what a folder of annotated spectra holds, counted and measured."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.chemistry import (
    ION_SERIES,
    ISOTOPE_SPACING,
    MODIFICATIONS,
    RESIDUE_MASSES,
    fragment_mz,
    neutral_mass,
)
from data.importing import Imported
from data.peptidoform import Peptidoform, parse_peptidoform
from data.schema import Spectrum, from_table
from data.shards import read_shards
from data.splits import merged_sequence

TOLERANCES_DA = (0.02, 0.5)
"""For fragments measured in an Orbitrap or by time of flight, and in an ion trap."""

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_PRECURSOR_PPM = 20.0
_MAX_ISOTOPE = 2
_UNKNOWN = "not stated"


@dataclass
class _Tally:
    """Everything that is counted in one pass."""

    counts: dict[str, Counter[Any]] = field(default_factory=lambda: defaultdict(Counter))
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    species_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, spectrum: Spectrum) -> None:
        """Count one annotated spectrum."""
        text = spectrum.peptidoform or ""
        peptide = parse_peptidoform(text)
        sequence = merged_sequence(text)
        species = spectrum.species or _UNKNOWN
        self.counts["peptides"][sequence] += 1
        self.counts["peptidoforms"][text.replace("I", "L")] += 1
        self.counts["lengths"][len(sequence)] += 1
        self.counts["charges"][spectrum.precursor_charge] += 1
        self.counts["modifications"].update(_modifications(peptide))
        self.counts["modified"][any(peptide.modifications) or bool(peptide.n_term)] += 1
        self.counts["instruments"][spectrum.instrument or _UNKNOWN] += 1
        self.counts["fragmentations"][spectrum.fragmentation or _UNKNOWN] += 1
        energy = spectrum.collision_energy
        self.counts["collision_energies"][_UNKNOWN if energy is None else f"{energy:g}"] += 1
        self.counts["species"][species] += 1
        self.counts["sources"][spectrum.source or _UNKNOWN] += 1
        self.species_of[sequence].add(species)
        self.values["peaks"].append(len(spectrum.mz))
        for tolerance_da in TOLERANCES_DA:
            explained, seen = explained_by_fragments(spectrum, peptide, tolerance_da)
            self.values[f"explained {tolerance_da:g}"].append(explained)
            self.values[f"seen {tolerance_da:g}"].append(seen)
        isotope, error_ppm = precursor_error(spectrum, peptide)
        self.counts["isotopes"][isotope] += 1
        self.values["precursor_ppm"].append(error_ppm)


def data_card(imported: Imported, folder: Path) -> dict[str, Any]:
    """Describe the shards of an import.

    Parameters
    ----------
    folder : of the shards.

    Returns
    -------
    JSON values. Peptides are counted with I and L merged. Explained intensity: the share of a spectrum's intensity
    within the tolerance of a b or y ion of charge 1 or 2; seen cleavages: the share of a peptide's bonds with such an
    ion.

    Raises
    ------
    CorruptedDataError : as reading shards does.
    """
    tally = _Tally()
    for table in read_shards(folder):
        for spectrum in from_table(table):
            tally.add(spectrum)
    counts, values = tally.counts, tally.values
    errors = np.abs(values["precursor_ppm"])
    repeats = list(counts["peptides"].values())
    return {
        "origin": imported.manifest.parameters["origin"],
        "spectra": imported.manifest.rows,
        "skipped": imported.skipped,
        "peptidoforms": len(counts["peptidoforms"]),
        "peptides": len(counts["peptides"]),
        "spectra_per_peptide": {"median": float(np.median(repeats)), "most": max(repeats)},
        "peptides_of_several_species": sum(len(species) > 1 for species in tally.species_of.values()),
        "modified_spectra": counts["modified"][True] / imported.manifest.rows,
        **{name: _by_key(counts[name]) for name in ("lengths", "charges")},
        **{
            name: dict(counts[name].most_common())
            for name in ("modifications", "species", "instruments", "fragmentations", "collision_energies", "sources")
        },
        "peaks": _quantiles(values["peaks"]),
        "explained_intensity": {f"{t:g} Da": _quantiles(values[f"explained {t:g}"]) for t in TOLERANCES_DA},
        "seen_cleavages": {f"{t:g} Da": _quantiles(values[f"seen {t:g}"]) for t in TOLERANCES_DA},
        "precursor_error_ppm": {
            **_quantiles(values["precursor_ppm"]),
            f"within_{_PRECURSOR_PPM:g}_ppm": float((errors <= _PRECURSOR_PPM).mean()),
            "by_isotope": _by_key(counts["isotopes"]),
        },
    }


def explained_by_fragments(spectrum: Spectrum, peptide: Peptidoform, tolerance_da: float) -> tuple[float, float]:
    """Share of the intensity, and of the cleavages, that b and y ions of charge 1 and 2 account for."""
    prefix = np.cumsum(_residue_masses(peptide))[:-1]
    fragments = np.stack([fragment_mz(prefix, peptide.mass, series) for series in ION_SERIES])
    if not fragments.size or not len(spectrum.mz):
        return 0.0, 0.0
    explained = _is_near(spectrum.mz, np.sort(fragments, axis=None), tolerance_da)
    seen = _is_near(fragments.ravel(), spectrum.mz, tolerance_da).reshape(fragments.shape).any(0)
    intensity = np.asarray(spectrum.intensity, np.float64)
    return float(intensity[explained].sum() / intensity.sum()), float(seen.mean())


def precursor_error(spectrum: Spectrum, peptide: Peptidoform) -> tuple[int, float]:
    """The isotope that was taken for the precursor (0 the monoisotopic), and what is left of the error in ppm."""
    observed = neutral_mass(spectrum.precursor_mz, spectrum.precursor_charge)
    errors = {
        isotope: (observed - isotope * ISOTOPE_SPACING - peptide.mass) / peptide.mass * 1e6
        for isotope in range(-1, _MAX_ISOTOPE + 1)
    }
    isotope = min(errors, key=lambda each: abs(errors[each]))
    return isotope, errors[isotope]


def shared_peptides(peptides: Mapping[str, frozenset[str]]) -> list[dict[str, Any]]:
    """How many peptides each pair of sets shares; pairs that share none are left out."""
    names = sorted(peptides)
    pairs = [(left, right) for place, left in enumerate(names) for right in names[place + 1 :]]
    found = [{"left": left, "right": right, "shared": len(peptides[left] & peptides[right])} for left, right in pairs]
    return [pair for pair in found if pair["shared"]]


def peptides_of_shards(folder: Path) -> frozenset[str]:
    """The peptides of a folder of shards, I and L merged.

    Raises
    ------
    InputError, CorruptedDataError : as reading shards does.
    """
    tables = read_shards(folder, ["peptidoform"])
    return frozenset(
        merged_sequence(text) for table in tables for text in table.column("peptidoform").to_pylist() if text
    )


def _residue_masses(peptide: Peptidoform) -> NDArray[np.float64]:
    masses = np.array([RESIDUE_MASSES[letter] for letter in peptide.residues])
    masses += [0.0 if accession is None else MODIFICATIONS[accession].mass for accession in peptide.modifications]
    masses[0] += sum(MODIFICATIONS[accession].mass for accession in peptide.n_term)
    return masses


def _is_near(values: NDArray[np.float64], ascending: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Whether each value has one of the others within the tolerance."""
    right = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
    left = (right - 1).clip(min=0)
    distance = np.minimum(np.abs(ascending[right] - values), np.abs(values - ascending[left]))
    near: NDArray[np.bool_] = distance <= tolerance
    return near


def _modifications(peptide: Peptidoform) -> Iterable[str]:
    for accession in peptide.n_term:
        yield f"{MODIFICATIONS[accession].name} at the N terminus"
    for letter, attached in zip(peptide.residues, peptide.modifications, strict=True):
        if attached is not None:
            yield f"{MODIFICATIONS[attached].name} on {letter}"


def _by_key(counts: Counter[int]) -> dict[str, int]:
    return {str(key): counts[key] for key in sorted(counts)}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    found = np.quantile(values, _QUANTILES)
    return {f"{share:.0%}": float(value) for share, value in zip(_QUANTILES, found, strict=True)}
