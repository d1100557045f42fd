"""Data cards: figures computed by hand, by brute force with pyteomics' masses, and against the mirror's own columns."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyteomics import mass

from data.cards import data_card, explained_by_fragments, precursor_error, shared_peptides
from data.importing import Imported, import_set
from data.peptidoform import parse_peptidoform
from data.readers import read_spectra
from data.schema import Spectrum, to_table
from data.shards import write_shards
from data.sources import load_registry


def spectrum(peptidoform, mz, intensity, charge=2, shift=0.0, **more):
    theory = parse_peptidoform(peptidoform).mass / charge + mass.nist_mass["H+"][0][0]
    return Spectrum("a:0", theory + shift, charge, np.array(mz), np.array(intensity, np.float32), peptidoform, **more)


def pyteomics_fragments(sequence):
    """b and y ions of charge 1 and 2 of an unmodified peptide; cleavage → m/z."""
    return [
        [
            mass.fast_mass(part, ion_type=kind, charge=charge)
            for part, kind in ((sequence[:place], "b"), (sequence[place:], "y"))
            for charge in (1, 2)
        ]
        for place in range(1, len(sequence))
    ]


@pytest.mark.parametrize("tolerance", [0.02, 0.5])
def test_explained_intensity_equals_brute_force(mirror, tolerance):
    found = 0
    for observed in read_spectra(mirror / "annotated/casanovo_mouse_128.mgf"):
        if "[" in observed.peptidoform:
            continue
        fragments = pyteomics_fragments(observed.peptidoform)
        every = [mz for cleavage in fragments for mz in cleavage]
        near = [any(abs(mz - each) <= tolerance for each in every) for mz in observed.mz]
        seen = [any(abs(mz - each) <= tolerance for mz in observed.mz for each in cleavage) for cleavage in fragments]
        explained, covered = explained_by_fragments(observed, parse_peptidoform(observed.peptidoform), tolerance)
        assert explained == pytest.approx(observed.intensity[near].sum() / observed.intensity.sum(), abs=1e-5)
        assert covered == pytest.approx(np.mean(seen))
        found += 1
        if found == 25:
            break
    assert found == 25


def test_modifications_move_the_fragments():
    # b1 of acetyl-A: 71.03711 + 42.01057 + 1.00728; y1 of oxidised M: 131.04048 + 15.99491 + 18.01056 + 1.00728
    observed = spectrum("[UNIMOD:1]-AM[UNIMOD:35]", [114.05496, 150.0, 166.05323], [1, 2, 1])
    assert explained_by_fragments(observed, parse_peptidoform(observed.peptidoform), 0.001) == (0.5, 1.0)
    single = spectrum("K", [100.0], [1])
    assert explained_by_fragments(single, parse_peptidoform("K"), 0.02) == (0.0, 0.0)


@pytest.mark.parametrize(("shift", "isotope", "ppm"), [(0.0, 0, 0), (1.0033548 / 2, 1, 0), (0.004, 0, 10.9)])
def test_precursor_error_allows_for_isotopes(shift, isotope, ppm):
    observed = spectrum("PEPTIDEK".replace("I", "L"), [100.0], [1], shift=shift)
    found, error = precursor_error(observed, parse_peptidoform(observed.peptidoform))
    mass_da = mass.fast_mass("PEPTIDEK")
    assert found == isotope
    assert error == pytest.approx(0.004 * 2 / mass_da * 1e6 if ppm else 0, abs=0.05)


def test_a_card_counts_what_is_there(tmp_path):
    rows = [
        spectrum("PEPTIDEK", [100.0], [1], species="mouse", instrument="Orbitrap", collision_energy=28.0),
        spectrum("PEPTLDEK", [100.0], [1], species="human", instrument="Orbitrap"),
        spectrum("[UNIMOD:1]-PEPTLDEM[UNIMOD:35]", [100.0, 200.0, 300.0], [1, 1, 1], charge=3, species="human"),
    ]
    origin = {"name": "mine", "files": []}
    manifest = write_shards([to_table(rows)], tmp_path, shard_rows=2, parameters={"origin": origin})
    card = data_card(Imported("mine", manifest, {"no peaks": 4}), tmp_path)
    assert card["origin"] == origin
    assert (card["spectra"], card["skipped"]) == (3, {"no peaks": 4})
    assert (card["peptides"], card["peptidoforms"]) == (2, 2)
    assert card["spectra_per_peptide"] == {"median": 1.5, "most": 2}
    assert card["peptides_of_several_species"] == 1
    assert card["modified_spectra"] == pytest.approx(1 / 3)
    assert (card["lengths"], card["charges"]) == ({"8": 3}, {"2": 2, "3": 1})
    assert card["modifications"] == {"Acetyl at the N terminus": 1, "Oxidation on M": 1}
    assert card["species"] == {"human": 2, "mouse": 1}
    assert card["instruments"] == {"Orbitrap": 2, "not stated": 1}
    assert card["collision_energies"] == {"28": 1, "not stated": 2}
    assert card["peaks"]["50%"] == 1
    assert card["precursor_error_ppm"]["within_20_ppm"] == 1
    assert card["precursor_error_ppm"]["by_isotope"] == {"0": 3}


def test_shared_peptides_of_pairs():
    sets = {"b": frozenset("xy"), "a": frozenset("yz"), "c": frozenset("q")}
    assert shared_peptides(sets) == [{"left": "a", "right": "b", "shared": 1}]


def test_real_psms_agree_with_the_shares_that_came_with_them(mirror, tmp_path):
    path = mirror / "train/real_psms.parquet"
    stated = pq.read_table(path, columns=["by_cov_002", "ms2_resolution"]).to_pydict()
    found = [
        explained_by_fragments(observed, parse_peptidoform(observed.peptidoform), 0.02)[1]
        for observed in read_spectra(path)
    ]
    high = np.array([text.startswith("high") for text in stated["ms2_resolution"]])
    both = np.array(found)[high], np.array(stated["by_cov_002"])[high]
    assert np.corrcoef(*both)[0, 1] > 0.9
    assert np.median(np.abs(both[0] - both[1])) < 1e-6
    registry = load_registry()
    imported = import_set(registry.find("massivekb-500"), registry, mirror, tmp_path)
    card = data_card(imported, tmp_path)
    assert card["spectra"] == 500
    assert card["precursor_error_ppm"]["within_20_ppm"] > 0.95
    assert card["modifications"]["Carbamidomethyl on C"] > 50
