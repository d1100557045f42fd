"""MS2PIP's models: predicted intensities of the b, y, b++ and y++ ions, straight from its compiled code.

- The models that ship inside the package are C functions in its extension module. They are called through ctypes, ion
  series by ion series over a whole batch of peptides: so the code of one model stays in the processor's cache (1.5
  times the speed of `get_predictions`, peptide by peptide), and neither PSM objects nor pandas are needed.
- The other models are XGBoost files that MS2PIP downloads once (`data.downloaded_models`).
- MS2PIP's features see the residues alone: a modified peptide has the intensities of the unmodified one, at other m/z
  (`ms2pip/_cython_modules/ms2pip_features_c.c`). A test compares all of this with `ms2pip.predict_single`.

Degroeve & Martens 2013, Bioinformatics 29:3199; Declercq et al. 2023, Nucleic Acids Res. 51:W338.
"""

import ctypes
import importlib.machinery
import importlib.util
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.chemistry import ION_SERIES
from data.errors import InputError, PepTRMError

log = logging.getLogger(__name__)

OFFLINE_MODELS: dict[str, tuple[str, ...]] = {
    "HCDch2": ("score_HCD_B", "score_HCD_Y", "score_HCD_B2", "score_HCD_Y2"),
    "HCD2019": ("score_HCD_B", "score_HCD_Y"),
    "TMT": ("score_TMT_B", "score_TMT_Y"),
}
"""Models that ship inside MS2PIP, and the C functions that score b, y, b++ and y++ ions."""

SHORTEST, LONGEST = 4, 100
"""Residues; the C code reserves memory for so many and no more."""

_ALPHABET = "ACDEFGHIKMNPQRSTVWY"
_CODES = bytes.maketrans((_ALPHABET + "L").encode(), bytes([*range(len(_ALPHABET)), _ALPHABET.index("I")]))
_FEATURES = 139
_SORTED_BY = (1, 28, 27)
"""Features of charge, length of the y ion and of the b ion: cleavages alike in them take similar ways through the
trees, which the processor then predicts better (12% faster in batches of 1,000 peptides)."""
_BIAS = 0.5
"""Added to the sum of the trees (`get_p_ms2pip`, XGBoost's base score)."""
_PSEUDOCOUNT = 0.001
"""The models predict log2(intensity + 0.001) of the TIC-normalised spectrum."""

# The C code works in static buffers.
_lock = threading.Lock()


Scorer = Callable[[NDArray[np.uint32]], NDArray[np.float32]]
"""(cleavages, features) → (cleavages,) log2 intensities of one ion series."""


class IntensityPredictor:
    """Predicts the intensities of backbone fragments.

    Parameters
    ----------
    model : one of ``OFFLINE_MODELS``; `data.downloaded_models.intensity_predictor` makes those of others, too.
    scorers : of the ion series of another model.

    Attributes
    ----------
    series : which of `data.chemistry.ION_SERIES` the model predicts.

    Raises
    ------
    PepTRMError : MS2PIP is not installed, or is not the one that this module calls.
    """

    def __init__(self, model: str, scorers: Sequence[Scorer] = ()) -> None:
        library = _library()
        try:
            self._features: Any = library.get_v_ms2pip
            self._features.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
            self._features.restype = ctypes.c_void_p
            self._scorers = scorers or [_compiled_scorer(library, name) for name in OFFLINE_MODELS[model]]
        except AttributeError:
            raise _wrong_ms2pip() from None
        self.series = tuple(range(len(self._scorers)))

    def predict(self, sequences: Sequence[str], charges: Sequence[int]) -> NDArray[np.float32]:
        """Intensities at every cleavage of every peptide.

        Parameters
        ----------
        sequences : unmodified residues, 4 to 100 of them.
        charges : of the precursors.

        Returns
        -------
        (cleavages, series), linear: for each peptide one row a cleavage, from the N terminus on, as shares of the
        total ion current. Row i of a peptide is b(i+1) and the y ion that complements it.

        Raises
        ------
        InputError : a peptide is too short or too long, or holds other letters than the 20 amino acids.
        """
        with _lock:
            vectors = b"".join(self._vectors(sequences, charges))
        features = np.frombuffer(vectors, np.uint32).reshape(-1, _FEATURES)
        order = np.lexsort(features[:, _SORTED_BY].T)
        log_intensity = np.empty((len(features), len(self._scorers)), np.float32)
        features = features[order]
        log_intensity[order] = np.column_stack([scorer(features) for scorer in self._scorers])
        shares: NDArray[np.float32] = np.exp2(log_intensity.clip(np.log2(_PSEUDOCOUNT))) - np.float32(_PSEUDOCOUNT)
        return shares

    def _vectors(self, sequences: Sequence[str], charges: Sequence[int]) -> Iterator[bytes]:
        """The features of each peptide: (cleavages, features) uint32."""
        for sequence, charge in zip(sequences, charges, strict=True):
            codes = sequence.encode().translate(_CODES)
            if not SHORTEST <= len(codes) <= LONGEST or max(codes) >= len(_ALPHABET):
                raise InputError(
                    f"MS2PIP predicts peptides of {SHORTEST} to {LONGEST} residues of the 20 amino acids",
                    record=sequence,
                    remedy="Choose others",
                )
            encoded = np.zeros(len(codes) + 2, np.uint16)
            encoded[1:-1] = np.frombuffer(codes, np.uint8)
            address = encoded.ctypes.data
            # the second address is that of the modified residues, of which the C code makes no use
            vectors = self._features(len(codes), address, address, charge)
            # the first number is the count of those that follow
            yield ctypes.string_at(vectors + 4, 4 * _FEATURES * (len(codes) - 1))


@cache
def installed_predictor(otherwise: str) -> IntensityPredictor | None:
    """That of beam-type fragmentation, of all series of `data.chemistry.ION_SERIES`, where MS2PIP is installed.

    Parameters
    ----------
    otherwise : what is done without it, for a warning.
    """
    try:
        predictor = IntensityPredictor("HCDch2")
    except PepTRMError as error:
        log.warning("%s: %s", otherwise, error)
        return None
    assert len(predictor.series) == len(ION_SERIES)
    return predictor


def _compiled_scorer(library: ctypes.PyDLL, name: str) -> Scorer:
    function: Any = getattr(library, name)
    function.argtypes = (ctypes.c_void_p,)
    function.restype = ctypes.c_float

    def score(features: NDArray[np.uint32]) -> NDArray[np.float32]:
        first, step = features.ctypes.data, features.strides[0]
        trees = [function(address) for address in range(first, first + step * len(features), step)]
        return np.array(trees, np.float32) + np.float32(_BIAS)

    return score


def _library() -> ctypes.PyDLL:
    """MS2PIP's extension module as a C library; the package itself, which takes seconds, is not imported."""
    package = importlib.util.find_spec("ms2pip")
    folders = package.submodule_search_locations if package is not None else None
    for folder in folders or ():
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = Path(folder) / "_cython_modules" / f"ms2pip_pyx{suffix}"
            if path.is_file():
                return ctypes.PyDLL(str(path))
    raise _wrong_ms2pip()


def _wrong_ms2pip() -> PepTRMError:
    return PepTRMError(
        "the installed MS2PIP does not hold the compiled models", remedy="Run pip install 'ms2pip>=4.1.1,<4.2'"
    )
