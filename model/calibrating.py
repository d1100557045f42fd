"""Fitting the calibration of a model on annotated spectra that it was not trained on.

One half of the peptides teaches which candidate to choose and, read that way, how to rank the answers, with the same
spectra under shifted precursors as examples of what is certainly wrong; the other half, read that way, turns ranks and
residue confidences into probabilities, and with spurious spectra made from it teaches what an outlier looks like.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.outliers import KINDS, wrong_precursor
from data.schema import Spectrum
from data.splits import merged_sequence, sequence_hashes
from data.vocabulary import PAD, VOCABULARY, Vocabulary
from model.answers import Answers
from model.calibration import (
    ANSWER_FEATURES,
    CHOICE_FEATURES,
    Calibration,
    Isotonic,
    Logistic,
    ResidueCalibration,
    with_doubt,
)
from model.inference import Sequencer
from model.metrics import matching_residues

LEAST_SPECTRA = 100

_OUTLIERS = 300
"""Spurious spectra of each kind."""


@dataclass
class Examples:
    """What a model says of annotated spectra, and what is right.

    Attributes
    ----------
    feature : (spectra, candidates, features), as ``CHOICE_FEATURES``.
    exists : (spectra, candidates) bool.
    matched : (spectra, candidates), share of the residues that are right, 0…1, 1 for the right peptide alone.
    best : (spectra,) int64: the candidate that was chosen.
    answer : (spectra, features) of the chosen candidates, as ``ANSWER_FEATURES``.
    residue : confidence source → (residues,), of the chosen candidates' residues, before calibration.
    residue_rank : (residues,), rank of the peptide that each stands in.
    residue_right : (residues,) bool.
    """

    feature: NDArray[np.float64]
    exists: NDArray[np.bool_]
    matched: NDArray[np.float64]
    best: NDArray[np.int64]
    answer: NDArray[np.float64]
    residue: dict[str, NDArray[np.float64]]
    residue_rank: NDArray[np.float64]
    residue_right: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(spectra, candidates), which are the right peptides."""
        right: NDArray[np.bool_] = self.matched == 1
        return right

    @property
    def answer_right(self) -> NDArray[np.bool_]:
        """(spectra,), whether the chosen candidates are right."""
        right: NDArray[np.bool_] = self.right[np.arange(len(self.best)), self.best]
        return right


def fit_calibration(
    sequencer: Sequencer,
    spectra: Sequence[Spectrum],
    seed: int,
    source: str,
    importance: NDArray[np.float64] | None = None,
) -> Calibration:
    """Fit a calibration.

    Parameters
    ----------
    sequencer : of the model, of whatever calibration it has now nothing is used.
    spectra : annotated with peptides that the vocabulary can hold and that the model was not trained on.
    source : what they are, for people.
    importance : (spectra,), how much each counts where the choice among candidates is fitted; None: all alike.

    Raises
    ------
    InputError : there are fewer than ``LEAST_SPECTRA``, or the model reads all of them right, or all wrong.
    """
    if len(spectra) < LEAST_SPECTRA:
        raise InputError(
            f"{len(spectra)} annotated spectra are too few to calibrate with", remedy=f"Give {LEAST_SPECTRA} or more"
        )
    halves: tuple[list[Spectrum], list[Spectrum]] = [], []
    # by the last bit of the hash, whose first bits choose the validation peptides that these may be
    sides = sequence_hashes(merged_sequence(spectrum.peptidoform or "") for spectrum in spectra) & 1
    for spectrum, side in zip(spectra, sides.tolist(), strict=True):
        halves[side].append(spectrum)
    counted = None if importance is None else importance[sides == 0]
    answerer = sequencer.answerer
    before, answerer.calibration = answerer.calibration, None
    try:
        rng = np.random.default_rng(seed)
        answerer.calibration = provisional = _choosing(examples(sequencer, halves[0]), counted)
        ranking = examples(sequencer, halves[0])
        decoys = examples(sequencer, wrong_precursor(halves[0], rng))
        if not ranking.answer_right.any() or ranking.answer_right.all():
            raise InputError(
                "the model reads all or none of these spectra right, which teaches nothing about trust",
                remedy="Give spectra that it reads in part, or train it further",
            )
        rank = Logistic.fit(
            np.concatenate([ranking.answer, decoys.answer]),
            np.concatenate([ranking.answer_right, np.zeros(len(decoys.answer), bool)]),
        )
        answerer.calibration = provisional = replace(provisional, rank=rank)
        judged = examples(sequencer, halves[1])
        spurious = [make(halves[1][:_OUTLIERS], rng) for make in KINDS.values()]
        outliers = np.concatenate([examples(sequencer, each).answer for each in spurious])
    finally:
        answerer.calibration = before
    is_outlier = np.repeat([False, True], [len(judged.answer), len(outliers)])
    return replace(
        provisional,
        residue={
            name: ResidueCalibration.fit(sources, judged.residue, judged.residue_rank, judged.residue_right)
            for name, sources in _sources(judged).items()
        },
        peptide=Isotonic.fit(*with_doubt(rank(judged.answer), judged.answer_right)),
        outlier=Logistic.fit(np.concatenate([judged.answer, outliers]), is_outlier),
        fitted_on={"spectra": len(spectra), "source": source, "seed": seed},
    )


