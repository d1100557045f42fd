"""Ambiguities of hand-made spectra, their masses by pyteomics."""

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.peaks import PeakBatch
from data.schema import Spectrum
from data.vocabulary import PAD, VOCABULARY
from model.ambiguity import ambiguities
from model.recursion import Network
from model.settings import NetworkSettings
from model.spectra import to_spectra

SLOTS = 14


@pytest.fixture(scope="module")
def network():
    settings = NetworkSettings(width=16, heads=2, encoder_layers=0, core_layers=1, slots=SLOTS)
    network = Network(settings, VOCABULARY).eval()
    plain_cysteine = VOCABULARY.encode("C")[0]
    network.allow(number for number in network.candidates.tolist() if number != plain_cysteine)
    return network


def ambiguity(network, peptide, unseen=(), tolerance_ppm=20.0):
    """Of a spectrum that shows the b and y ions of every cleavage but some, numbered by the residues before them."""
    ids = VOCABULARY.encode(peptide)
    residues = VOCABULARY.masses[ids]
    total, prefix = residues.sum(), residues.cumsum()[:-1]
    proton, water = mass.nist_mass["H+"][0][0], mass.calculate_mass(formula="H2O")
    first = int(VOCABULARY.is_terminal[ids[0]])
    shown = [p for number, p in enumerate(prefix[first:], start=1) if number not in unseen]
    mz = np.sort([m + proton for p in shown for m in (p, total - p + water)])
    spectrum = Spectrum("s", (total + water) / 2 + proton, 2, mz, np.ones(len(mz), np.float32))
    peaks = to_spectra(PeakBatch.from_spectra([spectrum]), len(mz), "cpu")
    tokens = torch.tensor([[*ids, *[PAD] * (SLOTS - len(ids))]])
    masses = torch.as_tensor(VOCABULARY.masses)[tokens]
    return ambiguities(tokens, masses, network.index(peaks), network, tolerance_ppm)[0]


def test_a_complete_ladder_tells_all(network):
    assert ambiguity(network, "SAVPTLEGR") == ""


def test_an_unseen_cleavage_leaves_order_and_composition_open(network):
    # A+G weighs what Q weighs (128.0586); K is 0.0364 Da heavier
    assert mass.fast_mass("AG") == pytest.approx(mass.fast_mass("Q"), abs=1e-4)
    assert ambiguity(network, "SVAGTLEWR", unseen=[3]) == "3-4:AG=Q=GA"
    assert ambiguity(network, "SVGGTLEWR", unseen=[3]) == "3-4:GG=N"
    assert ambiguity(network, "SVPTLEWR", unseen=[3]) == "3-4:PT=TP"


def test_two_residues_whose_cleavage_would_be_unseen_are_no_equal_of_one(network):
    assert ambiguity(network, "SVNTLEWR") == "" and ambiguity(network, "SVQTLEWR") == ""


def test_near_masses_are_open_only_where_the_tolerance_is_wider(network):
    # K and Q differ by 0.0364 Da: 20 ppm of this peptide are 0.02 Da, 60 ppm of it 0.06 Da
    assert "K" not in ambiguity(network, "SVQTLEWR", tolerance_ppm=20.0)
    wide = NetworkSettings(width=16, heads=2, encoder_layers=0, core_layers=1, slots=SLOTS, fragment_tolerance=200.0)
    assert "=K" in ambiguity(Network(wide, VOCABULARY), "SVQTLEWR", tolerance_ppm=60.0)


def test_equal_modified_residues_are_said(network):
    # deamidated N weighs what D weighs, to the last digit: said of the rarer of the two
    assert ambiguity(network, "SVN[UNIMOD:7]TLEWR") == "3:N[UNIMOD:7]=D"
    assert ambiguity(network, "SVDTLEWR") == ""
    assert "=F" not in ambiguity(network, "SVM[UNIMOD:35]TLEWR")
    wide = NetworkSettings(width=16, heads=2, encoder_layers=0, core_layers=1, slots=SLOTS, fragment_tolerance=200.0)
    assert "=F" in ambiguity(Network(wide, VOCABULARY), "SVM[UNIMOD:35]TLEWR", tolerance_ppm=60.0)


def test_positions_count_residues_and_not_the_terminal_modification(network):
    assert ambiguity(network, "[UNIMOD:1]-SVGGTLEWR", unseen=[3]) == "3-4:GG=N"


def test_a_long_stretch_is_said_to_be_open(network):
    assert ambiguity(network, "SVAGTLEWR", unseen=[3, 4, 5]) == "3-6:AGTL=…"


def test_many_readings_are_cut_short(network):
    text = ambiguity(network, "SVAGTLEWR", unseen=[3, 4])
    assert text.startswith("3-5:AGT=") and text.endswith("=…") and text.count("=") == 8


def test_every_reading_weighs_the_same(network):
    text = ambiguity(network, "SVAGTLEWR", unseen=[3, 4]).partition(":")[2].removesuffix("=…")
    weights = [VOCABULARY.masses[VOCABULARY.encode(reading)].sum() for reading in text.split("=")]
    assert weights == pytest.approx([weights[0]] * len(weights), abs=0.02)
