"""Measured spectra for training: what is taken of a user's file, and what is told when nothing can be."""

from pathlib import Path

import pytest

from data.errors import InputError
from data.vocabulary import VOCABULARY
from tasks.params import Params, load_params
from tasks.training import pretraining_recipe, real_spectra

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
ENTRY = "BEGIN IONS\nPEPMASS=465.7\nCHARGE=2+\n{annotation}175.119 1.0\n272.172 0.5\nEND IONS\n"


def with_file(path: Path, annotations: list[str]) -> Params:
    path.write_text("".join(ENTRY.format(annotation=f"SEQ={text}\n" if text else "") for text in annotations))
    return PARAMS.model_copy(update={"real_spectra": str(path)})


def test_no_file_is_no_spectra():
    assert real_spectra(PARAMS) is None


def test_spectra_without_a_usable_peptide_are_left_out(tmp_path):
    params = with_file(tmp_path / "real.mgf", ["SAMPLER", "", "A" * 40, "PEPTIDEK"])
    found = real_spectra(params)
    assert [VOCABULARY.decode(tokens) for tokens in found.tokens] == ["SAMPLER", "PEPTLDEK"]


def test_a_file_of_nothing_to_learn_from_is_told(tmp_path):
    with pytest.raises(InputError, match="no spectrum to train on"):
        real_spectra(with_file(tmp_path / "real.mgf", ["", ""]))


def test_the_recipe_is_that_of_the_parameters():
    recipe = pretraining_recipe(PARAMS)
    assert recipe.network == PARAMS.network and recipe.training == PARAMS.training
