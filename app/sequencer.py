"""The sequencer that a command's options ask for."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from app.database import candidate_index
from data.errors import InputError
from data.requested_modifications import requested_tokens
from model.answers import AnswerSettings, PeptideConfidence
from model.inference import Sequencer
from model.review import ResidueConfidence
from tasks.models import chosen_model

_OXIDATION = "M[UNIMOD:35]"


def make_sequencer(
    model: Path | None,
    *,
    device: str,
    threads: int | None,
    batch_size: int | str,
    modification: Sequence[str] | None = None,
    fixed: Sequence[str] | None = None,
    max_modifications: int | None = None,
    open_search: bool = False,
    decoding: Literal["exact", "argmax"] = "exact",
    precursor_tolerance_ppm: float | None = None,
    isotope_errors: int = 0,
    residue_confidence: ResidueConfidence | None = None,
    peptide_confidence: PeptideConfidence = "calibrated",
    ensemble: Sequence[Path] | None = None,
    database: Path | None = None,
    enzyme: str = "trypsin",
    missed_cleavages: int = 2,
    calibrated: bool = True,
) -> Sequencer:
    """Load the model and set it up.

    Parameters
    ----------
    model : its folder; None: the package's own, or what the pipeline has trained.
    batch_size : spectra at once, or ``auto``.

    Raises
    ------
    InputError : the model, the device, the database or a modification cannot be used, or the options contradict.
    """
    if residue_confidence == "ensemble" and not ensemble:
        raise InputError("an ensemble needs further models", remedy="Name them with --ensemble DIR")
    offered = [token for text in modification or () for token in requested_tokens(text)]
    always = [token for text in fixed or () for token in requested_tokens(text)]
    make_index = None
    if database is not None:
        # a digest has no modification of its own: oxidation, unless others are asked for
        offered = offered or [_OXIDATION]
        make_index = partial(
            candidate_index, database, enzyme, missed_cleavages, tuple(offered), tuple(always), max_modifications
        )
    return Sequencer(
        chosen_model(model),
        device=device,
        threads=threads,
        batch_size=_batch_size(batch_size),
        offered=offered,
        fixed=always,
        max_modifications=max_modifications,
        tolerance_ppm=precursor_tolerance_ppm,
        isotope_errors=isotope_errors,
        open_search=open_search,
        database=make_index,
        ensemble=ensemble or (),
        answers=AnswerSettings(
            exact=decoding == "exact", residue=residue_confidence, peptide=peptide_confidence, calibrated=calibrated
        ),
    )


def _batch_size(text: int | str) -> int | None:
    """None for ``auto``."""
    if text == "auto":
        return None
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise InputError(f"'{text}' is no number of spectra", record="--batch-size", remedy="Give auto, or 1 and more")
    return number
