"""A table with the columns of MaxQuant's `msms.txt` (Cox & Mann 2008) that other tools read."""

from collections import Counter
from collections.abc import Iterable, Iterator

from data.chemistry import neutral_mass
from data.peptide_parts import Attachment, Parts, take_apart
from data.predictions import Prediction
from data.spectrum_id import run_and_native_id, scan_number

_COLUMNS = (
    "Raw file",
    "Scan number",
    "Sequence",
    "Length",
    "Modifications",
    "Modified sequence",
    "Proteins",
    "Charge",
    "m/z",
    "Mass",
    "Mass error [ppm]",
    "Retention time",
    "PEP",
    "Score",
    "Reverse",
    "id",
)
_SCORE_SCALE = 100


def write_msms(predictions: Iterable[Prediction]) -> Iterator[str]:
    """The lines. PEP is one less the probability, Score 100 times it; every modification is written, fixed ones too.

    Peptides of which a part is known by its mass alone are left out: the format has no notation for it.
    """
    yield "\t".join(_COLUMNS)
    for number, prediction in enumerate(predictions):
        parts = take_apart(prediction.peptidoform)
        if any(attachment.accession is None for attachment in parts.attachments):
            continue
        run, _ = run_and_native_id(prediction.spectrum_id)
        charge = prediction.precursor_charge
        calculated_mz = prediction.calculated_mz or prediction.precursor_mz
        values = (
            run,
            scan_number(prediction.spectrum_id),
            parts.residues,
            len(parts.residues),
            _summary(parts),
            _modified_sequence(parts),
            ";".join(match.accession for match in prediction.proteins),
            charge,
            f"{prediction.precursor_mz:.6f}",
            f"{neutral_mass(calculated_mz, charge):.6f}",
            "NaN" if prediction.ppm_error is None else f"{prediction.ppm_error:.4f}",
            "NaN" if prediction.retention_time is None else f"{prediction.retention_time / 60:.4f}",
            f"{1 - prediction.peptide_score:.6f}",
            f"{_SCORE_SCALE * prediction.peptide_score:.4f}",
            "",
            number,
        )
        yield "\t".join(map(str, values))


def _label(attachment: Attachment, residues: str) -> str:
    """``Oxidation (M)`` or ``Acetyl (N-term)``."""
    site = residues[attachment.position - 1] if attachment.position else "N-term"
    return f"{attachment.name} ({site})"


def _summary(parts: Parts) -> str:
    labels = Counter(_label(attachment, parts.residues) for attachment in parts.attachments)
    return ",".join(label if n == 1 else f"{n} {label}" for label, n in labels.items()) or "Unmodified"


def _modified_sequence(parts: Parts) -> str:
    """``_(Acetyl (N-term))ACDEM(Oxidation (M))K_``."""
    texts = ["", *parts.residues]
    for attachment in parts.attachments:
        texts[attachment.position] += f"({_label(attachment, parts.residues)})"
    return f"_{''.join(texts)}_"
