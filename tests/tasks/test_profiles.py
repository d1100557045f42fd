"""Profiles: the project's own are valid, keep what they do not change, and nothing is written of a wrong one."""

from pathlib import Path

import pytest

from data.errors import InputError
from data.proteomes import SPECIES
from model.calibrating import LEAST_SPECTRA
from tasks.params import load_params
from tasks.profiles import apply_profile

ROOT = Path(__file__).parents[2]
BASE = ROOT / "params.yaml"


@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_projects_own_profiles_are_valid(tmp_path, profile):
    params = apply_profile(profile, BASE, tmp_path / "params.yaml")
    assert load_params(tmp_path / "params.yaml") == params
    if profile.stem == "base":
        tested = {Path(name).stem for name in params.corpus.exclude}
        assert tested >= {
            "casanovo_mouse_128",
            "massivekb_500",
            "qeplus_hair_608",
            "proteometools_225",
            "tripletof_test",
        }
    else:
        assert params.species != SPECIES
        assert params.network == load_params(BASE).network
    for spectra in (params.calibration.spectra, params.calibration.fold_spectra):
        assert spectra == 0 or spectra >= LEAST_SPECTRA  # fewer calibrate nothing, and only a warning says so


def test_sections_are_merged_and_comments_stay(tmp_path):
    (tmp_path / "one.yaml").write_text("peptides: {per_species: 7}\nreal_spectra: null\n")
    params = apply_profile(tmp_path / "one.yaml", BASE, tmp_path / "params.yaml")
    before, after = BASE.read_text().splitlines(), (tmp_path / "params.yaml").read_text().splitlines()
    changed = [line for line in after if line not in before]
    assert [line.split("#")[0].strip() for line in changed] == ["per_species: 7"]
    assert len(before) == len(after)
    assert params.peptides.per_species == 7
    assert params.peptides.max_length == load_params(BASE).peptides.max_length
    assert params.species == SPECIES


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("peptides: {per_spcies: 7}", "per_spcies.*per_species"),
        ("a: [1,", "not valid YAML"),
        ("", "holds no parameters"),
    ],
)
def test_a_wrong_profile_leaves_the_parameters_as_they_were(tmp_path, content, problem):
    (tmp_path / "wrong.yaml").write_text(content)
    with pytest.raises(InputError, match=problem):
        apply_profile(tmp_path / "wrong.yaml", BASE, tmp_path / "params.yaml")
    assert not (tmp_path / "params.yaml").exists()
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        apply_profile(tmp_path / "none.yaml", BASE, tmp_path / "params.yaml")
