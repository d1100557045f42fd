"""The data of a fold: what its network is trained on, and the spectra that judge it."""

import logging
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.augmentation import source_name
from data.batches import SpectrumSet, spectra_of_shards
from data.errors import InputError
from data.peptides import held_out_sequences, training_mask
from data.schema import Spectrum
from data.species_folds import capped, forbidden_sequences, read_annotated, spectra_of_fold, training_spectra
from data.splits import merged_sequence, texts_of, validation_mask
from data.vocabulary import VOCABULARY
from tasks.params import Params
from tasks.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass
class FoldData:
    """What a fold is trained and tested on.

    Attributes
    ----------
    training, validation : predicted spectra, parted by peptide.
    measured : annotated spectra that train, too; None where the parameters name no files.
    test : the spectra of the held-out species.
    left_out : reason → spectra that are not used.
    """

    training: SpectrumSet
    validation: SpectrumSet
    measured: SpectrumSet | None
    test: list[Spectrum]
    left_out: dict[str, int]


def fold_data(settings: Params, workspace: Workspace, held_out: str) -> FoldData:
    """Gather the data of one fold; no peptide that tests it, or occurs in its species, is among what trains it.

    Raises
    ------
    InputError : the peptides, the shards or the annotated spectra are missing or hold nothing for this fold.
    """
    left_out: Counter[str] = Counter()
    forbidden = held_out_sequences(pq.read_table(workspace.peptides), held_out)
    measured = None
    if settings.cross_validation.measured.files:
        annotated = measured_spectra(settings, left_out)
        theirs = forbidden_sequences(annotated, held_out, workspace.proteomes / f"{held_out}.fasta")
        others = [s for s in annotated if s.fold != held_out]
        usable = [s for s in others if len(VOCABULARY.encode(s.peptidoform or "")) < settings.network.slots]
        chosen = training_spectra(usable, held_out, theirs | forbidden)
        left_out["longer than the network's slots"] += len(others) - len(usable)
        left_out["of a peptide that occurs in the held-out species"] += len(usable) - len(chosen)
        measured = SpectrumSet.from_spectra(chosen) if chosen else None
        forbidden = forbidden | theirs
        test = _measured_test(settings, workspace, held_out, annotated, left_out)
        log.info("%d annotated spectra of other species may train", len(chosen))
    else:
        test = _predicted_test(settings, workspace, held_out)
    if not test:
        raise InputError(f"no spectrum of {held_out} to test on", record="cross_validation")
    share = settings.peptides.validation_share

    def may_train(table: pa.Table) -> NDArray[np.bool_]:
        return training_mask(table, held_out, forbidden)

    clean = workspace.clean_shards
    return FoldData(
        training=SpectrumSet.from_shards(clean, lambda table: may_train(table) & ~validation_mask(table, share)),
        validation=SpectrumSet.from_shards(clean, lambda table: may_train(table) & validation_mask(table, share)),
        measured=measured,
        test=test,
        left_out={reason: number for reason, number in left_out.items() if number},
    )


def measured_spectra(settings: Params, left_out: Counter[str]) -> list[Spectrum]:
    """The annotated spectra that the parameters name, few of a peptide."""
    measured = settings.cross_validation.measured
    found = read_annotated(measured.files, settings.species, left_out)
    kept = capped(found, measured.spectra_per_peptide, settings.seed)
    left_out["more of a peptide than asked for"] += len(found) - len(kept)
    return kept


def column_equals(table: pa.Table, column: str, value: str) -> NDArray[np.bool_]:
    """(rows,), where a column holds the value."""
    return np.array([entry == value for entry in table.column(column).to_pylist()], np.bool_)


def _measured_test(
    settings: Params, workspace: Workspace, held_out: str, annotated: list[Spectrum], left_out: Counter[str]
) -> list[Spectrum]:
    """The annotated spectra that judge a fold, but those whose peptide the network it goes on from may have seen."""
    mine = spectra_of_fold(annotated, held_out)
    seen = _seen_in_pretraining(workspace) if settings.cross_validation.start == "pretrained" else frozenset()
    spectra = [spectrum for spectrum in mine if merged_sequence(spectrum.peptidoform or "") not in seen]
    left_out["of a test peptide that pre-training has seen"] += len(mine) - len(spectra)
    return spectra


def _predicted_test(settings: Params, workspace: Workspace, held_out: str) -> list[Spectrum]:
    """The predicted spectra of the held-out species with noise."""
    source = source_name(settings.cross_validation.test_noise_level)

    def is_test(table: pa.Table) -> NDArray[np.bool_]:
        return column_equals(table, "fold", held_out) & column_equals(table, "source", source)

    return list(spectra_of_shards(workspace.augmented_shards, is_test))


def _seen_in_pretraining(workspace: Workspace) -> frozenset[str]:
    """The sequences of the pre-training rows, I read as L."""
    peptides = pq.read_table(workspace.peptides, columns=["peptidoform", "fold"])
    rows = texts_of(peptides.filter(peptides.column("fold").is_null()), "peptidoform")
    return frozenset(merged_sequence(text) for text in rows)
