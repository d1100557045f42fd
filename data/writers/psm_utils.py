"""The table of psm_utils (Gabriels et al. 2023, J. Proteome Res. 22:557), which tools of rescoring read."""

from collections.abc import Iterable, Iterator
from statistics import fmean

from data.peptide_parts import with_one_terminal
from data.predictions import Prediction
from data.spectrum_id import run_and_native_id

_COLUMNS = (
    "peptidoform",
    "spectrum_id",
    "run",
    "is_decoy",
    "score",
    "qvalue",
    "pep",
    "precursor_mz",
    "retention_time",
    "protein_list",
    "rank",
    "source",
    "meta:residue_scores",
    "rescoring:ppm_error",
    "rescoring:least_residue_score",
    "rescoring:mean_residue_score",
)


def write_psm_tsv(predictions: Iterable[Prediction]) -> Iterator[str]:
    """The lines; peptidoforms bear their charge, and a posterior error probability is one less the probability."""
    yield "\t".join(_COLUMNS)
    for prediction in predictions:
        run, native_id = run_and_native_id(prediction.spectrum_id)
        proteins = [match.accession for match in prediction.proteins]
        scores = prediction.residue_scores or (0.0,)
        values = (
            f"{with_one_terminal(prediction.peptidoform)}/{prediction.precursor_charge}",
            native_id,
            run,
            False,
            f"{prediction.peptide_score:.6f}",
            "" if prediction.q_value is None else f"{prediction.q_value:.6f}",
            f"{1 - prediction.peptide_score:.6f}",
            f"{prediction.precursor_mz:.6f}",
            "" if prediction.retention_time is None else f"{prediction.retention_time:.3f}",
            proteins or "",
            1,
            "PepTRM",
            " ".join(f"{score:.4f}" for score in prediction.residue_scores),
            "" if prediction.ppm_error is None else f"{prediction.ppm_error:.3f}",
            f"{min(scores):.4f}",
            f"{fmean(scores):.4f}",
        )
        yield "\t".join(map(str, values))
