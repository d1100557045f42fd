"""The accuracy of m/z against errors that were put in."""

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.vocabulary import VOCABULARY
from model.mass_accuracy import DEVIATIONS_PPM, peak_deviation_ppm
from model.peak_reading import PeakReader

RESIDUES = PeakReader(VOCABULARY).residues
PEPTIDES = ("LGEYGFQNALLVR", "DAFLGSFLYEYSR", "SAMPLEPEPTLDEK", "HHLPEPTLDESTR")


def told(mz, intensity, charge=2):
    return peak_deviation_ppm(
        torch.from_numpy(mz)[None],
        torch.from_numpy(intensity.astype(np.float32))[None],
        torch.tensor([charge]),
        RESIDUES,
    )[0].item()


def ions(peptide, rng, deviation, foreign=30):
    """b and y ions, each off by its own error, and foreign peaks."""
    own = [
        mass.fast_mass(part, ion_type=kind, charge=1)
        for end in range(1, len(peptide))
        for part, kind in ((peptide[:end], "b"), (peptide[end:], "y"))
    ]
    own = np.array(own) * (1 + rng.normal(0, deviation, len(own)) * 1e-6)
    mz = np.concatenate([own, rng.uniform(120, 1400, foreign)])
    order = mz.argsort()
    return mz[order], rng.uniform(0.3, 1.0, len(mz))[order]


@pytest.mark.parametrize("deviation", [1.0, 3.0, 9.0])
def test_errors_that_were_put_in_are_told_within_a_factor_of_two(deviation):
    rng = np.random.default_rng(1)
    found = [told(*ions(peptide, rng, deviation)) for peptide in PEPTIDES for _ in range(5)]
    assert 0.7 < np.median(found) / deviation < 2
    assert np.mean([0.5 <= value / deviation <= 4 for value in found]) > 0.9


def test_where_nothing_tells_peaks_count_as_inaccurate():
    nothing = np.full(5, np.inf)
    assert told(nothing, np.zeros(5)) == pytest.approx(DEVIATIONS_PPM[-1])
    assert told(np.array([200.1, 311.7, np.inf]), np.array([1.0, 0.5, 0.0])) == pytest.approx(DEVIATIONS_PPM[-1])


def test_spectra_do_not_see_each_other():
    rng = np.random.default_rng(2)
    one, other = ions(PEPTIDES[0], rng, 1.0, 28), ions(PEPTIDES[1], rng, 9.0, 28)
    both = peak_deviation_ppm(
        torch.from_numpy(np.stack([one[0], other[0]])),
        torch.from_numpy(np.stack([one[1], other[1]]).astype(np.float32)),
        torch.tensor([2, 3]),
        RESIDUES,
    )
    assert both.tolist() == pytest.approx([told(*one), told(*other, 3)])
