"""The candidates of `peptrm sequence --database`."""

from pathlib import Path

from data.database import CandidateIndex, DatabaseSettings
from data.vocabulary import Vocabulary

_CARBAMIDOMETHYL = "C[UNIMOD:4]"
_MOST_MODIFICATIONS = 2


def candidate_index(
    path: Path,
    enzyme: str,
    missed_cleavages: int,
    variable: tuple[str, ...],
    fixed: tuple[str, ...],
    max_modifications: int | None,
    vocabulary: Vocabulary,
    slots: int,
) -> CandidateIndex:
    """Digest the database; cysteine is carbamidomethylated unless something else is fixed on it.

    Raises
    ------
    InputError : no FASTA, an unknown enzyme, or a modification of a terminus.
    """
    if not any(text.startswith("C[") for text in fixed):
        fixed = (*fixed, _CARBAMIDOMETHYL)
    return CandidateIndex(
        path,
        vocabulary,
        slots,
        DatabaseSettings(
            enzyme=enzyme,
            missed_cleavages=missed_cleavages,
            fixed=fixed,
            variable=tuple(text for text in variable if text not in fixed),
            max_modifications=_MOST_MODIFICATIONS if max_modifications is None else max_modifications,
        ),
    )
