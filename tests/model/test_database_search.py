"""Database search on a small trained network: only the database's peptides, scored as the recursion says."""

from functools import partial

import numpy as np
import pytest
import torch

from app.database import candidate_index
from data.vocabulary import PAD, STOP, VOCABULARY
from model.database_search import _scores
from model.inference import Sequencer


@pytest.fixture
def database(spectra, tmp_path):
    """Every second spectrum's peptide, and as many others."""
    rng = np.random.default_rng(1)
    known = [spectrum.peptidoform for spectrum in spectra[::2]]
    others = ["".join(rng.choice(list("GASPVTLNDQEMHFYW"), 9)) for _ in range(30)]
    path = tmp_path / "proteins.fasta"
    path.write_text("".join(f">P{n}\n{peptide}\n" for n, peptide in enumerate([*known, *others])))
    return path


def test_answers_are_of_the_database_and_right_where_it_holds_the_peptide(trained, spectra, database):
    make = partial(candidate_index, database, "non-specific", 0, (), (), 0)
    predictions = list(Sequencer(trained, database=make).sequence(spectra))
    held = predictions[::2]
    assert np.mean([p.peptidoform == s.peptidoform for p, s in zip(held, spectra[::2], strict=True)]) > 0.9
    texts = database.read_text()
    for prediction in predictions:
        if prediction.peptidoform:
            assert prediction.peptidoform in texts and abs(prediction.ppm_error) <= 20.5
            assert prediction.proteins[0].accession.startswith("P")
        else:
            assert prediction.peptide_score == 0 and not prediction.proteins


def test_scores_are_sums_of_log_probabilities_with_the_stop():
    probability = torch.randn(6, len(VOCABULARY)).log_softmax(-1)
    forms = torch.tensor([[3, 4, 5, PAD, PAD, PAD], [7, PAD, PAD, PAD, PAD, PAD], [3, 3, 3, 3, 3, 3]])
    expected = [
        probability[0, 3] + probability[1, 4] + probability[2, 5] + probability[3, STOP],
        probability[0, 7] + probability[1, STOP],
        probability[range(6), 3].sum(),
    ]
    assert _scores(probability, forms).tolist() == pytest.approx([float(value) for value in expected], abs=1e-5)
