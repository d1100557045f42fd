"""Measured spectra of known peptides: which may be trained on, and what kind of analyser read them."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.fragment_intensity import SHORTEST
from data.instruments import FAMILIES, family
from data.noise_moments import match
from data.pairs import Pairs
from data.paths import given_path
from data.readers import read_spectra
from data.schema import Spectrum
from data.splits import merged_sequence
from data.structured_noise import annotate
from data.vocabulary import VOCABULARY

ORBITRAP, ION_TRAP, TIME_OF_FLIGHT = FAMILIES[1:]

FRAGMENT_TOLERANCE_PPM = {ORBITRAP: 25.0, TIME_OF_FLIGHT: 60.0, ION_TRAP: 600.0}
"""Within which a peak is an ion: three to ten standard deviations of what the analysers showed (`docs/bridge.md`)."""

_TRUSTED_COVERAGE = 0.3
"""Least share of the strong predicted ions that a spectrum must hold for its annotation to be believed."""
_STRONG = 0.1


def annotated_spectra(paths: Sequence[str], slots: int) -> list[Spectrum]:
    """The spectra of these files whose peptide the network can write, each with its source: the file's, or the file.

    Parameters
    ----------
    paths : may begin with an environment variable, ``$PEPTRM_MIRROR/…``.
    slots : of the network; the stop takes one.

    Raises
    ------
    InputError : a variable is not set, a file cannot be read, or no file holds a usable spectrum.
    """
    found = []
    for path in (given_path(text, "annotated spectra") for text in paths):
        for spectrum in read_spectra(path):
            if _is_usable(spectrum, slots):
                found.append(replace(spectrum, source=spectrum.source or path.stem))
    if paths and not found:
        raise InputError("hold no annotated spectrum that can be used", path=", ".join(paths))
    return found


def without_sequences(spectra: Sequence[Spectrum], forbidden: AbstractSet[str]) -> list[Spectrum]:
    """Those whose sequence, I read as L, is none of these."""
    return [s for s in spectra if merged_sequence(s.peptidoform or "") not in forbidden]


def capped(
    spectra: Sequence[Spectrum],
    most: int,
    rng: np.random.Generator,
    group: Callable[[Spectrum], Hashable] = lambda spectrum: spectrum.peptidoform,
) -> list[Spectrum]:
    """At most so many spectra of a group, a peptidoform by default, chosen at random, in the order they came."""
    counts: Counter[Hashable] = Counter()
    kept = []
    for row in rng.permutation(len(spectra)):
        key = group(spectra[row])
        counts[key] += 1
        if counts[key] <= most:
            kept.append(row)
    return [spectra[row] for row in sorted(kept)]


def precise(spectra: Sequence[Spectrum], analyser: str) -> list[Spectrum]:
    """Those whose m/z are stored as precisely as the analyser reads them: for an ion trap, all of them.

    With two decimals, 200.00 may be 25 ppm off.
    """
    return [s for s in spectra if analyser == ION_TRAP or not np.allclose(s.mz, s.mz.round(2), rtol=0, atol=1e-6)]


def analysers(spectra: Sequence[Spectrum], pairs: Pairs) -> NDArray[np.str_]:
    """(spectra,): the family of the analyser that read each, empty where the annotation explains too little.

    Names alone do not tell: an LTQ Orbitrap reads fragments in either of its analysers. So a time of flight is taken by
    its name, and the others by their ions: in an Orbitrap's spectrum most of those that lie within an ion trap's
    tolerance lie within an Orbitrap's, too.

    Parameters
    ----------
    pairs : of these spectra (`data.noise_fit.pair`).
    """
    ions = annotate(pairs.predicted, pairs.tokens)
    strong = ions.intensity >= _STRONG
    near, wide = (
        (match(pairs.measured, ions.mz, FRAGMENT_TOLERANCE_PPM[name]).found & strong).sum((1, 2))
        for name in (ORBITRAP, ION_TRAP)
    )
    named = np.array([FAMILIES[family(spectrum.instrument)] for spectrum in spectra])
    found = np.where(named == TIME_OF_FLIGHT, TIME_OF_FLIGHT, np.where(2 * near > wide, ORBITRAP, ION_TRAP))
    return np.where(wide >= _TRUSTED_COVERAGE * strong.sum((1, 2)), found, "")


def _is_usable(spectrum: Spectrum, slots: int) -> bool:
    if spectrum.peptidoform is None or len(merged_sequence(spectrum.peptidoform)) < SHORTEST:
        return False
    try:
        return len(VOCABULARY.encode(spectrum.peptidoform)) < slots
    except InputError:
        return False
