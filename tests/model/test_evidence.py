"""The vectorised evidence against a slow reference, spectrum by spectrum, that shares no code with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.vocabulary import GAP, STOP, VOCABULARY
from model.evidence import (
    AHEAD_FEATURE,
    ISOTOPE_FEATURES,
    LEFT_FEATURES,
    SERIES_FEATURES,
    MassEvidence,
    candidate_features,
)
from model.hypothesis import read_hypothesis
from model.peak_lookup import strongest_within
from model.settings import NetworkSettings

PROTON = mass.nist_mass["H+"][0][0]
WATER = mass.calculate_mass(formula="H2O")
SETTINGS = NetworkSettings()
CANDIDATES = torch.arange(STOP + 1, GAP)


def tolerance(mz: float) -> float:
    return max(mz * SETTINGS.fragment_tolerance * 1e-6, SETTINGS.fragment_tolerance_min_da)


def look_up(mz: np.ndarray, intensity: np.ndarray, query: float) -> tuple[float, float]:
    """Strongest of the two peaks around the query that lie within the tolerance, and its closeness."""
    best = (0.0, 0.0)
    after = int(np.searchsorted(mz, query))
    for peak in (after - 1, after):
        if 0 <= peak < len(mz) and abs(mz[peak] - query) <= tolerance(query) and intensity[peak] > best[0]:
            best = (float(intensity[peak]), 1 - abs(mz[peak] - query) / tolerance(query))
    return best


def fragments(prefix: float, peptide: float) -> list[float]:
    """b, y, b++, y++ of the cleavage behind a prefix (Roepstorff & Fohlman 1984; Biemann 1988)."""
    return [(part + charge * PROTON) / charge for charge in (1, 2) for part in (prefix, peptide - prefix)]


@pytest.fixture
def spectrum() -> tuple[np.ndarray, np.ndarray, float, int, list[int]]:
    """A noisy spectrum of a peptide whose first residues are the hypothesis."""
    rng = np.random.default_rng(5)
    peptide = "LGEYGFQNALLVR"
    ids = VOCABULARY.encode(peptide)
    prefixes = np.cumsum(VOCABULARY.masses[ids])[:-1]
    total = float(VOCABULARY.masses[ids].sum()) + WATER
    peaks = [mz for prefix in prefixes for mz in fragments(prefix, total)] + list(rng.uniform(100, 1400, 60))
    mz = np.sort(np.array(peaks) * (1 + rng.normal(0, 4e-6, len(peaks))))
    intensity = rng.random(len(mz)).astype(np.float32)
    return mz, intensity, total, 2, ids


def evidence_of(spectrum, tokens, charge=None, settings=SETTINGS, doubly_charged=True):
    mz, intensity, total, z, _ = spectrum
    z = charge or z
    module = MassEvidence(settings, VOCABULARY)
    index = module.index(
        torch.tensor(mz)[None],
        torch.tensor(intensity)[None],
        torch.tensor([(total + z * PROTON) / z], dtype=torch.float64),
        torch.tensor([z]),
        doubly_charged=doubly_charged,
    )
    answer = torch.nn.functional.one_hot(torch.tensor(tokens)[None], len(VOCABULARY)).float()
    hypothesis = read_hypothesis(answer, torch.zeros(1, len(tokens)), index.peptide_mass, module.masses)
    return module(index, hypothesis, CANDIDATES)


def test_ion_features_equal_the_slow_reference(spectrum):
    mz, intensity, total, _, ids = spectrum
    hypothesis = [*ids[:6], STOP, *ids[:3]]
    evidence = evidence_of(spectrum, hypothesis)
    prefix = 0.0
    for slot, token in enumerate(hypothesis):
        assert evidence.remaining_mass[0, slot].item() == pytest.approx(total - WATER - prefix, abs=1e-4)
        for candidate in range(STOP + 1, GAP):
            cleavage = prefix + VOCABULARY.masses[candidate]
            found = evidence.candidate[0, slot, candidate - STOP - 1]
            for series, query in enumerate(fragments(cleavage, total)):
                expected, closeness = look_up(mz, intensity, query)
                assert found[series].item() == pytest.approx(expected, abs=1e-5)
                assert found[SERIES_FEATURES + series].item() == pytest.approx(closeness, abs=0.02)
        if slot < 6:
            prefix += VOCABULARY.masses[token]


def test_look_ahead_sees_a_cleavage_one_residue_further(spectrum):
    _, intensity, _, _, ids = spectrum
    evidence = evidence_of(spectrum, [*ids[:4], STOP])
    right = evidence.candidate[0, 4, ids[4] - STOP - 1]
    assert 0 < right[AHEAD_FEATURE].item() <= intensity.max()


def test_closure_marks_the_residue_that_completes_the_mass(spectrum):
    *_, ids = spectrum
    evidence = evidence_of(spectrum, ids)
    closes = evidence.candidate[0, len(ids) - 1, :, AHEAD_FEATURE + 1]
    assert closes[ids[-1] - STOP - 1] == 1
    isobaric = np.isclose(VOCABULARY.masses[STOP + 1 : GAP], VOCABULARY.masses[ids[-1]], atol=0.02)
    assert closes.sum() == isobaric.sum()


def test_doubly_charged_ions_need_a_precursor_of_two_charges(spectrum):
    *_, ids = spectrum
    single = evidence_of(spectrum, ids, charge=1)
    assert single.candidate[..., 2:SERIES_FEATURES].abs().max() == 0
    assert evidence_of(spectrum, ids).candidate[..., 2:SERIES_FEATURES].max() > 0


def test_support_falls_where_the_hypothesis_leaves_the_peptide(spectrum):
    *_, ids = spectrum
    wrong = [*ids[:5], *VOCABULARY.encode("WWWW"), STOP]
    support = evidence_of(spectrum, wrong).slot[0, :, 0]
    assert (support[:6] > 0).all()
    right = evidence_of(spectrum, [*ids, STOP]).slot[0, :, 0]
    assert support.sum() < right.sum()


def test_padding_neither_matches_nor_changes_anything(spectrum):
    mz, intensity, total, z, ids = spectrum
    padded = (np.append(mz, [np.inf] * 7), np.append(intensity, np.zeros(7, np.float32)), total, z, ids)
    for name in ("candidate", "slot"):
        assert torch.equal(getattr(evidence_of(spectrum, ids), name), getattr(evidence_of(padded, ids), name))


def test_nearest_of_two_keys_by_brute_force():
    rng = np.random.default_rng(0)
    keys = torch.tensor(np.sort(rng.uniform(0, 100, (3, 50)), 1), dtype=torch.float32)
    values = torch.tensor(rng.random((3, 50)), dtype=torch.float32)
    query = torch.tensor(rng.uniform(-5, 105, (3, 200)), dtype=torch.float32)
    value, distance, position = strongest_within(keys, values, query, torch.full_like(query, 0.5))
    for row in range(3):
        for column in range(200):
            q = query[row, column]
            after = int((keys[row] < q).sum())
            near = [k for k in (after - 1, after) if 0 <= k < 50 and abs(keys[row, k] - q) <= 0.5]
            expected = max((values[row, k].item() for k in near), default=0.0)
            assert value[row, column].item() == pytest.approx(expected)
            if near:
                assert values[row, position[row, column]].item() == pytest.approx(expected)
            else:
                assert distance[row, column] == 0.5


def test_right_anchored_features_equal_the_slow_reference(spectrum):
    mz, intensity, total, _, ids = spectrum
    tokens = [*ids[:4], *VOCABULARY.encode("GW"), *ids[6:], STOP, ids[0]]
    evidence = evidence_of(spectrum, tokens, settings=replace(SETTINGS, right_anchor=True)).candidate[
        ..., LEFT_FEATURES:
    ]
    masses = VOCABULARY.masses[tokens]
    length = len(ids)
    for slot in range(length):
        behind = masses[slot + 1 : length].sum()
        for candidate in (ids[slot], *VOCABULARY.encode("GSKR")):
            cleavage = total - WATER - behind - VOCABULARY.masses[candidate]
            found = evidence[0, slot, candidate - STOP - 1]
            for series, query in enumerate(fragments(cleavage, total)):
                expected, _ = look_up(mz, intensity, query)
                assert found[series].item() == pytest.approx(expected, abs=1e-5)
            meets = abs(cleavage - masses[:slot].sum()) < (total - WATER) * 20e-6
            assert found[-1].item() == float(meets)
    assert evidence[0, length:].abs().max() == 0


def test_without_an_end_there_is_no_anchor_on_the_right(spectrum):
    *_, ids = spectrum
    evidence = evidence_of(spectrum, ids, settings=replace(SETTINGS, right_anchor=True))
    assert evidence.candidate[..., LEFT_FEATURES:].abs().max() == 0


def test_isotopes_tell_first_peaks_from_later_ones_and_the_charge(spectrum):
    *_, total, _, ids = spectrum
    cleavages = np.cumsum(VOCABULARY.masses[ids])[[3, 7]]
    first = [fragments(cleavages[0], total)[1], fragments(cleavages[1], total)[3]]  # y and y++
    spacing = mass.nist_mass["C"][13][0] - mass.nist_mass["C"][12][0]
    mz = np.array([first[0], first[0] + spacing, first[1], first[1] + spacing / 2])
    order = np.argsort(mz)
    made = (mz[order], np.array([1.0, 0.8, 0.9, 0.7], np.float32)[order], total, 3, ids)
    settings = replace(SETTINGS, isotope_evidence=True, right_anchor=True)
    evidence = evidence_of(made, [*ids, STOP], settings=settings)
    assert evidence.candidate.shape[-1] == candidate_features(settings)
    isotope = evidence.candidate[0, ..., -2 * ISOTOPE_FEATURES :]
    for slot, series in ((3, 1), (7, 3)):
        right = isotope[slot, ids[slot] - STOP - 1]
        assert right[series] == 1 and right[:ISOTOPE_FEATURES].abs().sum() == 1
        behind = isotope[slot + 1, ids[slot + 1] - STOP - 1, ISOTOPE_FEATURES:]
        assert behind[series] == 1 and behind.abs().sum() == 1
    module = MassEvidence(settings, VOCABULARY)
    index = module.index(
        torch.tensor(made[0])[None], torch.tensor(made[1])[None], torch.tensor([total / 3 + PROTON]), torch.tensor([3])
    )
    later = module.ions(index, torch.tensor([[cleavages[0] - spacing, cleavages[1] - spacing]]))
    assert later.intensity[0, 0, 1] > 0 and later.isotope[0, 0, 1] == -1
    assert later.intensity[0, 1, 3] > 0 and later.isotope[0, 1, 3] == -1


def test_tolerance_in_dalton_is_as_wide_everywhere(spectrum):
    *_, ids = spectrum
    settings = replace(SETTINGS, fragment_tolerance=0.5, fragment_tolerance_unit="Da")
    wide, narrow = (
        evidence_of(spectrum, ids, settings=s).candidate[..., :SERIES_FEATURES] for s in (settings, SETTINGS)
    )
    assert (wide > 0).sum() > 3 * (narrow > 0).sum()
    module = MassEvidence(settings, VOCABULARY)
    assert module.tolerance_da_at(torch.tensor([100.0, 1000.0])).tolist() == [0.5, 0.5]


def test_a_stage_may_leave_doubly_charged_ions_out(spectrum):
    *_, ids = spectrum
    single = evidence_of(spectrum, ids, doubly_charged=False)
    assert single.candidate[..., 2:SERIES_FEATURES].abs().max() == 0
    assert single.candidate[..., :2].max() > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_evidence_is_the_same_on_the_gpu(spectrum):
    mz, intensity, total, z, ids = spectrum
    settings = replace(SETTINGS, right_anchor=True)
    answer = torch.nn.functional.one_hot(torch.tensor([*ids, STOP])[None], len(VOCABULARY)).float()
    found = []
    for device in ("cpu", "cuda"):
        module = MassEvidence(settings, VOCABULARY).to(device)
        spectra = (
            torch.tensor(mz)[None],
            torch.tensor(intensity)[None],
            torch.tensor([(total + z * PROTON) / z]).double(),
        )
        index = module.index(*(part.to(device) for part in spectra), torch.tensor([z], device=device))
        gaps = torch.zeros(answer.shape[:2], device=device)
        hypothesis = read_hypothesis(answer.to(device), gaps, index.peptide_mass, module.masses)
        found.append(module(index, hypothesis, CANDIDATES.to(device)).candidate.cpu())
    assert torch.allclose(*found, atol=1e-5)
