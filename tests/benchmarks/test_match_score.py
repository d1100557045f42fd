"""Further copies of measured spectra, on which the scores are fitted."""

import numpy as np

from benchmarks.match_score import thinned
from data.batches import SpectrumSet
from data.peaks import PeakBatch


def spectra_of(counts: list[int], rng: np.random.Generator) -> SpectrumSet:
    width = max(counts)
    mz, intensity = np.full((len(counts), width), np.inf), np.zeros((len(counts), width), np.float32)
    for row, count in enumerate(counts):
        mz[row, :count] = np.sort(rng.uniform(100, 1500, count))
        intensity[row, :count] = rng.permutation(count) + 1
    peaks = PeakBatch(mz, intensity, np.full(len(counts), 700.0), np.full(len(counts), 2))
    return SpectrumSet(peaks, np.zeros((len(counts), 4), np.int64))


def test_thinned_spectra_keep_their_strongest_peaks() -> None:
    counts = [12, 20, 40, 200, 200]
    spectra = spectra_of(counts, np.random.default_rng(0))
    found = thinned(spectra, np.random.default_rng(1)).peaks
    kept = np.isfinite(found.mz).sum(1)
    assert kept[:2].tolist() == [12, 20]  # so few are never thinned
    assert (kept[2:] >= [20, 50, 50]).all()
    assert (kept[3:] < 200).all()
    for row, (mz, intensity) in enumerate(found.to_lists()):
        # intensities are 1 to the number of peaks, so the strongest are the last numbers
        assert sorted(intensity.tolist()) == list(range(counts[row] - kept[row] + 1, counts[row] + 1))
        before = dict(zip(spectra.peaks.intensity[row], spectra.peaks.mz[row], strict=True))
        assert mz.tolist() == [before[height] for height in intensity]
        assert (np.diff(mz) > 0).all()
