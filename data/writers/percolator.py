"""Percolator's tab-separated input (`.pin`): each peptide with the features to score it by.

https://github.com/percolator/percolator/wiki/Interface. All are targets: Percolator wants decoys beside them.
"""

from collections.abc import Iterable, Iterator
from statistics import fmean

from data.chemistry import neutral_mass
from data.peptide_parts import take_apart, with_one_terminal
from data.predictions import Prediction
from data.spectrum_id import scan_number

_CHARGES = range(1, 9)
_COLUMNS = (
    "SpecId",
    "Label",
    "ScanNr",
    "ExpMass",
    "CalcMass",
    "peptide_score",
    "least_residue_score",
    "mean_residue_score",
    "ppm_error",
    "absolute_ppm_error",
    "outlier_score",
    "is_proven",
    "length",
    *(f"charge{charge}" for charge in _CHARGES),
    "Peptide",
    "Proteins",
)


def write_pin(predictions: Iterable[Prediction]) -> Iterator[str]:
    """The lines; masses are neutral; a feature that is not known is 0."""
    yield "\t".join(_COLUMNS)
    for prediction in predictions:
        charge = prediction.precursor_charge
        calculated_mz = prediction.calculated_mz or prediction.precursor_mz
        scores = prediction.residue_scores or (0.0,)
        error = prediction.ppm_error or 0.0
        values = (
            prediction.spectrum_id,
            1,
            scan_number(prediction.spectrum_id),
            f"{neutral_mass(prediction.precursor_mz, charge):.6f}",
            f"{neutral_mass(calculated_mz, charge):.6f}",
            f"{prediction.peptide_score:.6f}",
            f"{min(scores):.6f}",
            f"{fmean(scores):.6f}",
            f"{error:.4f}",
            f"{abs(error):.4f}",
            f"{prediction.outlier_score or 0.0:.6f}",
            int(bool(prediction.is_proven)),
            len(take_apart(prediction.peptidoform).residues),
            *(int(charge == one) for one in _CHARGES),
            f"{_flank(prediction, 'pre')}.{with_one_terminal(prediction.peptidoform)}.{_flank(prediction, 'post')}",
            *([match.accession for match in prediction.proteins] or [f"denovo_{prediction.peptidoform}"]),
        )
        yield "\t".join(map(str, values))


def _flank(prediction: Prediction, side: str) -> str:
    return str(getattr(prediction.proteins[0], side)) if prediction.proteins else "-"
