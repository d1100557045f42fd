"""Trust measured for real: a small network, its calibration, every figure and the tables and drawings made of them."""

import json

import numpy as np
import pytest

from data.batches import SpectrumSet, pretraining_sets
from data.schema import to_table
from data.shards import write_shards
from data.splits import is_validation
from model.calibration import Calibration
from model.inference import Sequencer
from model.metrics import evaluate
from tasks.calibration import calibrate_model, for_calibration, noisy_mixture
from tasks.params import Params, load_params
from tasks.report import _trust
from tasks.trust import measure_trust
from tasks.trust_table import DEFAULT_DECODING, markdown
from tasks.workspace import Workspace
from tests.model.conftest import ladder, train_small

SHARE = 0.9


@pytest.fixture(scope="module")
def settings():
    params = load_params().model_dump(mode="json")
    params["peptides"]["validation_share"] = SHARE
    params["calibration"] |= {"spectra": 600, "test_spectra": 60}
    params["training"]["validation_noise"] = {
        "noise_peaks": 3,
        "peak_dropout": 0.2,
        "peak_error_ppm": 2.0,
        "intensity_sigma": 0.2,
    }
    return Params.model_validate(params)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, settings):
    """Ladders in shards, a network trained on some of them, calibrated on others."""
    rng = np.random.default_rng(4)
    letters = list("GASPVTLNDQKEMHFRYW")
    peptides = sorted({"".join(rng.choice(letters, rng.integers(6, 11))) for _ in range(900)})
    spectra = [ladder(peptide, 2, rng) for peptide in peptides]
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    write_shards([to_table(spectra)], workspace.clean_shards, shard_rows=1000, parameters={})
    train_small(
        SpectrumSet.from_spectra([s for s in spectra if not is_validation(s.peptidoform, SHARE)]),
        workspace.model("pretrained"),
    )
    _, unseen = pretraining_sets(workspace.clean_shards, SHARE)
    calibrate_model(settings, workspace.model("pretrained"), unseen, settings.calibration.spectra)
    return workspace


@pytest.fixture(scope="module")
def result(workspace, settings):
    return measure_trust(settings.model_dump(mode="json"), str(workspace.root))


def test_calibration_and_test_share_no_peptide():
    peptides = ["PEPTLDEK", "PEPTIDEK", "C[UNIMOD:4]AMPLER", "CAMPLER", "GASGASK", "WWWWWWK"]
    sides = for_calibration(peptides)
    assert sides[0] == sides[1] and sides[2] == sides[3]
    assert (
        0.4
        < for_calibration(["".join(np.random.default_rng(n).choice(list("GAVL"), 9)) for n in range(500)]).mean()
        < 0.6
    )


def test_the_mixture_is_clean_and_noisy(workspace, settings):
    _, unseen = pretraining_sets(workspace.clean_shards, SHARE)
    part = unseen.select(np.arange(30))
    mixed = noisy_mixture(part, settings, np.random.default_rng(0))
    assert len(mixed) == 30
    same = [
        np.array_equal(spectrum.mz, mz)
        for spectrum, (mz, _) in zip(mixed[:10], part.select(np.arange(0, 30, 3)).peaks.to_lists(), strict=True)
    ]
    assert all(same)


def test_every_figure_is_there_and_a_share(result, workspace):
    sets = {"clean", "noise 0.5", "noise 1", "uniform noise"}
    assert json.loads(workspace.trust_report.read_text()) == json.loads(json.dumps(result))
    for name in ("decoding", "depth", "peptide_confidence", "residue_confidence", "fdr", "outliers"):
        assert set(result[name]) == sets
    for rows in result["decoding"].values():
        assert all(0 <= row["peptide_recall"] <= 1 for row in rows.values())
        most = rows["exact and neighbours, the best by the truth, the most that ranking can reach"]["peptide_recall"]
        assert most >= rows["exact"]["peptide_recall"]


def test_exact_answers_fit_and_arg_max_answers_need_not(result):
    for rows in result["decoding"].values():
        assert rows["exact"]["fits"] == pytest.approx(1)
        assert rows["arg max"]["fits"] <= 1


def test_calibration_lowers_the_error_on_its_own_kind_of_spectra(result):
    errors = result["calibration"]["all predicted"]
    assert errors["peptide_after"] < errors["peptide_before"]
    assert errors["residue_after"] < errors["residue_before"]


def test_noise_alone_is_told_from_peptides(result):
    assert result["outliers"]["clean"]["noise only"] > 0.9


def test_more_steps_are_counted(result):
    for rows in result["depth"].values():
        fixed = {row["least"]: row["mean_steps"] for row in rows if row["least"] == row["most"]}
        assert all(mean == steps for steps, mean in fixed.items())
        assert all(row["least"] <= row["mean_steps"] <= row["most"] for row in rows)


def test_tables_and_drawings_hold_the_figures(result):
    text = "\n".join(markdown(result))
    assert f"{result['decoding']['clean'][DEFAULT_DECODING]['peptide_recall']:.3f} (" in text
    assert "| noise only |" in text
    drawn = _trust(result)
    assert all(drawn[name].startswith("<svg") for name in ("reliability", "precision_coverage", "false_discoveries"))
    assert "no calibration" in "\n".join(markdown({})) and _trust({}) == {}


def test_a_network_without_calibration_is_not_measured(workspace, settings, tmp_path):
    other = Workspace(tmp_path)
    other.clean_shards.parent.mkdir(parents=True)
    other.clean_shards.symlink_to(workspace.clean_shards)
    assert measure_trust(settings.model_dump(mode="json"), str(other.root)) == {}
    assert other.trust_report.read_text() == "{}\n"


def test_a_damaged_calibration_is_replaced_by_fitting_again(workspace, settings):
    path = workspace.model("pretrained") / "calibration.json"
    before = path.read_bytes()
    path.write_text("{}")
    _, unseen = pretraining_sets(workspace.clean_shards, SHARE)
    calibrate_model(settings, workspace.model("pretrained"), unseen, settings.calibration.spectra)
    assert path.read_bytes() == before


def test_a_calibrated_model_ranks_and_says_its_probability(workspace, result):
    folder = workspace.model("pretrained")
    assert Calibration.load(folder).fitted_on["spectra"] > 100
    rng = np.random.default_rng(9)
    predictions = list(Sequencer(folder).sequence([ladder("PEPTLDEK", 2, rng), ladder("SAMPLEK", 2, rng)]))
    assert all(0 <= p.peptide_score <= 1 and 0 <= p.outlier_score <= 1 for p in predictions)
    assert evaluate(predictions).n_spectra == 2
