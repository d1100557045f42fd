"""MGF (Matrix Science), annotated with `SEQ=` where the peptide is known."""

from collections.abc import Iterator

from data.schema import Spectrum
from data.spectrum_id import run_and_native_id


def mgf_lines(spectrum: Spectrum) -> Iterator[str]:
    """The lines of one spectrum; m/z to the last digit, the base peak is 1."""
    yield "BEGIN IONS"
    yield f"TITLE={spectrum.spectrum_id}"
    yield f"PEPMASS={spectrum.precursor_mz}"
    yield f"CHARGE={spectrum.precursor_charge}+"
    _, native_id = run_and_native_id(spectrum.spectrum_id)
    if native_id.startswith("scan="):
        yield f"SCANS={native_id.removeprefix('scan=')}"
    if spectrum.retention_time is not None:
        yield f"RTINSECONDS={spectrum.retention_time:.4f}"
    if spectrum.peptidoform:
        yield f"SEQ={spectrum.peptidoform}"
    for mz, intensity in zip(spectrum.mz.tolist(), spectrum.intensity.tolist(), strict=True):
        yield f"{mz} {intensity:.6g}"
    yield "END IONS"
    yield ""
