"""The generated pages are those of the code, every page has its place, and the citation is that of the package."""

import tomllib
from pathlib import Path

import yaml

from app.parameter_reference import COLUMNS_PAGE, PARAMETERS_PAGE, columns_page, parameters_page
from app.rest_reference import PAGE as REST_PAGE
from app.rest_reference import rest_page
from tasks.params import Params

ROOT = Path(__file__).parents[2]


def test_generated_pages_are_current() -> None:
    text = (ROOT / "params.yaml").read_text()
    assert PARAMETERS_PAGE.read_text() == parameters_page(text), "python -m app.parameter_reference"
    assert COLUMNS_PAGE.read_text() == columns_page(), "python -m app.parameter_reference"
    assert REST_PAGE.read_text() == rest_page(), "python -m app.rest_reference"


def test_the_parameters_page_has_every_key_of_the_file() -> None:
    page = PARAMETERS_PAGE.read_text()
    for section, values in yaml.safe_load((ROOT / "params.yaml").read_text()).items():
        assert section in Params.model_fields
        for key in values if isinstance(values, dict) else ():
            assert f"`{section}.{key}" in page or f"`{key}`" in page, f"{section}.{key}"


def test_a_parameter_has_its_value_bounds_and_comment() -> None:
    row = next(
        line for line in PARAMETERS_PAGE.read_text().splitlines() if "`cross_validation.test_noise_level`" in line
    )
    assert [cell.strip() for cell in row.split("|")[2:-1]] == [
        "`0.5`",
        "number ≥ 0 ≤ 1",
        "which of augment.levels the test spectra have",
    ]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # what the schema 1.2.0 requires
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
