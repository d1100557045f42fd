"""MSP, the text format of NIST's spectral libraries, with the b and y ions of every spectrum named."""

from collections.abc import Iterator

from data.chemistry import WATER
from data.fragments import Ion, explained_peaks, fragment_ions, residue_masses
from data.peptide_parts import Parts, take_apart
from data.schema import Spectrum

_BASE_PEAK = 10_000
_TOLERANCE_PPM = 20


def msp_lines(spectrum: Spectrum, probability: float | None = None) -> Iterator[str]:
    """The lines of one annotated spectrum; its peptide holds no gap.

    Parameters
    ----------
    probability : of the peptide, where it was predicted.

    Raises
    ------
    InputError : the annotation is not a peptide.
    """
    parts = take_apart(spectrum.peptidoform or "")
    mass = float(residue_masses(parts).sum()) + WATER
    comment = [
        f"Parent={spectrum.precursor_mz:.6f}",
        f"Mods={_modifications(parts)}",
        f'Peptidoform="{spectrum.peptidoform}"',
        f'Spectrum="{spectrum.spectrum_id}"',
    ]
    if spectrum.retention_time is not None:
        comment.append(f"RetentionTime={spectrum.retention_time:.3f}")
    if spectrum.collision_energy is not None:
        comment.append(f"NCE={spectrum.collision_energy:g}")
    if probability is not None:
        comment.append(f"Prob={probability:.4f}")
    yield f"Name: {parts.residues}/{spectrum.precursor_charge}"
    yield f"MW: {mass:.6f}"
    yield f"PrecursorMZ: {spectrum.precursor_mz:.6f}"
    yield f"Comment: {' '.join(comment)}"
    yield f"Num peaks: {len(spectrum.mz)}"
    ions = fragment_ions(spectrum.peptidoform or "", spectrum.precursor_charge)
    peaks = zip(spectrum.mz.tolist(), spectrum.intensity.tolist(), strict=True)
    for (mz, intensity), ion in zip(peaks, explained_peaks(spectrum, ions, _TOLERANCE_PPM), strict=True):
        yield f'{mz:.5f}\t{_BASE_PEAK * intensity:.2f}\t"{_label(mz, ion)}"'
    yield ""


def _modifications(parts: Parts) -> str:
    """``2/0,A,Acetyl/4,C,Carbamidomethyl``: positions count from 0, the N terminus is that of the first residue."""
    places = [
        f"{place},{parts.residues[place]},{attachment.name}"
        for attachment in parts.attachments
        for place in [max(attachment.position - 1, 0)]
    ]
    return "/".join([str(len(places)), *places])


def _label(mz: float, ion: Ion | None) -> str:
    """``y3/1.2ppm``, or ``?`` for a peak without an ion."""
    if ion is None:
        return "?"
    error_ppm = (mz - ion.mz) / ion.mz * 1e6
    return f"{ion.name}/{round(error_ppm, 1) + 0.0}ppm"
