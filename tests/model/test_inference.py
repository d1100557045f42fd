"""Inference on a small trained network: order, scores, masses, adaptive depth, and spectra that hold nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pyteomics import mass

from data.errors import CorruptedDataError, InputError
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.schema import Spectrum
from data.vocabulary import VOCABULARY
from model.answers import AnswerSettings
from model.checkpoint import load_network
from model.inference import Sequencer
from model.path_score import fitted_path_score, plain_path_score
from model.spectra import to_spectra
from tasks.models import WEIGHTS
from tests.model.conftest import ladder


def test_one_prediction_a_spectrum_in_order_whatever_the_batch_size(trained, spectra):
    small, large = (
        list(Sequencer(trained, batch_size=size, precision="fp32").sequence(spectra, steps=3)) for size in (7, 64)
    )
    assert [p.spectrum_id for p in small] == [s.spectrum_id for s in spectra]
    assert [p.peptidoform for p in small] == [p.peptidoform for p in large]
    assert [p.peptide_score for p in small] == pytest.approx([p.peptide_score for p in large], abs=1e-4)


def test_masses_and_scores_of_a_prediction(trained, spectra):
    predictions = list(Sequencer(trained).sequence(spectra))
    for prediction in predictions:
        expected = mass.fast_mass("".join(filter(str.isupper, prediction.peptidoform.split("[")[0])), charge=2)
        assert "[" in prediction.peptidoform or prediction.calculated_mz == pytest.approx(expected, abs=1e-4)
        assert len(prediction.residue_scores) == len(VOCABULARY.encode(prediction.peptidoform))
        assert all(0 <= score <= 1 for score in (*prediction.residue_scores, prediction.peptide_score))
        error = (prediction.precursor_mz - prediction.calculated_mz) / prediction.calculated_mz * 1e6
        assert prediction.ppm_error == pytest.approx(error)
    right = [p.peptidoform == p.reference for p in predictions]
    assert np.mean(right) > 0.4
    scores = np.array([p.peptide_score for p in predictions])
    assert scores[right].mean() > scores[~np.array(right)].mean()


def test_adaptive_depth_gives_what_the_full_depth_gives_where_it_closed(trained, spectra):
    sequencer = Sequencer(trained, precision="fp32")
    fixed = list(sequencer.sequence(spectra, steps=16))
    adaptive = list(sequencer.sequence(spectra, keep_steps=True))
    closed = [(a, f) for a, f in zip(adaptive, fixed, strict=True) if abs(a.ppm_error) < 20]
    assert len(closed) > 20
    assert np.mean([a.peptidoform == f.peptidoform for a, f in closed]) > 0.9
    assert all(4 <= len(p.peptidoform_by_step) <= 16 for p in adaptive)


def test_the_graphs_best_peptides_by_either_path_are_candidates_each_once():
    whole = ladder("LGEYGFQNALK", 2, np.random.default_rng(1))
    seen = np.arange(len(whole.mz)) % 3 > 0
    spectrum = replace(whole, mz=whole.mz[seen], intensity=whole.intensity[seen])
    sequencer = Sequencer(WEIGHTS / "small", precision="fp32", answers=AnswerSettings(neighbours=False))
    answers, _ = sequencer.answers([spectrum])
    found = [VOCABULARY.decode(row) for row in answers.candidates[0].tolist() if any(row)]
    peaks = preprocess(PeakBatch.from_spectra([spectrum]), sequencer.preprocessing)
    index = sequencer.network.encode(to_spectra(peaks, peaks.mz.shape[1], "cpu")).index
    plain, learned = (
        {VOCABULARY.decode(row) for row in sequencer.network.graph_answers(index, 32, 4, path).tokens[0].tolist()}
        for path in (plain_path_score(VOCABULARY), fitted_path_score(VOCABULARY))
    )
    assert len(plain) == len(learned) == 4 and plain != learned
    assert len(set(found)) == len(found) and plain | learned <= set(found)


def test_bf16_answers_as_single_precision_does():
    rng = np.random.default_rng(3)
    spectra = [ladder(peptide, 2, rng) for peptide in ("LGEYGFQNALK", "HLVDEPQNLLK", "SLHTLFGDELCK", "AEFVEVTK")]
    single, half = (list(Sequencer(WEIGHTS / "small", precision=name).sequence(spectra)) for name in ("fp32", "bf16"))
    assert [p.peptidoform for p in half] == [p.peptidoform for p in single]
    assert [p.peptide_score for p in half] == pytest.approx([p.peptide_score for p in single], abs=0.1)


def test_a_spectrum_without_peaks_gets_an_answer_and_no_crash(trained):
    empty = Spectrum("empty", 500.0, 2, np.array([]), np.array([], np.float32))
    (prediction,) = Sequencer(trained).sequence([empty])
    assert 0 <= prediction.peptide_score <= 1


def test_a_model_folder_that_is_none_or_broken_says_so(trained, tmp_path):
    with pytest.raises(InputError, match="no model here"):
        Sequencer(tmp_path)
    (tmp_path / "config.json").write_text((trained / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes(b"not a tensor file")
    with pytest.raises(CorruptedDataError, match="cannot be read"):
        load_network(tmp_path)
    config = json.loads((trained / "config.json").read_text()) | {"format_version": 99}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="another version"):
        load_network(tmp_path)
