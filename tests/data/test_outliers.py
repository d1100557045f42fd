"""Spurious spectra: each kind is what its name says, and a valid spectrum still."""

import numpy as np
import pytest

from data.outliers import KINDS, chimeric, no_peptide, noise_only, wrong_charge, wrong_precursor
from data.schema import Spectrum

SPECTRA = [
    Spectrum(
        f"s:{row}",
        400.0 + 40 * row,
        1 + row % 3,
        np.sort(np.random.default_rng(row).uniform(100, 800, 30)),
        np.append(np.random.default_rng(row).uniform(0.01, 1, 29), 1).astype(np.float32),
        peptidoform="PEPTLDEK",
    )
    for row in range(12)
]


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_valid_spectra_and_the_same_from_the_same_seed(kind):
    made, again = (KINDS[kind](SPECTRA, np.random.default_rng(3)) for _ in range(2))
    assert len(made) == len(SPECTRA)
    for spectrum, same in zip(made, again, strict=True):
        assert (np.diff(spectrum.mz) >= 0).all() and len(spectrum.mz) == len(spectrum.intensity)
        assert spectrum.intensity.max() == pytest.approx(1, abs=1e-6) and (spectrum.intensity > 0).all()
        assert spectrum.precursor_charge >= 1 and spectrum.precursor_mz > 0
        assert np.array_equal(spectrum.mz, same.mz)


def test_noise_keeps_no_peak_and_a_chimera_keeps_all():
    for made, mixed, spectrum in zip(
        noise_only(SPECTRA, np.random.default_rng(0)), chimeric(SPECTRA, np.random.default_rng(0)), SPECTRA, strict=True
    ):
        assert not np.isin(spectrum.mz, made.mz).any()
        assert np.isin(spectrum.mz, mixed.mz).all() and len(mixed.mz) == 2 * len(spectrum.mz)


def test_a_chimera_is_made_with_a_neighbour_in_precursor_mz():
    mixed = chimeric(SPECTRA, np.random.default_rng(0))[5]
    assert np.isin(SPECTRA[4].mz, mixed.mz).all()


def test_precursor_and_charge_are_wrong_where_they_are_to_be():
    rng = np.random.default_rng(1)
    for made, spectrum in zip(wrong_precursor(SPECTRA, rng), SPECTRA, strict=True):
        shift = abs(made.precursor_mz - spectrum.precursor_mz) * spectrum.precursor_charge
        assert 4 <= shift <= 60 and np.array_equal(made.mz, spectrum.mz)
    for made, spectrum in zip(wrong_charge(SPECTRA, rng), SPECTRA, strict=True):
        assert abs(made.precursor_charge - spectrum.precursor_charge) == 1


def test_a_polymer_has_equal_steps():
    made = no_peptide(SPECTRA, np.random.default_rng(2))[0]
    steps = made.mz[:, None] - made.mz
    units = [44.026215, 58.041865, 74.018792, 162.052823, 14.01565]
    assert max((abs(steps - unit) < 0.02).sum() for unit in units) >= 2
