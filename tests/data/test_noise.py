"""Noise: its statistics against what was asked, and the place of every structured peak against pyteomics."""

from dataclasses import replace

import numpy as np
import pytest
from pyteomics import mass

from data.noise import add_noise
from data.peaks import PeakBatch
from data.schema import Spectrum
from data.settings import NoiseSettings
from data.vocabulary import PAD, VOCABULARY

SILENT = NoiseSettings(
    peak_dropout=0,
    faint_peak_dropout=0,
    noise_peaks=0,
    peak_error_ppm=0,
    spectrum_error_ppm=0,
    precursor_error_ppm=0,
    intensity_sigma=0,
    isotopes=False,
    neutral_loss_probability=0,
    a_ion_probability=0,
    immonium_probability=0,
    internal_fragments=0,
    triply_charged_probability=0,
    precursor_probability=0,
    coisolation_probability=0,
)
PEPTIDE = "LGEYGFQNALLVRTSK"
ROWS = 400


def ions(peptide: str, kind: str, charge: int = 1) -> np.ndarray:
    pieces = [peptide[:i] if kind[0] in "ab" else peptide[i:] for i in range(1, len(peptide))]
    return np.array([mass.fast_mass(piece, ion_type=kind, charge=charge) for piece in pieces])


def spectrum(peptide: str = PEPTIDE, charge: int = 2) -> Spectrum:
    mz = np.sort(np.concatenate([ions(peptide, "b"), ions(peptide, "y")]))
    return Spectrum("s", mass.fast_mass(peptide, charge=charge), charge, mz, np.ones(len(mz), np.float32))


def noisy(settings: NoiseSettings, level: float = 1.0, peptides=(PEPTIDE,) * ROWS, charge: int = 2, seed: int = 1):
    """The batch before, and the peak lists after."""
    peaks = PeakBatch.from_spectra([spectrum(peptide, charge) for peptide in peptides])
    tokens = np.full((len(peptides), 32), PAD)
    for row, peptide in enumerate(peptides):
        ids = VOCABULARY.encode(peptide)
        tokens[row, : len(ids)] = ids
    rng = np.random.default_rng(seed)
    made = add_noise(peaks, tokens, settings, np.full(len(peptides), level), rng)
    return peaks, made.to_lists()


def added(settings: NoiseSettings, **more) -> np.ndarray:
    """m/z of all peaks that the noise-free spectra lack."""
    peaks, lists = noisy(settings, **more)
    known = peaks.mz[0][np.isfinite(peaks.mz[0])]
    found = np.concatenate([mz for mz, _ in lists])
    return found[np.abs(found[:, None] - known).min(1) > 1e-6]


def all_among(found: np.ndarray, expected: np.ndarray) -> bool:
    return len(found) > 0 and bool((np.abs(found[:, None] - expected).min(1) < 1e-4).all())


def test_level_0_and_silence_change_nothing():
    for settings, level in ((NoiseSettings(), 0.0), (SILENT, 1.0)):
        peaks, lists = noisy(settings, level)
        assert all(np.array_equal(mz, peaks.mz[0]) and (i == 1).all() for mz, i in lists)


def test_level_0_rows_of_a_mixed_batch_stay_as_they_were():
    peaks = PeakBatch.from_spectra([spectrum(), spectrum()])
    tokens = np.array([VOCABULARY.encode(PEPTIDE)] * 2)
    made = add_noise(peaks, tokens, NoiseSettings(), np.array([0.0, 1.0]), np.random.default_rng(0)).to_lists()
    assert np.array_equal(made[0][0], peaks.mz[0])
    assert not np.array_equal(made[1][0], peaks.mz[1])


def test_same_seed_same_noise():
    first, second, other = (noisy(NoiseSettings(), seed=seed)[1] for seed in (5, 5, 6))
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a[0], b[0]) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_dropout_share(level):
    peaks, lists = noisy(replace(SILENT, peak_dropout=0.4), level)
    kept = sum(len(mz) for mz, _ in lists) / np.isfinite(peaks.mz).sum()
    assert kept == pytest.approx(1 - 0.4 * level, abs=0.02)


