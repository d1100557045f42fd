"""The noise fit recovers knobs that it has not seen, from spectra that these knobs made."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from data.errors import InputError
from data.noise import add_noise
from data.noise_fit import fit_noise, pair
from data.noise_moments import match, noise_moments
from data.pairs import Pairs
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.schema import Spectrum
from data.settings import NoiseSettings, PreprocessingSettings, SynthesisSettings
from data.vocabulary import VOCABULARY

TRUTH = NoiseSettings(
    peak_dropout=0.05,
    faint_peak_dropout=0.8,
    noise_peaks=70,
    peak_error_ppm=6.0,
    spectrum_error_ppm=2.0,
    precursor_error_ppm=4.0,
    intensity_sigma=0.8,
    neutral_loss_probability=0.2,
    a_ion_probability=0.25,
    immonium_probability=0.7,
    internal_fragments=6,
    triply_charged_probability=0.5,
    precursor_probability=0.1,
)


def peptides(count: int) -> list[Spectrum]:
    """Random tryptic-like peptides, their peaks not yet there."""
    rng = np.random.default_rng(8)
    letters = list("GASPVTLNDQEMHFYW")
    made = []
    for _ in range(count):
        text = "".join(rng.choice(letters, rng.integers(7, 20))) + rng.choice(["K", "R"])
        mass = VOCABULARY.masses[VOCABULARY.encode(text)].sum() + 18.010565
        charge = int(rng.integers(2, 4))
        mz = mass / charge + 1.007276
        made.append(Spectrum(text, mz, charge, np.array([100.0]), np.ones(1, np.float32), peptidoform=text))
    return made


@pytest.fixture(scope="module")
def predicted() -> Pairs:
    pairs = pair(peptides(600), SynthesisSettings())
    return replace(pairs, measured=pairs.predicted)


def noisy(predicted: Pairs, settings: NoiseSettings, seed: int) -> Pairs:
    made = add_noise(
        predicted.predicted, predicted.tokens, settings, np.ones(len(predicted)), np.random.default_rng(seed)
    )
    return replace(predicted, measured=made)


def test_the_knobs_that_made_the_spectra_come_back(predicted):
    made = noisy(predicted, TRUTH, 5)
    fit = fit_noise(made, PreprocessingSettings(), NoiseSettings(), 25.0, np.random.default_rng(1))
    found, truth = asdict(fit.settings), asdict(TRUTH)
    for knob in ("noise_peaks", "peak_error_ppm", "precursor_error_ppm", "intensity_sigma"):
        assert found[knob] == pytest.approx(truth[knob], rel=0.12), knob
    assert found["spectrum_error_ppm"] == pytest.approx(2.0, abs=1.0)  # hidden behind 6 ppm of each peak
    for knob in ("peak_dropout", "faint_peak_dropout", "neutral_loss_probability", "a_ion_probability"):
        assert found[knob] == pytest.approx(truth[knob], abs=0.06), knob
    for knob in ("immonium_probability", "precursor_probability"):
        assert found[knob] == pytest.approx(truth[knob], abs=0.06), knob
    assert found["triply_charged_probability"] == pytest.approx(0.5, abs=0.12)
    assert found["internal_fragments"] == pytest.approx(6, abs=2)
    assert found["isotopes"]
    assert (fit.spectra, fit.simulated.keys()) == (600, fit.measured.keys())


def test_spectra_without_isotopes_are_told(predicted):
    made = noisy(predicted, replace(TRUTH, isotopes=False), 6)
    fit = fit_noise(made, PreprocessingSettings(), NoiseSettings(), 25.0, np.random.default_rng(1))
    assert not fit.settings.isotopes


def test_figures_of_clean_spectra_show_no_noise(predicted):
    linear = PreprocessingSettings(intensity_scaling="linear")
    clean = preprocess(predicted.predicted, linear)
    lowest = np.zeros(len(predicted))
    figures = noise_moments(clean, predicted.predicted, predicted.tokens, lowest, 25.0)
    assert figures["peak_error_ppm"] == figures["spectrum_error_ppm"] == figures["precursor_error_ppm"] == 0
    assert figures["intensity_sigma"] == pytest.approx(0, abs=1e-6)
    assert figures["peak_dropout"] < 0.02  # the preprocessing drops what lies next to the precursor
    assert figures["isotopes"] < 0.05


def test_too_few_spectra_are_refused(predicted):
    with pytest.raises(InputError, match="10 spectra are too few"):
        fit_noise(
            predicted.select(np.arange(10)), PreprocessingSettings(), NoiseSettings(), 25.0, np.random.default_rng(1)
        )


def test_a_peak_is_matched_within_the_tolerance_alone():
    peaks = PeakBatch(
        np.array([[200.0, 500.0, 500.004, np.inf], [300.0, np.inf, np.inf, np.inf]]),
        np.array([[1.0, 0.2, 0.5, 0.0], [0.7, 0.0, 0.0, 0.0]], np.float32),
        np.array([400.0, 400.0]),
        np.array([2, 2]),
    )
    query = np.array([[200.003, 500.002, 300.0], [200.0, 300.006, 500.0]])
    found = match(peaks, query, 18.0)
    # 200 is 15 ppm off; of two peaks 4 ppm away the stronger; a peak of one spectrum is none of the other
    assert found.intensity == pytest.approx(np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]))
    assert found.error_ppm[0, :2] == pytest.approx([-15.0, 4.0], abs=0.01)
    assert match(peaks, query, 21.0).intensity[1, 1] == pytest.approx(0.7)
