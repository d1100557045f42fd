"""What the network says of one spectrum."""

from dataclasses import dataclass


@dataclass(slots=True)
class Prediction:
    """A predicted peptide and how far to trust it.

    Attributes
    ----------
    precursor_mz, calculated_mz : Th, observed, and of the predicted peptide; None where nothing was predicted.
    retention_time : s.
    peptidoform : ProForma; empty where nothing was predicted.
    residue_scores : 0…1, one a token; an N-terminal modification is a token of its own and comes first.
    peptide_score : 0…1.
    ppm_error : of the precursor against the predicted peptide.
    reference : the annotation, where the spectrum had one.
    peptidoform_by_step : the answer after every refinement step, where asked for.
    """

    spectrum_id: str
    precursor_mz: float
    precursor_charge: int
    retention_time: float | None
    peptidoform: str
    residue_scores: tuple[float, ...]
    peptide_score: float
    calculated_mz: float | None
    ppm_error: float | None
    reference: str | None = None
    peptidoform_by_step: tuple[str, ...] = ()
