"""What the network says of one spectrum."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProteinMatch:
    """Where a peptide stands in a protein.

    Attributes
    ----------
    accession : the first word of the protein's header.
    pre, post : residues before and behind the peptide, ``-`` at the protein's ends.
    start, end : positions of its first and last residue, from 1.
    """

    accession: str
    pre: str
    post: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A peptide that was compared with others.

    Attributes
    ----------
    peptidoform : ProForma.
    score : 0…1, what the peptide score would be if this were the answer; those of one spectrum do not add up to 1.
    """

    peptidoform: str
    score: float


@dataclass(slots=True)
class Prediction:
    """A predicted peptide and how far to trust it.

    Attributes
    ----------
    spectrum_id : ``<file>:<index or scan>``.
    precursor_charge : as the file states it.
    precursor_mz : Th, as the file states it.
    calculated_mz : Th, of the predicted peptide; None where nothing was predicted.
    retention_time : s.
    peptidoform : ProForma; empty where nothing was predicted.
    residue_scores : 0…1, one a token; an N-terminal modification is a token of its own and comes first.
    peptide_score : 0…1: the probability that the peptide is right, where the model brings its calibration.
    q_value : the share of wrong peptides to expect among those of at least this score; None where not asked for.
    outlier_score : 0…1, how unlike the spectra that peptides are read from; None without a calibration.
    is_proven : whether no other peptide of the precursor's mass is more probable than those that were compared; None
        where none were searched.
    ambiguity : what the spectrum cannot tell apart, ``3-4:AG=GA=K=Q``; several are separated by ``;``.
    gap : what each residue or stretch of unknown mass may be, ``5:+114.0429=GG(0.1ppm)``.
    ppm_error : of the precursor against the predicted peptide.
    proteins : where a database holds the peptide.
    reference : the annotation, where the spectrum had one.
    missing_fragments : 0…1, the annotation's cleavages without an ion in the spectrum; None where not asked for.
    peptidoform_by_step : the answer after every refinement step, where asked for.
    candidates : the peptides that were compared, the answer first, where asked for.
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
    q_value: float | None = None
    outlier_score: float | None = None
    is_proven: bool | None = None
    ambiguity: str = ""
    gap: str = ""
    proteins: tuple[ProteinMatch, ...] = ()
    reference: str | None = None
    missing_fragments: float | None = None
    peptidoform_by_step: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