def test_faint_peaks_are_lost_more_often():
    peaks = PeakBatch.from_spectra([spectrum()] * ROWS)
    peaks.intensity[:, 1::2] = 0.01
    tokens = np.array([VOCABULARY.encode(PEPTIDE)] * ROWS)
    made = add_noise(
        peaks, tokens, replace(SILENT, faint_peak_dropout=0.6), np.ones(ROWS), np.random.default_rng(1)
    ).to_lists()
    faint = sum((intensity < 0.5).sum() for _, intensity in made) / (peaks.intensity < 0.5).sum()
    strong = sum((intensity > 0.5).sum() for _, intensity in made) / (peaks.intensity > 0.5).sum()
    assert faint == pytest.approx(1 - 0.6 * np.exp(-0.12), abs=0.03)
    assert strong == pytest.approx(1, abs=0.001)


def errors_ppm(settings: NoiseSettings, level: float) -> np.ndarray:
    peaks, lists = noisy(settings, level)
    return np.array([(mz / peaks.mz[0] - 1) * 1e6 for mz, _ in lists])


def test_mass_errors_have_the_widths_asked_for():
    each = errors_ppm(replace(SILENT, peak_error_ppm=4), 0.5)
    assert each.std() == pytest.approx(2, rel=0.05)
    shared = errors_ppm(replace(SILENT, spectrum_error_ppm=3), 1.0)
    assert np.ptp(shared, axis=1).max() < 1e-6
    assert shared[:, 0].std() == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("clean_rows", [0, 50])
def test_the_precursor_is_misread_too_where_there_is_noise(clean_rows):
    peaks = PeakBatch.from_spectra([spectrum()] * ROWS)
    tokens = np.tile(VOCABULARY.encode(PEPTIDE), (ROWS, 1))
    level = np.where(np.arange(ROWS) < clean_rows, 0.0, 0.5)
    made = add_noise(peaks, tokens, replace(SILENT, precursor_error_ppm=4), level, np.random.default_rng(1))
    error_ppm = (made.precursor_mz / peaks.precursor_mz - 1) * 1e6
    assert not error_ppm[:clean_rows].any()
    assert error_ppm[clean_rows:].std() == pytest.approx(2, rel=0.1)


def test_intensities_vary_log_normally():
    _, lists = noisy(replace(SILENT, intensity_sigma=0.5))
    logarithms = np.log(np.array([intensity for _, intensity in lists]))
    assert (logarithms - logarithms.mean(1, keepdims=True)).std() == pytest.approx(0.5, rel=0.05)


def test_noise_peaks_are_as_many_as_asked_and_within_range():
    found = added(replace(SILENT, noise_peaks=30))
    assert len(found) / ROWS == pytest.approx(30, rel=0.05)
    assert found.min() >= 100
    assert found.max() <= mass.fast_mass(PEPTIDE, charge=2) * 2


def test_isotopes_lie_one_and_two_carbons_above_each_ion():
    found = added(replace(SILENT, isotopes=True))
    carbon = mass.nist_mass["C"][13][0] - mass.nist_mass["C"][12][0]
    bases = np.concatenate([ions(PEPTIDE, "b"), ions(PEPTIDE, "y")])
    assert all_among(found, np.concatenate([bases + carbon, bases + 2 * carbon]))
    _, lists = noisy(replace(SILENT, isotopes=True))
    heaviest = bases.max()
    mz, intensity = lists[0]
    ratio = intensity[np.abs(mz - heaviest - carbon).argmin()] / intensity[np.abs(mz - heaviest).argmin()]
    assert ratio == pytest.approx(heaviest * 0.00055, rel=0.05)


