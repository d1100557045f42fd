"""Exact decoding against brute force over every token sequence."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pyteomics import mass as pyteomics_mass

from data.chemistry import ISOTOPE_SPACING, WATER
from data.vocabulary import GAP, PAD, STOP, VOCABULARY
from model.decoding import DecodingSettings, ExactDecoder

MASSES = VOCABULARY.masses
RESIDUES = [number for number, token in enumerate(VOCABULARY.tokens) if token.residue and number != GAP]
TERMINAL = [number for number, token in enumerate(VOCABULARY.tokens) if token.is_terminal]
MODIFIED = {number for number, token in enumerate(VOCABULARY.tokens) if token.modifications}
PLAIN = {token.residue: number for number, token in enumerate(VOCABULARY.tokens) if not token.modifications}


def log_probabilities(rng, allowed, slots, batch=1):
    """Random ones over some tokens, with terminal modifications in the first slot only."""
    logits = np.full((batch, slots, len(MASSES)), -1e4)
    logits[:, :, [*allowed, STOP]] = rng.normal(0, 2, (batch, slots, len(allowed) + 1))
    return torch.tensor(logits).log_softmax(-1)


def brute_force(log_probability, peptide_mass, settings):
    """Score and tokens of every peptide of the right mass, best first."""
    slots, tokens = log_probability.shape
    tolerance = peptide_mass * settings.tolerance_ppm * 1e-6
    wanted = [peptide_mass - WATER - errors * ISOTOPE_SPACING for errors in range(settings.isotope_errors + 1)]
    residues = [token for token in range(STOP + 1, tokens) if log_probability[0, token] > -1e3]
    usable = [residues, *[[token for token in residues if token not in TERMINAL]] * (slots - 1)]
    found = []
    for length in range(1, slots + 1):
        for peptide in product(*usable[:length]):
            total = MASSES[list(peptide)].sum()
            modified = sum(
                token in MODIFIED and (token in TERMINAL or PLAIN[VOCABULARY.tokens[token].residue] in residues)
                for token in peptide
            )
            if not any(abs(total - mass) <= tolerance for mass in wanted):
                continue
            if settings.max_modifications is not None and modified > settings.max_modifications:
                continue
            score = sum(float(log_probability[slot, token]) for slot, token in enumerate(peptide))
            found.append((score + (float(log_probability[length, STOP]) if length < slots else 0.0), peptide))
    return sorted(found, reverse=True)


def peptides_of(decoded, row=0):
    return [
        (score, tuple(int(token) for token in tokens if token != PAD))
        for score, tokens in zip(decoded.score[row].tolist(), decoded.tokens[row], strict=True)
        if np.isfinite(score)
    ]


@given(
    seed=st.integers(0, 10_000),
    letters=st.lists(st.sampled_from(RESIDUES), min_size=2, max_size=4, unique=True),
    terminal=st.sampled_from([[], *[[number] for number in TERMINAL]]),
    slots=st.integers(2, 5),
    settings=st.builds(
        DecodingSettings,
        candidates=st.integers(1, 5),
        tolerance_ppm=st.sampled_from([0.01, 20.0, 500.0]),
        isotope_errors=st.integers(0, 2),
        max_modifications=st.sampled_from([None, 0, 1]),
        beam=st.sampled_from([1, 4, 64]),
        widest_beam=st.just(4096),
    ),
    data=st.data(),
)
def test_finds_what_brute_force_finds(seed, letters, terminal, slots, settings, data):
    allowed = [*letters, *terminal]
    log_probability = log_probabilities(np.random.default_rng(seed), allowed, slots)
    true = data.draw(st.lists(st.sampled_from(letters), min_size=1, max_size=slots))
    shift = data.draw(st.sampled_from([0.0, ISOTOPE_SPACING, 0.3]))
    peptide_mass = float(MASSES[true].sum() + WATER + shift)
    decoded = ExactDecoder(VOCABULARY, allowed, settings).decode(
        log_probability, torch.tensor([peptide_mass], dtype=torch.float64)
    )
    expected = brute_force(log_probability[0].numpy(), peptide_mass, settings)[: settings.candidates]
    assert decoded.proven[0]
    found = peptides_of(decoded)
    assert [score for score, _ in found] == pytest.approx([score for score, _ in expected], abs=1e-3)
    for score, peptide in found:
        assert any(peptide == other for value, other in expected if value == pytest.approx(score, abs=1e-3))
    assert bool(decoded.found[0]) == bool(expected)


@given(seed=st.integers(0, 10_000), length=st.integers(1, 20), charge=st.integers(1, 4))
def test_every_answer_weighs_what_the_precursor_weighs(seed, length, charge):
    rng = np.random.default_rng(seed)
    letters = "".join(rng.choice(list("GASPVTCLNDQKEMHFRYW"), length))
    mz = pyteomics_mass.calculate_mass(sequence=letters, charge=charge)
    neutral = mz * charge - charge * pyteomics_mass.calculate_mass(formula="H+", charge=0)
    log_probability = log_probabilities(rng, RESIDUES, 24)
    decoded = ExactDecoder(VOCABULARY, RESIDUES, DecodingSettings(candidates=3)).decode(
        log_probability, torch.tensor([neutral], dtype=torch.float64)
    )
    assert decoded.found[0]
    for _, peptide in peptides_of(decoded):
        assert MASSES[list(peptide)].sum() + WATER == pytest.approx(neutral, abs=20.1e-6 * neutral)


def test_says_that_nothing_weighs_so_little():
    decoded = ExactDecoder(VOCABULARY, RESIDUES, DecodingSettings()).decode(
        log_probabilities(np.random.default_rng(0), RESIDUES, 8), torch.tensor([40.0], dtype=torch.float64)
    )
    assert not decoded.found[0] and decoded.proven[0]


def test_a_peptide_longer_than_the_slots_is_not_found():
    glycine = VOCABULARY.encode("G")
    decoded = ExactDecoder(VOCABULARY, glycine, DecodingSettings()).decode(
        log_probabilities(np.random.default_rng(0), glycine, 4),
        torch.tensor([WATER + 5 * MASSES[glycine[0]]], dtype=torch.float64),
    )
    assert not decoded.found[0] and decoded.proven[0]


def test_a_search_that_is_cut_short_says_so():
    rng = np.random.default_rng(1)
    log_probability = log_probabilities(rng, RESIDUES, 24) * 1e-3
    decoded = ExactDecoder(VOCABULARY, RESIDUES, DecodingSettings(candidates=50, beam=8, widest_beam=8)).decode(
        log_probability, torch.tensor([2000.0], dtype=torch.float64)
    )
    assert not decoded.proven[0]


def test_spectra_of_a_batch_do_not_touch_each_other():
    rng = np.random.default_rng(2)
    log_probability = log_probabilities(rng, RESIDUES, 16, batch=6)
    peptide_mass = torch.tensor(
        [WATER + MASSES[rng.choice(RESIDUES, 4 + row)].sum() for row in range(6)], dtype=torch.float64
    )
    decoder = ExactDecoder(VOCABULARY, RESIDUES, DecodingSettings(candidates=2))
    together = decoder.decode(log_probability, peptide_mass)
    for row in range(6):
        alone = decoder.decode(log_probability[row : row + 1], peptide_mass[row : row + 1])
        assert torch.equal(alone.tokens[0], together.tokens[row])
        assert torch.allclose(alone.score[0], together.score[row], atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_a_gpu_finds_the_same():
    rng = np.random.default_rng(3)
    log_probability = log_probabilities(rng, RESIDUES, 16, batch=4)
    peptide_mass = torch.tensor([WATER + MASSES[rng.choice(RESIDUES, 9)].sum() for _ in range(4)], dtype=torch.float64)
    on_cpu = ExactDecoder(VOCABULARY, RESIDUES, DecodingSettings()).decode(log_probability, peptide_mass)
    on_gpu = ExactDecoder(VOCABULARY, RESIDUES, DecodingSettings(), "cuda").decode(
        log_probability.cuda(), peptide_mass.cuda()
    )
    assert torch.equal(on_cpu.tokens, on_gpu.tokens.cpu())
