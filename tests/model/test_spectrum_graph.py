"""The spectrum graph against sums over all strings and all paths, written out."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
import torch
from pyteomics import mass

from data.vocabulary import GAP, STOP, VOCABULARY
from model.peak_reading import READINGS
from model.residue_strings import GRID_DA
from model.spectrum_graph import SpectrumGraph, _posterior
from tests.model.conftest import ladder

WATER = mass.calculate_mass(formula="H2O")
GRAPH = SpectrumGraph(VOCABULARY)


def normal(x: float, sd: float) -> float:
    return float(np.exp(-0.5 * (x / sd) ** 2) / (sd * np.sqrt(2 * np.pi)))


def test_edges_are_sums_over_all_strings_of_residues():
    frequency = {}
    for token in VOCABULARY.tokens[STOP + 1 : GAP]:
        if not token.is_terminal:
            common = token.text == "C[UNIMOD:4]" or not (token.modifications or token.residue == "C")
            frequency[token] = (2.0 if token.residue == "L" else 1.0) if common else 0.04
    whole = sum(frequency.values())
    for distance in (57.02, 99.07, 114.045, 128.08, 170.11, 186.08, 199.9):
        expected = np.zeros(2)  # whatever the analyser, and for good ones
        for length in (1, 2, 3):
            for string in product(frequency, repeat=length):
                weight = 0.5 ** (length - 1) * np.prod([frequency[t] / whole for t in string])
                off = distance - sum(t.mass for t in string)
                if abs(off) < 0.25:
                    expected += weight * (
                        np.array(
                            [
                                0.75 * normal(off, 0.004) + 0.25 * normal(off, 0.025),
                                0.97 * normal(off, 0.0035) + 0.03 * normal(off, 0.02),
                            ]
                        )
                        / 0.02
                    )
        found = GRAPH.edge[:, round(distance / GRID_DA)].numpy()
        assert found == pytest.approx(expected, rel=0.5, abs=0.05)


@pytest.mark.parametrize("is_good", [0, 1])
def test_posteriors_are_shares_of_the_weight_of_all_paths(is_good):
    rng = np.random.default_rng(2)
    residues = VOCABULARY.masses[VOCABULARY.encode("GASPVK")]
    total = float(residues.sum())
    nodes = np.sort(np.concatenate([residues.cumsum()[:-1], [100.3, 128.06, 300.1]]))
    weights = rng.uniform(0.1, 3.0, len(nodes))

    def edge(distance: float, table: torch.Tensor) -> float:
        place = round(distance / GRID_DA)
        return table[place].item() if 0 <= place < len(table) else 0.0

    share, whole = np.zeros(len(nodes)), 0.0
    for size in range(len(nodes) + 1):
        for path in combinations(range(len(nodes)), size):
            stops = [0.0, *nodes[list(path)], total]
            weight = edge(stops[1], GRAPH.first_edge[is_good])
            for before, after in pairwise(stops[1:]):
                weight *= edge(after - before, GRAPH.edge[is_good])
            weight *= np.prod(weights[list(path)])
            whole += weight
            share[list(path)] += weight
    mass_of = torch.tensor([total]).double()
    edges = GRAPH._edges(torch.tensor([[*nodes, np.inf]]), mass_of, torch.tensor([is_good]))
    found, all_paths = (part[0] for part in _posterior(edges, torch.tensor([[*weights, 0.0]])))
    assert found[:-1].numpy() == pytest.approx(share / whole, rel=1e-4)
    assert found[-1] == 0
    assert float(all_paths) == pytest.approx(whole, rel=1e-4)


def test_cleavages_of_a_peptide_stand_out_from_peaks_anywhere():
    rng = np.random.default_rng(4)
    for peptide, charge in (("LGEYGFQNALLVR", 2), ("[UNIMOD:1]-SAMPLEK", 2), ("HHLPEPTLDESTR", 3)):
        spectrum = ladder(peptide, charge, rng)
        ids = VOCABULARY.encode(peptide)
        inner = np.array([not VOCABULARY.is_terminal[token] for token in ids])
        true = VOCABULARY.masses[ids].cumsum()[inner][:-1]
        total = VOCABULARY.masses[ids].sum()
        mz = np.sort(np.concatenate([spectrum.mz, rng.uniform(100, 900, 40)]))
        known = np.isin(mz, spectrum.mz)
        intensity = np.where(known, 0.6, rng.uniform(0.2, 0.8, len(mz))).astype(np.float32)
        arguments = (
            torch.tensor(mz)[None],
            torch.tensor(intensity)[None],
            torch.tensor([total + WATER]),
            torch.tensor([charge]),
            torch.full((1, len(mz)), 0.01),
            torch.tensor([5.0]),
        )
        node, posterior, *_ = (part[0].numpy() for part in GRAPH(*arguments))
        best = [posterior[np.abs(node - prefix) < 0.01].max() for prefix in true]
        assert min(best) > 0.9
        elsewhere = np.isfinite(node) & (np.abs(node[:, None] - true).min(1) > 0.05)
        assert posterior[elsewhere].mean() < 0.05


def one_end(peptide: str, terminus: str) -> tuple[torch.Tensor, ...]:
    """A doubly charged peptide of which one end's ions stand high, and a third of the other's low."""
    high, low = ("b", "y") if terminus == "b" else ("y", "b")
    places = range(1, len(peptide))

    def ions(series: str) -> list[float]:
        pieces = [peptide[:n] if series == "b" else peptide[n:] for n in places]
        return [mass.fast_mass(piece, ion_type=series, charge=1) for piece in pieces]

    heights = {**dict.fromkeys(ions(high), 0.8), **dict.fromkeys(ions(low)[::3], 0.15)}
    mz = torch.tensor(sorted(heights), dtype=torch.float64)
    return (
        mz[None],
        torch.tensor([heights[float(each)] for each in mz])[None],
        torch.tensor([mass.fast_mass(peptide)], dtype=torch.float64),
        torch.tensor([2]),
        torch.full((1, len(mz)), 0.01),
        torch.tensor([3.0]),
    )


def true_posteriors(peptide: str, terminus: str) -> list[float]:
    node, posterior, *_ = (part[0].numpy() for part in GRAPH(*one_end(peptide, terminus)))
    true = [mass.fast_mass(peptide[:end]) - WATER for end in range(2, len(peptide) - 1)]
    return [posterior[np.abs(node - prefix) < 0.01].max() for prefix in true]


@pytest.mark.parametrize("peptide", ["RAEFVLGTQPATQ", "FVELGTQPATQ", "HLDEAGTSPQVLA"])
def test_peptides_that_hold_the_charge_at_their_beginning_are_read_from_there(peptide):
    assert min(true_posteriors(peptide, "b")) > 0.5


@pytest.mark.parametrize("peptide", ["QTAPQTGLVFEAR", "HLDEAGTSPQVLK"])
def test_peptides_that_hold_the_charge_at_their_end_are_read_as_ever(peptide):
    assert float(GRAPH(*one_end(peptide, "y")).gain) < -20
    assert min(true_posteriors(peptide, "y")) > 0.95


def test_rows_do_not_see_each_other_and_empty_spectra_have_no_nodes():
    rng = np.random.default_rng(5)
    one, other = ladder("PEPTLDEK", 2, rng), ladder("GASPVTLNDQK", 2, rng)
    width = max(len(one.mz), len(other.mz))
    mz = torch.full((3, width), np.inf, dtype=torch.float64)
    intensity = torch.zeros(3, width)
    for row, spectrum in enumerate((one, other)):
        mz[row, : len(spectrum.mz)] = torch.from_numpy(spectrum.mz)
        intensity[row, : len(spectrum.mz)] = torch.from_numpy(spectrum.intensity)
    mass_of = [VOCABULARY.masses[VOCABULARY.encode(s.peptidoform)].sum() + WATER for s in (one, other)]
    mass_of = torch.tensor([*mass_of, 900.0])
    charge, tolerance = torch.tensor([2, 2, 2]), torch.full((3, width), 0.01)
    deviation = torch.tensor([1.0, 9.0, 9.0])  # each row has its own table
    found = GRAPH(mz, intensity, mass_of, charge, tolerance, deviation)
    node, posterior = found.mass, found.posterior
    alone = GRAPH(mz[:1], intensity[:1], mass_of[:1], charge[:1], tolerance[:1], deviation[:1])
    for together, own in zip(found, alone, strict=True):
        torch.testing.assert_close(together[:1], own)
    assert not node[2].isfinite().any() and not posterior[2].any()


def test_a_peak_that_is_one_ion_is_hardly_another():
    spectrum = ladder("LGEYGFQNALLVR", 2, np.random.default_rng(6))
    mass_of = torch.tensor([VOCABULARY.masses[VOCABULARY.encode("LGEYGFQNALLVR")].sum() + WATER])
    mz, intensity = torch.from_numpy(spectrum.mz)[None], torch.from_numpy(spectrum.intensity)[None]
    found = GRAPH(mz, intensity, mass_of, torch.tensor([2]), torch.full_like(intensity, 0.01), torch.tensor([5.0]))
    own = found.elsewhere.sum(1) / (len(READINGS) - 1)  # of each peak: all its readings together
    assert (own <= 1 + 1e-4).all()
    prefix = VOCABULARY.masses[VOCABULARY.encode("LGEYGFQNALLVR")].cumsum()[:-1]
    y = torch.from_numpy(float(mass_of) - prefix + 1.00727646)
    is_y = (mz[0, :, None] - y).abs().amin(1) < 0.005
    # with every ion of both ends there, the reversed peptide is all but as good
    assert found.elsewhere[0, 0, is_y].mean() > found.elsewhere[0, 1, is_y].mean() + 0.15


def test_readings_of_one_peak_leave_each_other_no_more_than_one():
    rng = np.random.default_rng(8)
    mz = np.sort(rng.uniform(150, 900, 40))
    intensity = rng.uniform(0.2, 1.0, (1, 40)).astype(np.float32)
    found = GRAPH(
        torch.tensor(mz)[None],
        torch.from_numpy(intensity),
        torch.tensor([1000.5 + WATER]),
        torch.tensor([3]),
        torch.full((1, 40), 0.01),
        torch.tensor([5.0]),
    )
    own = found.elsewhere.sum(1) / (len(READINGS) - 1)
    assert (own < 1.3).all()  # one pass leaves a little
