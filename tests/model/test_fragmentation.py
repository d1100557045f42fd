"""Expected ion heights: against MS2PIP, cosine and correlation against numpy, observed ions by pyteomics."""

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.fragment_intensity import IntensityPredictor
from data.vocabulary import GAP, PAD, VOCABULARY
from model.evidence import MassEvidence
from model.fragmentation import MEASURED, PREDICTED, closeness, correlation, fitted, likeness, observed_ions
from model.settings import NetworkSettings
from model.spectra import Spectra
from tests.model.test_review import spectrum

PEPTIDES = ["LPSSDVDK", "ELVGHPEQALR", "AGFAGDDAPR", "VATVSLPR", "GYSFTTTAER", "SYELPDGQVLTLGNER", "HQGVMVGMGQK"]


def tokens_of(peptides, slots=20):
    ids = [VOCABULARY.encode(peptide) for peptide in peptides]
    return torch.tensor([[*numbers, *[PAD] * (slots - len(numbers))] for numbers in ids])


@pytest.mark.parametrize("charge", [2, 3])
def test_heights_are_near_those_of_ms2pip(charge):
    flat = IntensityPredictor("HCDch2").predict(PEPTIDES, [charge] * len(PEPTIDES))
    wanted = np.split(np.sqrt(flat.clip(0)), np.cumsum([len(peptide) - 1 for peptide in PEPTIDES])[:-1])
    ours = fitted(VOCABULARY)(tokens_of(PEPTIDES), torch.full((len(PEPTIDES),), charge))[PREDICTED].numpy()
    cosine = np.zeros((len(PEPTIDES), len(PEPTIDES)))
    for row, heights in enumerate(ours):
        for column, other in enumerate(wanted):
            shared = min(len(PEPTIDES[row]), len(PEPTIDES[column])) - 1
            a, b = heights[:shared].ravel(), other[:shared].ravel()
            cosine[row, column] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    own, others = np.diag(cosine), cosine[~np.eye(len(PEPTIDES), dtype=bool)]
    assert own.mean() > 0.92 and own.min() > np.quantile(others, 0.8)


def test_measured_heights_are_others_than_those_of_ms2pip():
    told = fitted(VOCABULARY)(tokens_of(PEPTIDES), torch.full((len(PEPTIDES),), 2))
    asked = torch.ones_like(told[0], dtype=torch.bool) & (tokens_of(PEPTIDES) != PAD)[..., None]
    alike = likeness(told[PREDICTED], told[MEASURED], asked)
    assert 0.8 < alike.mean() < 0.99


def test_what_stands_behind_a_peptide_and_beside_it_changes_nothing():
    predictor, charge = fitted(VOCABULARY), torch.tensor([2, 2])
    alone = predictor(tokens_of(PEPTIDES[:1], slots=8), charge[:1])
    beside = predictor(tokens_of(PEPTIDES[:2], slots=25), charge)
    torch.testing.assert_close(alone[:, 0, :7], beside[:, 0, :7])


def test_cosine_and_correlation_are_numpys():
    rng = np.random.default_rng(1)
    expected, observed = rng.random((2, 3, 6, 4)).astype(np.float32)
    asked = rng.random((3, 6, 4)) < 0.7
    pair = torch.from_numpy(expected), torch.from_numpy(observed), torch.from_numpy(asked)
    for row in range(3):
        a, b = expected[row][asked[row]], observed[row][asked[row]]
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert likeness(*pair)[row].item() == pytest.approx(cosine, abs=1e-5)
        assert closeness(*pair)[row].item() == pytest.approx(-np.log(1.002 - cosine), abs=1e-4)
        assert correlation(*pair)[row].item() == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-5)
    nothing = torch.zeros(1, 6, 4)
    assert likeness(nothing, nothing, nothing > 0) == 0 == correlation(nothing, nothing, nothing > 0)


def test_observed_ions_by_hand():
    seen = spectrum("PEPTK", 2, [("PE", "b", 1), ("K", "y", 1), ("PTK", "y", 2)], foreign=[300.1])
    read = Spectra(
        mz=torch.from_numpy(seen.mz)[None],
        intensity=torch.from_numpy(seen.intensity)[None],
        precursor_mz=torch.tensor([seen.precursor_mz]),
        charge=torch.tensor([2]),
        collision_energy=torch.full((1,), torch.nan),
        instrument=torch.zeros(1, dtype=torch.int64),
        noise_level=torch.full((1,), torch.nan),
        fragmentation=torch.zeros(1, dtype=torch.int64),
    )
    evidence = MassEvidence(NetworkSettings(), VOCABULARY)
    index = evidence.index(read.mz, read.intensity, read.precursor_mz, read.charge)
    plain, acetylated = tokens_of(["PEPTK", "[UNIMOD:1]-PEPTK"], slots=8)
    observed, asked = observed_ions(evidence, index, torch.stack([plain, acetylated])[None])
    assert observed.shape == asked.shape == (1, 2, 8, 4)
    # b2, y3++ of the same cleavage, y1
    assert observed[0, 0].nonzero().tolist() == [[1, 0], [1, 3], [3, 1]]
    assert asked[0].sum((1, 2)).tolist() == [16, 16]  # 4 cleavages, none behind the acetyl
    assert not asked[0, 1, 0].any()
    # a gap in the place of the first residue moves the cleavages behind it by its mass
    gapped = torch.tensor([[GAP, *VOCABULARY.encode("EPTK"), PAD, PAD, PAD]])
    for gap_mass, ions in ((mass.std_aa_mass["P"], [[1, 0], [1, 3], [3, 1]]), (150.0, [])):
        moved, _ = observed_ions(evidence, index, gapped, torch.full((1, 8), gap_mass))
        assert moved[0].nonzero().tolist() == ions