def test_neutral_losses_come_from_residues_that_lose_them():
    found = added(replace(SILENT, neutral_loss_probability=1))
    water, ammonia = mass.calculate_mass(formula="H2O"), mass.calculate_mass(formula="NH3")
    expected = []
    for kind in "by":
        pieces = [PEPTIDE[:i] if kind == "b" else PEPTIDE[i:] for i in range(1, len(PEPTIDE))]
        for piece in pieces:
            ion = mass.fast_mass(piece, ion_type=kind, charge=1)
            expected += [ion - water] * bool(set(piece) & set("STED")) + [ion - ammonia] * bool(
                set(piece) & set("RKNQ")
            )
    assert all_among(found, np.array(expected))
    assert len(found) / ROWS == pytest.approx(len(expected), rel=0.02)


def test_a_and_immonium_ions():
    assert all_among(added(replace(SILENT, a_ion_probability=1)), ions(PEPTIDE, "a"))
    immonium = np.array([mass.fast_mass(letter, ion_type="a", charge=1) for letter in set(PEPTIDE)])
    found = added(replace(SILENT, immonium_probability=1))
    assert all_among(found, immonium)
    assert len(found) == ROWS * len(immonium)


def test_internal_fragments_are_pieces_from_within():
    found = added(replace(SILENT, internal_fragments=5))
    inner = [PEPTIDE[i:j] for i in range(1, len(PEPTIDE)) for j in range(i + 2, min(i + 6, len(PEPTIDE)))]
    assert all_among(found, np.array([mass.fast_mass(piece, ion_type="b", charge=1) for piece in inner]))


def test_triply_charged_fragments_need_three_charges():
    settings = replace(SILENT, triply_charged_probability=1)
    assert len(added(settings, charge=2)) == 0
    found = added(settings, charge=3)
    assert all_among(found, np.concatenate([ions(PEPTIDE, "b", 3), ions(PEPTIDE, "y", 3)]))


def test_precursor_and_its_losses():
    whole = mass.fast_mass(PEPTIDE, charge=2)
    losses = [mass.calculate_mass(formula=formula) / 2 for formula in ("H2O", "NH3")]
    found = added(replace(SILENT, precursor_probability=1))
    assert all_among(found, np.array([whole, *(whole - loss for loss in losses)]))
    assert len(found) == 3 * ROWS


def test_a_coisolated_peptide_adds_its_own_peaks_fainter():
    other = "SAMPDERAAAR"
    _, lists = noisy(
        replace(SILENT, coisolation_probability=1, coisolation_intensity=0.3), peptides=(PEPTIDE, other) * 20
    )
    theirs = np.concatenate([ions(other, "b"), ions(other, "y")])
    mixed = [
        intensity[np.abs(mz[:, None] - theirs).min(1) < 1e-4]
        for (mz, intensity), peptide in zip(lists, (PEPTIDE, other) * 20, strict=True)
        if peptide == PEPTIDE
    ]
    with_other = [heights for heights in mixed if len(heights) > 10]
    assert with_other
    assert all(heights.max() <= 0.3 + 1e-6 for heights in with_other)


def test_modified_residues_lose_no_peak_and_keep_their_mass():
    peptide = "[UNIMOD:1]-AC[UNIMOD:4]DEM[UNIMOD:35]K"
    masses = VOCABULARY.masses[VOCABULARY.encode(peptide)]
    immonium = masses[1:] - mass.calculate_mass(formula="CO") + mass.nist_mass["H+"][0][0]
    tokens = np.array([VOCABULARY.encode(peptide)] * 50)
    one = Spectrum("s", 400.0, 2, np.array([150.0]), np.ones(1, np.float32))
    made = add_noise(
        PeakBatch.from_spectra([one] * 50),
        tokens,
        replace(SILENT, immonium_probability=1),
        np.ones(50),
        np.random.default_rng(0),
    )
    found = np.concatenate([mz for mz, _ in made.to_lists()])
    assert all_among(found[found != 150.0], immonium)
