"""The metrics by groups of spectra: by length, charge, missing fragments and modification of the true peptide."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.chemistry import ION_SERIES, MODIFICATIONS, WATER, fragment_mz
from data.peptidoform import Peptidoform, parse_peptidoform
from data.predictions import Prediction
from data.schema import Spectrum
from data.vocabulary import VOCABULARY
from model.metrics import Metrics, annotated, evaluate

Grouping = Literal["length", "charge", "missing", "modification"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

ION_TOLERANCE_DA = 0.02
"""A peak is an ion's within it: wide for an Orbitrap, narrow for an ion trap, whose spectra seem to lack many."""

_LENGTHS = ((9, "to 9"), (12, "10–12"), (15, "13–15"), (19, "16–19"), (25, "20–25"), (None, "26 and more"))
_MISSING = ((0.0, "none"), (0.1, "to 0.1"), (0.2, "to 0.2"), (0.3, "to 0.3"), (0.5, "to 0.5"), (None, "above 0.5"))
_UNMODIFIED = "none"


def seen_cleavages(spectrum: Spectrum) -> NDArray[np.bool_]:
    """(tokens - 1,), which backbone cleavages of the annotated peptide left a b or a y ion in the spectrum.

    Ions of one charge count, and of two for precursors of three and more; any peak counts, however small, before any
    preprocessing. Behind a terminal modification there is no cleavage.

    Raises
    ------
    InputError : the spectrum's annotation is no peptide of the vocabulary.
    """
    tokens = VOCABULARY.encode(spectrum.peptidoform or "")
    masses = VOCABULARY.token_masses(tokens)
    prefix, total = masses.cumsum()[:-1], float(masses.sum()) + WATER
    peaks = np.concatenate([[-np.inf], spectrum.mz, [np.inf]])
    seen = np.zeros(len(prefix), bool)
    for series in ION_SERIES:
        if series.charge == 1 or spectrum.precursor_charge > series.charge:
            mz = fragment_mz(prefix, total, series)
            after = np.searchsorted(peaks, mz)
            seen |= np.minimum(peaks[after] - mz, mz - peaks[after - 1]) <= ION_TOLERANCE_DA
    is_cleavage: NDArray[np.bool_] = ~VOCABULARY.is_terminal[tokens[:-1]]
    return seen & is_cleavage


def missing_fragment_share(spectrum: Spectrum) -> float:
    """Share of the backbone cleavages of the annotated peptide that left no ion, as `seen_cleavages`, 0…1.

    The missing fragment ratio by which NovoBench groups spectra (Zhou et al. 2024, arXiv:2406.11906; the notion is that
    of McDonnell et al. 2022, Comput. Struct. Biotechnol. J. 20:1402).

    Raises
    ------
    InputError : the spectrum's annotation is no peptide of the vocabulary.
    """
    seen = seen_cleavages(spectrum)
    count = int((~VOCABULARY.is_terminal[VOCABULARY.encode(spectrum.peptidoform or "")[:-1]]).sum())
    return float(1 - seen.sum() / count) if count else 0.0


def with_missing_fragments(predictions: Iterable[Prediction], spectra: Sequence[Spectrum]) -> list[Prediction]:
    """The predictions with what their spectra lack; both in the same order."""
    return [
        replace(prediction, missing_fragments=missing_fragment_share(spectrum) if spectrum.peptidoform else None)
        for prediction, spectrum in zip(predictions, spectra, strict=True)
    ]


def break_down(predictions: Sequence[Prediction], by: Grouping) -> dict[str, Metrics]:
    """The metrics of each group of annotated spectra, in the order of the groups; those without a spectrum left out.

    By modification, a peptide is in the group of each modification that it carries, so the groups overlap.
    """
    groups: dict[tuple[float, str], list[Prediction]] = {}
    for prediction in annotated(predictions):
        for key in _GROUPS[by](prediction):
            groups.setdefault(key, []).append(prediction)
    return {key[1]: evaluate(groups[key]) for key in sorted(groups)}


def break_downs(predictions: Sequence[Prediction], by: Iterable[Grouping] = GROUPINGS) -> dict[str, dict[str, Metrics]]:
    """Grouping → group → metrics."""
    return {grouping: break_down(predictions, grouping) for grouping in by}


def _peptide(prediction: Prediction) -> Peptidoform:
    return parse_peptidoform(prediction.reference or "")


def _length(prediction: Prediction) -> Iterable[tuple[float, str]]:
    return [_bin(len(_peptide(prediction).residues), _LENGTHS)]


def _charge(prediction: Prediction) -> Iterable[tuple[float, str]]:
    return [(prediction.precursor_charge, str(prediction.precursor_charge))]


def _missing(prediction: Prediction) -> Iterable[tuple[float, str]]:
    share = prediction.missing_fragments
    return [] if share is None else [_bin(round(share, 9), _MISSING)]


def _modification(prediction: Prediction) -> Iterable[tuple[float, str]]:
    peptide = _peptide(prediction)
    accessions = {*peptide.n_term, *(accession for accession in peptide.modifications if accession is not None)}
    if not accessions:
        return [(-1, _UNMODIFIED)]
    return [(accession, MODIFICATIONS[accession].name) for accession in accessions]


def _bin(value: float, bins: Sequence[tuple[float | None, str]]) -> tuple[float, str]:
    """The first bin whose upper end is not below the value."""
    return next((number, name) for number, (most, name) in enumerate(bins) if most is None or value <= most)


_GROUPS: dict[Grouping, Callable[[Prediction], Iterable[tuple[float, str]]]] = {
    "length": _length,
    "charge": _charge,
    "missing": _missing,
    "modification": _modification,
}
