"""Wrong answers: told apart by their kind, chosen by rule, and drawn with what the spectrum says of them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.failures import (
    ANOTHER_ORDER,
    FEW_IONS,
    LONG,
    NO_ANSWER,
    ONE_STRETCH,
    SEVERAL,
    differing_stretch,
    drawn,
    examples,
    kind_of_mistake,
    told,
)
from data.predictions import Prediction
from data.schema import Spectrum
from tests.conftest import ladder


def answered(truth: str, answer: str, score: float = 0.5, missing: float = 0.0) -> tuple[Spectrum, Prediction]:
    """A complete ladder of the truth, and an answer."""
    spectrum = ladder(truth)
    prediction = Prediction(truth, 500.0, 2, None, answer, (), score, None, None, reference=truth)
    return spectrum, replace(prediction, missing_fragments=missing)


@pytest.mark.parametrize(
    ("truth", "answer", "missing", "kind"),
    [
        ("PEPTLDEK", "PEPTDLEK", 0.0, ANOTHER_ORDER),
        ("PEPTLDEK", "EPPTDLEK", 0.9, ANOTHER_ORDER),
        ("GGPTLDEK", "NPTLDEK", 0.0, ONE_STRETCH),  # N weighs as much as GG
        ("GGPTLDEK", "NPTLDEK", 0.6, FEW_IONS),
        ("PEPTLDEK", "PEPTLDER", 0.0, SEVERAL),  # one residue, but of another mass
        ("GGPTLDGG", "NPTLDN", 0.0, SEVERAL),
        ("A" * 20 + "GG", "A" * 20 + "N", 0.0, LONG),
        ("PEPTLDEK", "", 0.0, NO_ANSWER),
    ],
)
def test_kinds_of_mistakes(truth, answer, missing, kind):
    assert kind_of_mistake(answered(truth, answer, missing=missing)[1]) == kind


def test_the_stretch_lies_between_the_longest_common_ends():
    stretch = differing_stretch("PEPTQDEK", "PEPTAGDEK")
    assert (stretch.first, stretch.last, len(stretch.truth), len(stretch.answer)) == (5, 5, 1, 2)
    assert stretch.mass_error_da == pytest.approx(0.0, abs=1e-4)
    assert differing_stretch("AAA", "AA").mass_error_da == pytest.approx(-71.03711, abs=1e-4)


def test_a_file_shows_its_most_confident_answers_of_kinds_not_shown_yet():
    order = [answered("PEPTLDEK", "PEPTDLEK", score) for score in (0.2, 0.9, 0.4)]
    pair = [answered("GGPTLDEK", "NPTLDEK", 0.3)]
    other = [answered("SAMPLER", "SAMPPER", 0.1)]
    right = [answered("VELVETK", "VELVETK", 1.0)]
    files = {"one": order + pair + right, "two": order + other}
    assert [(name, kind, prediction.peptide_score) for name, kind, _, prediction in examples(files)] == [
        ("one", ANOTHER_ORDER, 0.9),
        ("one", ONE_STRETCH, 0.3),
        ("two", SEVERAL, 0.1),
        ("two", ANOTHER_ORDER, 0.9),
    ]


def test_what_is_told_is_what_the_spectrum_says():
    spectrum, prediction = answered("PEPTLDEK", "PEPTDLEK", 0.9)
    text = told("file", ANOTHER_ORDER, spectrum, prediction)
    assert "`LD` became `DL` (+0.000 Da); of the 1 cleavages in there 0 left no b or y ion" in text
    assert "The annotation explains 100.0% of the intensity, the answer 85.7%" in text  # 12 of 14 ions
    silent = replace(spectrum, mz=spectrum.mz[:0], intensity=spectrum.intensity[:0])
    with_acetyl = answered("[UNIMOD:1]-PEPTLDEK", "[UNIMOD:1]-EPPTLDEK", 0.9)[1]
    assert "of the 1 cleavages in there 1 left" in told("file", ANOTHER_ORDER, silent, with_acetyl)


def test_figures_are_small_and_the_same_again(tmp_path: Path):
    files = {"one": [answered("PEPTLDEK", "PEPTDLEK", 0.9)]}
    page = tmp_path / "docs" / "results.md"
    lines = list(drawn(files, tmp_path / "docs" / "images", page))
    link = re.search(r"\]\((.*)\)", lines[-1])
    assert link and link[1] == "images/one-1.png"
    first = (page.parent / link[1]).read_bytes()
    assert first.startswith(b"\x89PNG") and len(first) < 60_000
    list(drawn(files, tmp_path / "docs" / "images", page))
    assert (page.parent / link[1]).read_bytes() == first
