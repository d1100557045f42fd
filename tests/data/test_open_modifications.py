"""Readings of gaps, against pyteomics' masses and Unimod's sites."""

from hypothesis import given
from hypothesis import strategies as st
from pyteomics import mass

from data.chemistry import all_modifications
from data.open_modifications import describe_gaps, explain_gap

WATER = mass.calculate_mass(formula="H2O")


def residue_mass(letters):
    return mass.fast_mass(letters) - WATER


def test_phosphorylated_tyrosine_is_found():
    phospho = mass.calculate_mass(formula="HPO3")
    texts = [each.text for each in explain_gap(residue_mass("Y") + phospho, 0.005)]
    assert "Y[UNIMOD:21]" in texts


def test_stretches_without_modification_come_first():
    assert [each.text for each in explain_gap(residue_mass("GG"), 0.001)][:2] == ["GG", "N"]


@given(st.lists(st.sampled_from("GASPVTCLNDQKEMHFRYW"), min_size=1, max_size=3))
def test_every_stretch_of_three_explains_itself(letters):
    stretch = "".join(sorted(letters))
    assert stretch in [each.text for each in explain_gap(residue_mass(stretch), 0.0005)]


@given(st.sampled_from(all_modifications()), st.floats(0, 0.01))
def test_readings_lie_within_the_tolerance_nearest_first(entry, tolerance):
    for letter in entry.targets.replace("I", ""):
        wanted = residue_mass(letter) + entry.mass
        found = explain_gap(wanted, tolerance + 1e-4)
        assert f"{letter}[UNIMOD:{entry.accession}]" in [each.text for each in found]
        errors = [round(abs(each.mass - wanted), 4) for each in found]
        assert errors == sorted(errors) and max(errors) <= tolerance + 2e-4


def test_the_text_tells_position_mass_and_error():
    gap = residue_mass("Y") + mass.calculate_mass(formula="HPO3") + 0.002
    text = describe_gaps(f"[UNIMOD:1]-PEX[+{gap:.4f}]K", 0.0025, 1000.0)
    assert text.startswith(f"3:+{gap:.4f}=")
    # 0.002 Da of a peptide of 1,000 Da
    assert "Y[UNIMOD:21](2.0ppm)" in text or "Y[UNIMOD:21](1.9ppm)" in text or text.count("|") == 4


def test_what_nothing_explains_and_what_has_no_gap():
    assert describe_gaps("X[+12.3000]AK", 0.01, 500.0) == "1:+12.3000=?"
    assert describe_gaps("PEPTLDEK", 0.01, 500.0) == ""
    assert describe_gaps("X[+12.3000]AX[+11.1000]", 0.01, 500.0) == "1:+12.3000=?;3:+11.1000=?"
