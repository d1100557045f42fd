"""How far answers can be trusted: decoding, calibration, false discovery rates and outliers, on unseen peptides."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.atomic import make_folder, write_atomically
from data.batches import pretraining_sets
from data.errors import InputError
from data.outliers import KINDS, wrong_precursor
from data.predictions import Prediction
from data.readers import read_spectra
from data.schema import Spectrum
from data.seeding import derive
from data.vocabulary import VOCABULARY
from model.answers import AnswerSettings
from model.calibrating import Examples, examples
from model.calibration import ANSWER_FEATURES, Calibration, Isotonic, Temperature, expected_calibration_error
from model.decoding import DecodingSettings
from model.fdr import decoy_q_values, q_values
from model.inference import Sequencer
from model.metrics import area_under_roc, count, evaluate, precision_coverage
from model.review import ResidueConfidence
from tasks.calibration import for_calibration, with_noise_of_levels
from tasks.params import Params
from tasks.reranking import rerankings
from tasks.trust_table import DEFAULT_DECODING, markdown
from tasks.workspace import Workspace

_ENSEMBLE = 3
"""Networks of as many folds join the pre-trained one; none has seen these peptides."""

_RATES = (0.01, 0.05, 0.1, 0.2)
_BINS = 10
_AGREEMENT = ANSWER_FEATURES.index("agreement")
_DEPTHS = ((8, 8), (16, 16), (24, 24), (32, 32), (4, 32), (8, 24), (8, 32))
"""Least and most refinement steps; equal: as many for every spectrum."""

_CURVE_POINTS = 50

Floats = NDArray[np.float64]
Sets = dict[str, list[Spectrum]]


def measure_trust(params: dict[str, Any], root: str) -> dict[str, Any]:
    """Measure the pre-trained network; write and return the figures, none for a network without calibration.

    Raises
    ------
    InputError : a file of real spectra cannot be read.
    """
    settings, workspace = Params.model_validate(params), Workspace(Path(root))
    folder = workspace.model("pretrained")
    sets = test_sets(settings, workspace)
    folds = [path.parent for path in sorted(workspace.fold_model("*").parent.glob("*/config.json"))][:_ENSEMBLE]
    result: dict[str, Any] = {}
    if Calibration.load(folder) is not None:
        result = _measure(folder, folds, sets, settings.seed)
    make_folder(workspace.trust_report.parent)
    write_atomically(workspace.trust_report, (json.dumps(result, indent=1) + "\n").encode())
    write_atomically(workspace.trust_table, ("\n".join(markdown(result)) + "\n").encode())
    return result


def _measure(folder: Path, folds: Sequence[Path], sets: Sets, seed: int) -> dict[str, Any]:
    answers = {name: _read(folder, spectra)[0] for name, spectra in sets.items()}
    judged = {name: examples(Sequencer(folder, threads=1), spectra) for name, spectra in sets.items()}
    return {
        "spectra": {name: len(spectra) for name, spectra in sets.items()},
        "decoding": {name: _decoding(folder, spectra) for name, spectra in sets.items()},
        "depth": {name: _depth(folder, spectra) for name, spectra in sets.items()},
        "calibration": _calibration(folder, sets, judged),
        "residue_confidence": {name: _residues(folder, folds, sets[name], judged[name]) for name in sets},
        "peptide_confidence": {name: _peptides(folder, sets[name], answers[name]) for name in sets},
        "fdr": {name: _false_discoveries(folder, sets[name], answers[name], seed) for name in sets},
        "outliers": {name: _outliers(folder, sets[name], answers[name], seed) for name in sets},
    }


def test_sets(settings: Params, workspace: Workspace) -> Sets:
    """Unseen peptides, not those of the calibration, at each kind of noise; all of these together; and real spectra."""
    _, unseen = pretraining_sets(workspace.clean_shards, settings.peptides.validation_share)
    rng = np.random.default_rng(derive(settings.seed, "trust"))
    usable = np.flatnonzero(~for_calibration([VOCABULARY.decode(tokens) for tokens in unseen.tokens]))
    chosen = unseen.select(rng.permutation(usable)[: settings.calibration.test_spectra])
    hard = settings.training.validation_noise.settings()
    sets: Sets = {
        "clean": with_noise_of_levels(chosen, None, rng),
        "noise 0.5": with_noise_of_levels(chosen, settings.noise, rng, 0.5),
        "noise 1": with_noise_of_levels(chosen, settings.noise, rng, 1.0),
        "uniform noise": with_noise_of_levels(chosen, hard, rng, 1.0),
    }
    for path in map(Path, settings.calibration.real_spectra):
        sets[path.name.partition(".")[0]] = annotated_spectra(path)
    return sets


def annotated_spectra(path: Path) -> list[Spectrum]:
    """The spectra of a file whose peptide the vocabulary can hold.

    Raises
    ------
    InputError : there is none.
    """
    usable, left_out = [], Counter[str]()
    for spectrum in read_spectra(path):
        try:
            VOCABULARY.encode(spectrum.peptidoform or "")
            usable.append(spectrum)
        except InputError:
            left_out["no peptide of the vocabulary"] += 1
    if not usable:
        raise InputError("holds no spectrum to measure on", path=path)
    return usable


def _read(
    folder: Path, spectra: Sequence[Spectrum], steps: int | None = None, **options: Any
) -> tuple[list[Prediction], float, Sequencer]:
    """The predictions, and milliseconds a spectrum on one thread."""
    sequencer = Sequencer(folder, threads=1, **options)
    began = time.perf_counter()
    predictions = list(sequencer.sequence(spectra, steps))
    return predictions, 1e3 * (time.perf_counter() - began) / len(spectra), sequencer


def _decoding(folder: Path, spectra: list[Spectrum]) -> dict[str, Any]:
    """Every way to the answer: its recalls, its time, and how often the mass fits and the search is proven."""
    rows: dict[str, Any] = {}
    for name, answers, candidates in (
        ("arg max", AnswerSettings(exact=False, calibrated=False), 1),
        ("exact", AnswerSettings(calibrated=False, neighbours=False), 1),
        ("exact, best of 4 by calibrated rank", AnswerSettings(neighbours=False), 4),
        (DEFAULT_DECODING, AnswerSettings(), 4),
    ):
        decoding = DecodingSettings(candidates=candidates)
        predictions, milliseconds, sequencer = _read(folder, spectra, answers=answers, decoding=decoding)
        fits = [abs(p.ppm_error) <= sequencer.decoding.tolerance_ppm for p in predictions if p.ppm_error is not None]
        rows[name] = asdict(evaluate(predictions)) | {
            "milliseconds": milliseconds,
            "fits": sum(fits) / len(spectra),
            "proven": sum(bool(p.is_proven) for p in predictions) / len(spectra) if answers.exact else None,
        }
    return rows | rerankings(folder, spectra)


def _depth(folder: Path, spectra: list[Spectrum]) -> list[dict[str, Any]]:
    """Recall against refinement steps and time, for every spectrum alike and adaptively."""
    rows = []
    for least, most in _DEPTHS:
        sequencer = Sequencer(folder, threads=1)
        network = sequencer.network
        network.settings = replace(network.settings, steps=least, max_steps=max(most, least))
        began = time.perf_counter()
        predictions = list(sequencer.sequence(spectra, least if least == most else None))
        seconds = time.perf_counter() - began
        rows.append(
            {
                "least": least,
                "most": most,
                "mean_steps": sequencer.mean_steps,
                "peptide_recall": evaluate(predictions).peptide_recall,
                "aa_precision": evaluate(predictions).aa_precision,
                "milliseconds": 1e3 * seconds / len(spectra),
            }
        )
    return rows


def _calibration(folder: Path, sets: Sets, judged: dict[str, Examples]) -> dict[str, Any]:
    """Expected calibration errors before and after, with reliability bins, of each set and of all predicted ones."""
    calibration = Calibration.load(folder)
    assert calibration is not None
    predicted = [name for name, spectra in sets.items() if spectra[0].spectrum_id.startswith("synthetic:")]
    result = {name: _errors(calibration, [found]) for name, found in judged.items()}
    return result | {"all predicted": _errors(calibration, [judged[name] for name in predicted])}


def _errors(calibration: Calibration, parts: Sequence[Examples]) -> dict[str, Any]:
    right = np.concatenate([part.answer_right for part in parts])
    rank = np.concatenate([calibration.rank(part.answer) for part in parts])
    source = "head" if "head" in calibration.residue else "probability"
    residue = np.concatenate([part.residue[source] for part in parts])
    residue_right = np.concatenate([part.residue_right for part in parts])
    mean = np.concatenate([np.exp(part.answer[:, _AGREEMENT]) for part in parts])
    # a fit on half of the peptides judged by the other half, to compare the two methods
    half = np.arange(len(right)) % 2 == 0
    residue_half = np.arange(len(residue)) % 2 == 0
    fits: dict[str, Callable[[Floats], Floats]] = {
        "temperature": Temperature.fit(residue[residue_half], residue_right[residue_half]),
        "isotonic": Isotonic.fit(residue[residue_half], residue_right[residue_half]),
    }
    after = calibration.peptide(rank)
    residue_rank = np.concatenate([part.residue_rank for part in parts])
    sources = {name: np.concatenate([part.residue[name] for part in parts]) for name in parts[0].residue}
    residue_after = calibration.residue["combined"](sources, residue_rank)
    return {
        "peptides": len(right),
        "peptide_before": expected_calibration_error(mean, right),
        "peptide_after": expected_calibration_error(after, right),
        "residue_before": expected_calibration_error(residue, residue_right),
        "residue_after": expected_calibration_error(residue_after, residue_right),
        "refitted_here": {
            name: expected_calibration_error(fit(residue[~residue_half]), residue_right[~residue_half])
            for name, fit in fits.items()
        }
        | {
            "peptide isotonic": expected_calibration_error(
                Isotonic.fit(rank[half], right[half])(rank[~half]), right[~half]
            )
        },
        "reliability": {
            "peptide_before": _reliability(mean, right),
            "peptide_after": _reliability(after, right),
            "residue_before": _reliability(residue, residue_right),
            "residue_after": _reliability(residue_after, residue_right),
        },
    }


def _reliability(probability: Floats, right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and cases of each bin that holds any."""
    place = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    return [
        (float(probability[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in range(_BINS)
        if (place == b).any()
    ]


def _residues(folder: Path, ensemble: Sequence[Path], spectra: list[Spectrum], judged: Examples) -> dict[str, Any]:
    """How well each source of confidence tells right residues from wrong ones, and what the costly ones cost."""
    calibration = Calibration.load(folder)
    assert calibration is not None
    combined = calibration.residue["combined"](judged.residue, judged.residue_rank)
    scores = judged.residue | {"combined, calibrated": combined}
    rows = {name: _told_apart(score, judged.residue_right) for name, score in scores.items()}
    costly: tuple[tuple[ResidueConfidence, Sequence[Path]], ...] = (("dropout", ()), ("ensemble", ensemble))
    for source, others in costly:
        if source == "ensemble" and not others:
            continue
        sequencer = Sequencer(folder, threads=1, answers=AnswerSettings(residue=source), ensemble=others)
        began = time.perf_counter()
        found = examples(sequencer, spectra)
        milliseconds = 1e3 * (time.perf_counter() - began) / len(spectra)
        rows[source] = _told_apart(found.residue[source], found.residue_right) | {"milliseconds": milliseconds}
    return rows


def _told_apart(score: Floats, right: NDArray[np.bool_]) -> dict[str, float | None]:
    mixed = bool(right.any() and not right.all())
    return {
        "auroc": area_under_roc(score[~right], score[right]) if mixed else None,
        "calibration_error": expected_calibration_error(score, right),
        "milliseconds": None,
    }


def _peptides(folder: Path, spectra: list[Spectrum], answers: list[Prediction]) -> dict[str, Any]:
    """The scores of a peptide: area under precision and coverage, calibration error, and the curve."""
    before = AnswerSettings(exact=False, calibrated=False, peptide="mean")
    scored = {
        "mean, arg max, before": _read(folder, spectra, answers=before)[0],
        "product": _scored(answers, np.prod),
        "minimum": _scored(answers, np.min),
        "mean": _scored(answers, np.mean),
        "calibrated": answers,
    }
    rows: dict[str, Any] = {}
    for name, predictions in scored.items():
        score = np.array([prediction.peptide_score for prediction in predictions])
        coverage, precision = precision_coverage(predictions)
        places = np.linspace(0, len(coverage) - 1, _CURVE_POINTS).astype(int)
        rows[name] = {
            "auc": evaluate(predictions).auc,
            "calibration_error": expected_calibration_error(score, count(predictions).peptide.astype(bool)),
            "curve": [[float(coverage[place]), float(precision[place])] for place in places],
        }
    return rows


def _scored(predictions: list[Prediction], statistic: Callable[[Any], Any]) -> list[Prediction]:
    """The same answers with a statistic of their residues as score."""
    return [
        replace(p, peptide_score=float(statistic(p.residue_scores)) if p.residue_scores else 0.0) for p in predictions
    ]


def _false_discoveries(
    folder: Path, spectra: list[Spectrum], predictions: list[Prediction], seed: int
) -> dict[str, Any]:
    """Estimated against true shares of wrong peptides, by both estimates."""
    decoys, _, _ = _read(folder, wrong_precursor(spectra, np.random.default_rng(derive(seed, "decoys"))))
    right = count(predictions).peptide.astype(bool)
    score = np.array([prediction.peptide_score for prediction in predictions])
    decoy = np.array([prediction.peptide_score for prediction in decoys])
    estimates = {"probability": q_values(score), "decoys": decoy_q_values(score, decoy)}
    return {
        name: [
            {
                "estimated": rate,
                "accepted": int((values <= rate).sum()),
                "true": float(1 - right[values <= rate].mean()) if (values <= rate).any() else None,
            }
            for rate in _RATES
        ]
        for name, values in estimates.items()
    }


def _outliers(folder: Path, spectra: list[Spectrum], answers: list[Prediction], seed: int) -> dict[str, float]:
    """Area under the ROC curve of the outlier score, for each kind of spurious spectra against the set."""
    rng = np.random.default_rng(derive(seed, "test outliers"))
    good = _outlier_scores(answers)
    return {
        kind: area_under_roc(good, _outlier_scores(_read(folder, make(spectra, rng))[0]))
        for kind, make in KINDS.items()
    }


def _outlier_scores(predictions: list[Prediction]) -> Floats:
    return np.array([prediction.outlier_score or 0.0 for prediction in predictions])
