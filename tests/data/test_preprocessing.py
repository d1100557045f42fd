"""Preprocessing: each step by hand, and what holds for every spectrum."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.peaks import PeakBatch
from data.preprocessing import preprocess
from data.schema import Spectrum
from data.settings import PreprocessingSettings

LOOSE = PreprocessingSettings(
    precursor_tolerance_da=0,
    peaks_per_window=1000,
    max_peaks=1000,
    min_relative_intensity=0,
    intensity_scaling="linear",
)


def run(settings, *spectra):
    batch = [
        Spectrum("s", precursor, 2, np.array(mz, np.float64), np.array(intensity, np.float32))
        for mz, intensity, precursor in spectra
    ]
    return preprocess(PeakBatch.from_spectra(batch), settings).to_lists()


def one(settings, mz, intensity, precursor=2000.0):
    return run(settings, (mz, intensity, precursor))[0]


def test_range_precursor_and_faint_peaks():
    mz, _ = one(replace(LOOSE, min_mz=100, max_mz=1000), [50, 100, 500, 1000, 1001], [1] * 5)
    assert mz.tolist() == [100, 500, 1000]
    mz, _ = one(replace(LOOSE, precursor_tolerance_da=1.5), [498.4, 498.6, 500, 501.4, 501.6], [1] * 5, 500)
    assert mz.tolist() == [498.4, 501.6]
    mz, _ = one(replace(LOOSE, min_relative_intensity=0.1), [100, 200, 300], [1, 0.1, 0.09])
    assert mz.tolist() == [100, 200]


def test_strongest_per_window_and_in_all():
    mz, _ = one(replace(LOOSE, peaks_per_window=2), [110, 120, 130, 210, 220], [0.2, 0.9, 0.5, 0.1, 1])
    assert mz.tolist() == [120, 130, 210, 220]
    mz, _ = one(replace(LOOSE, max_peaks=2), [110, 120, 130, 210, 220], [0.2, 0.9, 0.5, 0.1, 1])
    assert mz.tolist() == [120, 220]


def test_isotopes_are_removed_at_one_and_two_charges_but_not_lone_peaks():
    spacing = 1.0033548
    mz = [300, 300 + spacing, 300 + 2 * spacing, 400, 400 + spacing / 2, 500, 501.2]
    kept, _ = one(replace(LOOSE, deisotope=True), mz, [1, 0.5, 0.2, 1, 0.6, 1, 0.5])
    assert kept.tolist() == [300, 400, 500, 501.2]


@pytest.mark.parametrize(
    ("scaling", "expected"), [("root", 0.5), ("linear", 0.25), ("log", np.log(251) / np.log(1001))]
)
def test_scaling(scaling, expected):
    _, intensity = one(replace(LOOSE, intensity_scaling=scaling), [100, 200], [1, 4])
    assert intensity == pytest.approx([expected, 1])


def test_unknown_scaling_is_named():
    with pytest.raises(InputError, match="'sqrt'"):
        one(replace(LOOSE, intensity_scaling="sqrt"), [100], [1])


def test_a_spectrum_with_nothing_left_does_not_disturb_its_neighbour():
    settings = PreprocessingSettings()
    empty, full = run(settings, ([10.0], [1.0], 700.0), ([200.0, 300.0], [1.0, 2.0], 700.0))
    assert empty[0].size == 0
    assert full[0].tolist() == [200.0, 300.0]
    assert run(settings, ([], [], 700.0))[0][0].size == 0


peaks = st.lists(
    st.tuples(st.floats(40, 2600), st.floats(1e-3, 1e6)), min_size=1, max_size=60, unique_by=lambda p: p[0]
)


@given(peaks, peaks, st.booleans())
def test_what_holds_for_every_spectrum(left, right, deisotope):
    settings = PreprocessingSettings(deisotope=deisotope, max_peaks=20, peaks_per_window=5)
    spectra = [([m for m, _ in sorted(p)], [i for _, i in sorted(p)], 700.0) for p in (left, right)]
    together = run(settings, *spectra)
    for alone, (mz, intensity) in zip([run(settings, s)[0] for s in spectra], together, strict=True):
        assert np.array_equal(alone[0], mz)
        assert np.array_equal(alone[1], intensity)
        assert len(mz) <= 20
        assert np.all(np.diff(mz) > 0)
        assert np.all((mz >= settings.min_mz) & (mz <= settings.max_mz) & (np.abs(mz - 700) > 1.5))
        assert np.all((intensity > 0) & (intensity <= 1))
        assert np.isfinite(intensity).all()
