"""Heights in one spectrum: conditions by hand, begun as MS2PIP's heights, nearer to measured ones than either other."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from data.chemistry import PROTON
from data.readers import read_spectra
from data.vocabulary import PAD, VOCABULARY
from model.expected_heights import ExpectedHeights
from model.fragmentation import MEASURED, PREDICTED, likeness, observed_ions
from model.measured_heights import CONDITIONS, MeasuredHeights, conditions
from tests.model.test_match_score import EVIDENCE, index_of, spectrum, tokens_of

PEAKS = [(150.0, 4.0), (300.0, 1.0), (700.0, 4.0)]


def test_conditions_are_those_reckoned_by_hand():
    index = index_of([spectrum("LPSSDVDK", 2, PEAKS)])
    (found,) = conditions(index).numpy()
    assert found.shape == (CONDITIONS,)
    mz, mass = index.mz[0].numpy(), float(index.peptide_mass[0])
    there = np.isfinite(mz) & (index.intensity[0].numpy() > 0)
    mz, height = mz[there].astype(float), index.intensity[0].numpy()[there].astype(float)
    precursor = mass / 2 + PROTON
    wanted = []
    for weight in (height, height**2):
        share = weight / weight.sum()
        masks = (mz / mass, mz > precursor, mz < 250, mz < 0.25 * mass, mz > 0.7 * mass)
        wanted += [(share * mask).sum() for mask in masks]
    wanted += [-(share * np.log(share)).sum() for share in (height / height.sum(), height**2 / (height**2).sum())]
    wanted += [mz.min() / 100, mass / 2000, precursor / 1000]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_an_empty_spectrum_has_conditions_too():
    index = index_of([spectrum("LPSSDVDK", 2, PEAKS)])
    index.mz[:], index.intensity[:] = torch.inf, 0.0
    assert conditions(index).isfinite().all()


def test_new_weights_leave_ms2pips_heights_as_they_are():
    heights, tokens = torch.rand(2, 3, 8, 4), tokens_of("LPSSDVDK", "PLSSDVDK", "GASK")[0, :, :8]
    inputs = ExpectedHeights(VOCABULARY).inputs(tokens, torch.full((3,), 2))
    found = MeasuredHeights().eval()(tokens, inputs, heights, torch.zeros(3, CONDITIONS))
    torch.testing.assert_close(found, heights[PREDICTED] + 0.02)  # so much always, that the least may be raised


def test_heights_do_not_depend_on_what_stands_beside_or_behind():
    expected, seen = ExpectedHeights(VOCABULARY), [spectrum("LPSSDVDK", 2, PEAKS), spectrum("GASK", 2, PEAKS[1:])]
    tokens = torch.cat([tokens_of("LPSSDVDK", "PLSSDVDK"), tokens_of("LPSSDVDK", "")])
    both = expected.in_spectra(index_of(seen), tokens)
    alone = expected.in_spectra(index_of(seen[:1]), functional.pad(tokens[:1, :1], (0, 5), value=PAD))
    torch.testing.assert_close(both[:, 0, 0, :8], alone[:, 0, 0, :8], rtol=1e-4, atol=1e-5)
    assert (both[MEASURED, 0, 0] - both[MEASURED, 1, 0]).abs().max() > 1e-3  # the spectra differ


@pytest.fixture(scope="module")
def by_file(mirror):
    """Mean likenesses, as below, of a hundred spectra of each file."""
    files = ("proteometools_225.mgf", "casanovo_mouse_128.mgf", "qeplus_hair_608.mgf")
    spectra = {file: [s for s in read_spectra(mirror / "annotated" / file) if s.peptidoform][:100] for file in files}
    return {file: torch.cat([likenesses(seen) for seen in of]).mean(0) for file, of in spectra.items()}


@pytest.mark.parametrize("file", ["proteometools_225.mgf", "qeplus_hair_608.mgf"])
def test_measured_spectra_are_nearer_to_them_than_to_either_prediction(by_file, file):
    by_ms2pip, by_small, in_spectrum = by_file[file]
    assert in_spectrum > max(by_small, by_ms2pip)


def test_the_mouse_sample_is_nearer_to_them_than_to_ms2pip_and_all_three_than_to_either(by_file):
    by_ms2pip, _, in_spectrum = by_file["casanovo_mouse_128.mgf"]
    assert in_spectrum > by_ms2pip
    by_ms2pip, by_small, in_spectrum = torch.stack(list(by_file.values())).mean(0)
    assert in_spectrum > max(by_small, by_ms2pip)


def likenesses(seen):
    """(1, 3), of a spectrum with its own peptide's heights: MS2PIP's, the small network's, those in this spectrum."""
    expected, tokens, index = ExpectedHeights(VOCABULARY), tokens_of(seen.peptidoform), index_of([seen])
    observed, asked = observed_ions(EVIDENCE, index, tokens)
    without = expected(tokens[0], index.charge)
    told = torch.stack([without[PREDICTED], without[MEASURED], expected.in_spectra(index, tokens)[MEASURED, 0]])
    return likeness(told, observed, asked).mT