def _sources(judged: Examples) -> dict[str, tuple[str, ...]]:
    """Each source by itself, and all together."""
    names = tuple(sorted(judged.residue))
    return {name: (name,) for name in names} | {"combined": names}


def _choosing(asked: Examples, importance: NDArray[np.float64] | None) -> Calibration:
    """A calibration that chooses, and no more: by the log-probability where no spectrum leaves a choice."""
    try:
        choice = Logistic.fit_choice(asked.feature, asked.exists, asked.right, importance)
    except InputError:
        choice = Logistic.of_one(CHOICE_FEATURES, "lead")
    unknown, level = Logistic.of_one(ANSWER_FEATURES, "choice lead"), Isotonic((0.0, 1.0), (0.0, 1.0))
    return Calibration(residue={}, choice=choice, rank=unknown, peptide=level, outlier=unknown, fitted_on={})


def examples(sequencer: Sequencer, spectra: Sequence[Spectrum]) -> Examples:
    """Read annotated spectra and judge every candidate and every residue of the answers."""
    parts = list(_judged(sequencer, spectra))
    most = max(part.exists.shape[1] for part in parts)

    def joined(name: str) -> NDArray[np.float64]:
        arrays = [getattr(part, name) for part in parts]
        if name in ("feature", "exists", "matched"):
            arrays = [np.pad(a, [(0, 0), (0, most - a.shape[1]), *[(0, 0)] * (a.ndim - 2)]) for a in arrays]
        return np.concatenate(arrays)

    return Examples(
        feature=joined("feature"),
        exists=joined("exists").astype(bool),
        matched=joined("matched"),
        best=joined("best").astype(np.int64),
        answer=joined("answer"),
        residue={name: np.concatenate([part.residue[name] for part in parts]) for name in parts[0].residue},
        residue_rank=joined("residue_rank"),
        residue_right=joined("residue_right").astype(bool),
    )


def _judged(sequencer: Sequencer, spectra: Sequence[Spectrum]) -> Iterator[Examples]:
    for first in range(0, len(spectra), sequencer.batch_size):
        batch = spectra[first : first + sequencer.batch_size]
        answers, _ = sequencer.answers(batch)
        truths = [VOCABULARY.masses[VOCABULARY.encode(spectrum.peptidoform or "")] for spectrum in batch]
        chosen, masses = answers.tokens.cpu().numpy(), answers.mass.cpu().numpy()
        is_residue = chosen != PAD
        marks = [matching_residues(m[kept], truth) for m, kept, truth in zip(masses, is_residue, truths, strict=True)]
        yield Examples(
            feature=answers.feature,
            exists=answers.exists,
            matched=matched_shares(sequencer.vocabulary, answers, batch),
            best=answers.chosen,
            answer=answers.answer_feature,
            residue={name: values[is_residue] for name, values in answers.raw.items()},
            residue_rank=np.repeat(answers.rank, is_residue.sum(1)),
            residue_right=np.concatenate(marks),
        )


def matched_shares(vocabulary: Vocabulary, answers: Answers, spectra: Sequence[Spectrum]) -> NDArray[np.float64]:
    """(batch, candidates), share of the residues that are right, of the longer of candidate and annotation; 0…1."""
    shares = np.zeros(answers.exists.shape)
    tokens = answers.candidates.cpu().numpy()
    for row, candidate in zip(*answers.exists.nonzero(), strict=True):
        truth = VOCABULARY.masses[VOCABULARY.encode(spectra[row].peptidoform or "")]
        masses = vocabulary.masses[tokens[row, candidate]]
        masses = masses[masses != 0]
        shares[row, candidate] = matching_residues(masses, truth).sum() / max(len(masses), len(truth))
    return shares
