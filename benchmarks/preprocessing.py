"""What each preprocessing choice keeps of real spectra: b and y ions, and the share of peaks that they explain.

python -m benchmarks.preprocessing FOLDER_OF_ANNOTATED_MGF
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.chemistry import ION_SERIES, fragment_mz, neutral_mass
from data.errors import UnknownModificationError
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.readers import read_spectra
from data.schema import Spectrum
from data.settings import PreprocessingSettings
from data.vocabulary import VOCABULARY

_TOLERANCE_PPM = 20.0
_DEFAULT = PreprocessingSettings()
_NOTHING = PreprocessingSettings(
    min_mz=0,
    max_mz=1e5,
    precursor_tolerance_da=0,
    peaks_per_window=10**6,
    max_peaks=10**6,
    min_relative_intensity=0,
    intensity_scaling="linear",
)
_CHOICES = {
    "no preprocessing": _NOTHING,
    "default": _DEFAULT,
    "deisotoped": replace(_DEFAULT, deisotope=True),
    "precursor kept": replace(_DEFAULT, precursor_tolerance_da=0),
    "5 peaks a window": replace(_DEFAULT, peaks_per_window=5),
    "20 peaks a window": replace(_DEFAULT, peaks_per_window=20),
    "at most 60 peaks": replace(_DEFAULT, max_peaks=60),
    "at most 200 peaks": replace(_DEFAULT, max_peaks=200),
}


def theoretical(spectrum: Spectrum) -> np.ndarray:
    """(series, cleavages): m/z of b, y, and doubly charged where the precursor allows."""
    masses = VOCABULARY.token_masses(VOCABULARY.encode(spectrum.peptidoform or ""))
    total = neutral_mass(spectrum.precursor_mz, spectrum.precursor_charge)
    series = [s for s in ION_SERIES if s.charge <= spectrum.precursor_charge]
    return np.stack([fragment_mz(np.cumsum(masses)[:-1], np.float64(total), s) for s in series])


def measure(spectra: Sequence[Spectrum], settings: PreprocessingSettings) -> tuple[float, float, float, float]:
    """Means over spectra: peaks, share of cleavages seen by any ion, share of peaks and of intensity explained."""
    rows = []
    for spectrum, (mz, intensity) in zip(
        spectra, preprocess(PeakBatch.from_spectra(spectra), settings).to_lists(), strict=True
    ):
        if len(mz) == 0:
            rows.append((0.0, 0.0, 0.0, 0.0))
            continue
        near = np.abs(theoretical(spectrum)[..., None] / mz - 1) < _TOLERANCE_PPM * 1e-6
        seen = near.any((0, 2)).mean()
        explained = near.any((0, 1))
        rows.append((len(mz), seen, explained.mean(), intensity[explained].sum() / intensity.sum()))
    peaks, seen_share, peak_share, intensity_share = np.mean(rows, axis=0)
    return float(peaks), float(seen_share), float(peak_share), float(intensity_share)


def annotated(folder: Path) -> list[Spectrum]:
    """The spectra of a folder's MGF files whose peptide has tokens."""
    spectra = []
    for path in sorted(folder.glob("*.mgf")):
        for spectrum in read_spectra(path):
            try:
                if spectrum.peptidoform and VOCABULARY.encode(spectrum.peptidoform):
                    spectra.append(spectrum)
            except UnknownModificationError:
                continue
    return spectra


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    spectra = annotated(parser.parse_args().folder)
    print(f"{len(spectra)} spectra; ions within {_TOLERANCE_PPM:g} ppm")
    print("| choice | peaks | cleavages seen | peaks explained | intensity explained |\n|---|---|---|---|---|")
    for name, settings in _CHOICES.items():
        peaks, seen, explained, intensity = measure(spectra, settings)
        print(f"| {name} | {peaks:.0f} | {seen:.3f} | {explained:.3f} | {intensity:.3f} |")


if __name__ == "__main__":
    main()
