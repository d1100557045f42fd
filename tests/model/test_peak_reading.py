"""Readings of peaks: where they place a cleavage, what they see around it, and that they know b and y ions."""

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.schema import Spectrum
from data.vocabulary import VOCABULARY
from model.peak_reading import READINGS, PeakReader
from tests.model.conftest import ladder

PROTON = mass.nist_mass["H+"][0][0]
WATER = mass.calculate_mass(formula="H2O")
READER = PeakReader(VOCABULARY)


def arguments(mz: list[float], intensity: list[float], peptide_mass: float, charge: int) -> tuple[torch.Tensor, ...]:
    """Of one spectrum, padded by one peak."""
    return (
        torch.tensor([[*mz, np.inf]]).double(),
        torch.tensor([[*intensity, 0.0]]),
        torch.tensor([peptide_mass]).double(),
        torch.tensor([charge]),
        torch.full((1, len(mz) + 1), 0.01),
    )


def of(spectrum: Spectrum) -> tuple[torch.Tensor, ...]:
    peptide_mass = mass.calculate_mass(sequence=spectrum.peptidoform)
    return arguments(spectrum.mz.tolist(), spectrum.intensity.tolist(), peptide_mass, spectrum.precursor_charge)


@pytest.mark.parametrize(("charge", "readings"), [(2, 2), (3, 4)])
def test_a_peak_is_read_as_b_and_y_and_doubly_charged_where_the_precursor_allows(charge, readings):
    total = 1000.5 + WATER
    found, logit, possible = READER(*arguments([300.2], [1.0], total, charge))
    singly, doubly = 300.2 - PROTON, 2 * (300.2 - PROTON)
    assert found[possible].tolist() == pytest.approx([singly, total - singly, doubly, total - doubly][:readings])
    assert found[~possible].isinf().all() and logit.isfinite().all()


def test_ions_of_a_peptide_are_told_from_peaks_anywhere():
    rng = np.random.default_rng(3)
    for peptide in ("LGEYGFQNALLVR", "SAMPLEK", "DDSHHLTEQK"):
        spectrum = ladder(peptide, 2, rng)
        masses = [mass.calculate_mass(sequence=peptide[:end]) - WATER for end in range(1, len(peptide))]
        anywhere = rng.uniform(100, 900, len(spectrum.mz))
        order = np.argsort(np.concatenate([spectrum.mz, anywhere]))
        mz = np.concatenate([spectrum.mz, anywhere])[order]
        intensity = np.concatenate([spectrum.intensity, spectrum.intensity])[order]
        total = mass.calculate_mass(sequence=peptide)
        found, logit, possible = READER(*arguments(mz.tolist(), intensity.tolist(), total, 2))
        right = (found[..., None] - torch.tensor(masses)).abs().amin(-1) < 0.005
        assert logit[possible & right].median() > logit[possible & ~right].quantile(0.9) + 1


def test_a_complement_an_isotope_and_a_loss_speak_for_an_ion_and_a_lighter_isotope_against_it():
    peptide, total = "LGEYGFQNALLVR", mass.calculate_mass(sequence="LGEYGFQNALLVR")
    y7 = mass.calculate_mass(sequence=peptide[-7:], ion_type="y", charge=1)
    b6 = total + 2 * PROTON - y7
    isotope = mass.nist_mass["C"][13][0] - mass.nist_mass["C"][12][0]

    def logit_of_y7(*others: tuple[float, float]) -> float:
        peaks = sorted([(y7, 0.6), (250.1, 0.5), (777.7, 0.5), *others])
        found, logit, _ = READER(*arguments([mz for mz, _ in peaks], [height for _, height in peaks], total, 2))
        place = [mz for mz, _ in peaks].index(y7)
        assert found[0, 1, place].item() == pytest.approx(total - (y7 - PROTON))
        return logit[0, 1, place].item()

    alone = logit_of_y7()
    assert logit_of_y7((b6, 0.5)) > alone
    assert logit_of_y7((y7 + isotope, 0.4)) > alone
    assert logit_of_y7((y7 - isotope, 0.8)) < alone


def test_tryptic_ends_are_known_by_their_mass():
    total = mass.calculate_mass(sequence="LGEYGFQNALLVR")
    y1 = mass.calculate_mass(sequence="R", ion_type="y", charge=1)
    for wrong in (y1 + 0.5, y1 + 3.2):
        found, logit, _ = READER(*arguments([y1, wrong, 700.3], [0.5, 0.5, 1.0], total, 2))
        assert logit[0, 1, 0] > logit[0, 1, 1] + 2
        assert found[0, 1, 0].item() == pytest.approx(total - mass.calculate_mass(sequence="R"), abs=1e-3)


def test_padding_and_other_spectra_change_nothing():
    rng = np.random.default_rng(5)
    one, other = of(ladder("PEPTLDEK", 2, rng)), of(ladder("GASPVTLNDQK", 3, rng))
    more = other[0].shape[1] - one[0].shape[1]
    padded = [
        torch.nn.functional.pad(one[0], (0, more), value=torch.inf),
        torch.nn.functional.pad(one[1], (0, more)),
        *one[2:4],
        torch.nn.functional.pad(one[4], (0, more), value=0.01),
    ]
    both = [torch.cat(parts) for parts in zip(padded, other, strict=True)]
    alone, together = READER(*one), READER(*both)
    size = one[0].shape[1]
    assert torch.equal(together[0][:1, :, :size], alone[0])
    assert torch.allclose(together[1][:1, :, :size], alone[1], atol=1e-5)
    assert not together[2][:1, :, size:].any()
    assert alone[1].shape[1] == len(READINGS)
