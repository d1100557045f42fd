"""The report: made from a tiny workspace, right in its figures, whole in a browser, and honest about failed folds."""

import csv
import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from data.chemistry import ION_SERIES, WATER, fragment_mz, precursor_mz
from data.errors import InputError
from data.predictions import Prediction
from data.proteomes import SPECIES
from data.schema import Spectrum, to_table
from data.shards import write_shards
from data.vocabulary import VOCABULARY
from model.metrics import evaluate
from tasks.figures import with_masses
from tasks.params import load_params
from tasks.report import write_report
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
PROVENANCE = {"date": "2026-01-02 03:04 UTC", "seed": "7", "git commit": "0123456789abcdef"}
FAILED = SPECIES[-1].slug
ERROR = "out of memory <script>alert(1)</script> & more"
TRUE_AND_READ = [
    ("[UNIMOD:5][UNIMOD:385]-QVLETK", "[UNIMOD:5][UNIMOD:385]-QVLETK"),
    ("SAMPLER", "SAMPLER"),
    ("PEPTLDEK", "EPPTLDEK"),
    ("C[UNIMOD:4]M[UNIMOD:35]LEK", "C[UNIMOD:4]FLEK"),
    ("GGSAMK", ""),
]


def ladder(peptide: str, source: str) -> Spectrum:
    """A complete b/y ladder."""
    masses = VOCABULARY.masses[VOCABULARY.encode(peptide)]
    total = float(masses.sum()) + WATER
    mz = np.sort(np.concatenate([fragment_mz(np.cumsum(masses)[:-1], total, series) for series in ION_SERIES[:2]]))
    return Spectrum(
        peptide, precursor_mz(total, 2), 2, mz, np.ones(len(mz), np.float32), peptidoform=peptide, source=source
    )


def answers() -> list[Prediction]:
    """Falling scores in the order of the table above; the identity of a spectrum is its peptide."""
    return [
        Prediction(
            spectrum_id=true,
            precursor_mz=ladder(true, "").precursor_mz,
            precursor_charge=2,
            retention_time=None,
            peptidoform=read,
            residue_scores=tuple(np.linspace(0.1, 1.0, len(VOCABULARY.encode(read)))) if read else (),
            peptide_score=0.9 - 0.2 * place if read else 0.0,
            calculated_mz=500.0 if read else None,
            ppm_error=1.5 if read else None,
            reference=true,
            missing_fragments=0.25 * place,
            peptidoform_by_step=("", read),
        )
        for place, (true, read) in enumerate(TRUE_AND_READ)
    ]


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def make_workspace(root: Path, failed: tuple[str, ...]) -> Workspace:
    """What the stages before the report leave, in small."""
    workspace = Workspace(root)
    figures = asdict(evaluate(answers()))
    for species in SPECIES:
        if species.slug in failed:
            write_json(
                workspace.fold_report(species.slug), {"species": species.slug, "status": "failed", "error": ERROR}
            )
            continue
        report = {
            "species": species.slug,
            "name": species.name,
            "status": "completed",
            "error": None,
            "metrics": figures,
            "intervals": {"aa_precision": [0.123, 0.987]},
            "token_accuracy_by_step": [0.1, 0.2],
            "seconds": 1.0,
            "updates": 1,
        }
        write_json(workspace.fold_report(species.slug), report)
        rows = [asdict(answer) for answer in answers()]
        pq.write_table(pa.Table.from_pylist(rows), workspace.fold_predictions(species.slug))
    recursion = {
        "clean": [0.1 * step for step in range(1, 10)],
        "noise-0.5": [0.05 * step for step in range(1, 10)],
    }
    plain = {level: [value / 2 for value in values] for level, values in recursion.items()}
    write_json(workspace.recursion_report, {"pretrained": recursion, "plain": plain})
    for model in ("pretrained", "plain"):
        curve = [
            {"update": 10, "stage": "clean", "loss": 3.1, "tokens": 3.0, "learning_rate": 1e-3},
            {"update": 20, "stage": "full", "loss": 2.1, "tokens": 2.0, "learning_rate": 1e-3},
        ]
        training = {"parameters": 5, "updates": 20, "samples": 40, "seconds": 1.5, "curve": curve, "validation": []}
        write_json(workspace.model(model) / "training.json", training)
    spectra = [ladder(true, source) for source in ("noise-0", "noise-0.5") for true, _ in TRUE_AND_READ]
    write_shards([to_table(spectra)], workspace.augmented_shards, shard_rows=100, parameters={})
    return workspace


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of eight folds and a failed one."""
    workspace = make_workspace(tmp_path_factory.mktemp("workspace"), failed=(FAILED,))
    return write_report(workspace.root, PARAMS, PROVENANCE)


def test_headline_figures_are_means_of_the_completed_folds(page):
    headline = json.loads((page.parent / "metrics.json").read_text())
    # right residues: 7 + 7 + 6 + 5 (F passes for oxidised M) of 7 + 7 + 8 + 5 read and 6 more true ones
    assert (headline["folds_completed"], headline["folds"]) == (8, 9)
    assert headline["macro_aa_precision"] == round(25 / 27, 4)
    assert headline["macro_aa_recall"] == round(25 / 33, 4)
    assert headline["macro_peptide_recall"] == round(3 / 5, 4)
    # every fold here has the same answers
    assert all(headline[f"micro_{name}"] == headline[f"macro_{name}"] for name in ("aa_precision", "peptide_recall"))
    assert headline["token_accuracy_clean_pretrained_step_8"] == 0.8
    assert headline["token_accuracy_clean_plain_step_8"] == 0.4


def test_curves_for_dvc(page):
    def rows(name: str) -> list[dict[str, str]]:
        with (page.parent / "curves" / f"{name}.csv").open() as stream:
            return list(csv.DictReader(stream))

    assert rows("loss") == [
        {"update": "10", "pretrained": "3.0", "plain": "3.0"},
        {"update": "20", "pretrained": "2.0", "plain": "2.0"},
    ]
    assert [row["step"] for row in rows("steps")] == [str(step) for step in range(1, 10)]
    assert float(rows("steps")[3]["plain noise-0.5"]) == pytest.approx(0.1)
    precision = rows("precision_coverage")
    assert {row["species"] for row in precision} == {species.name for species in SPECIES if species.slug != FAILED}
    first = {row["coverage"]: float(row["precision"]) for row in precision if row["species"] == SPECIES[0].name}
    assert len(first) == 100
    # by falling score: right, right, wrong, right (F for oxidised M), no answer
    assert first["0.4"] == 1.0
    assert first["1.0"] == pytest.approx(3 / 5)


def test_every_column_that_dvc_draws_is_there_whatever_the_species(page):
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    for plot in (next(iter(entry.values())) for entry in plots):
        for path, columns in plot["y"].items():
            with (page.parent / "curves" / Path(path).name).open() as stream:
                header = next(csv.reader(stream))
            assert {plot["x"], *([columns] if isinstance(columns, str) else columns)} <= set(header), path


def test_page_shows_intervals_and_failures_and_escapes_what_it_is_given(page):
    text = page.read_text()
    assert "0.123–0.987" in text
    assert "failed: out of memory &lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert "8 of 9" in text
    assert "<script" not in text
    for species in SPECIES:
        assert species.name in text
    for value in PROVENANCE.values():
        assert value in text


def cells(text: str, first: str) -> list[str]:
    """What stands in the table row that begins with this cell."""
    row = text[text.index(f"<tr><td>{first}</td>") :]
    return re.findall(r"<td>(.*?)</td>", row[: row.index("</tr>")])[1:]


def test_page_breaks_the_figures_down(page):
    text = page.read_text()
    groups = ("to 9", "Oxidation", "to 0.3", "to 0.5", "above 0.5")  # eight folds of the five answers
    assert [int(cells(text, name)[0]) for name in groups] == [8 * 5, 8, 8, 8, 16]


def test_published_figures_stand_beside_ours_with_a_warning(page, tmp_path):
    text = page.read_text()
    assert "Not a comparison." in text
    assert cells(text, "mus musculus")[:3] == [f"{3 / 5:.3f}", "0.286", "0.355"]  # ours, DeepNovo, PointNovo
    measured = PARAMS.cross_validation.measured.model_copy(update={"edition": "nine-species-v1"})
    ours = PARAMS.model_copy(
        update={"cross_validation": PARAMS.cross_validation.model_copy(update={"measured": measured})}
    )
    text = write_report(make_workspace(tmp_path, failed=()).root, ours, PROVENANCE).read_text()
    assert "Not a comparison." not in text
    assert text.count("Ours: on other spectra.") < page.read_text().count("Ours: on other spectra.")


def test_modifications_are_given_as_masses():
    assert with_masses("[UNIMOD:5][UNIMOD:385]-QVK") == "[+25.979265]-QVK"
    assert with_masses("C[UNIMOD:4]AM[UNIMOD:35]") == "C[+57.021464]AM[+15.994915]"


@pytest.mark.filterwarnings("error::UserWarning")  # of matplotlib, on an empty figure
def test_no_completed_fold_is_still_a_report(tmp_path):
    workspace = make_workspace(tmp_path, failed=tuple(species.slug for species in SPECIES))
    text = write_report(workspace.root, PARAMS, PROVENANCE).read_text()
    assert text.count('<tr class="failed">') == 9
    headline = json.loads((tmp_path / "reports" / "metrics.json").read_text())
    assert headline["folds_completed"] == 0


@pytest.mark.filterwarnings("error::UserWarning")  # of matplotlib, on an empty figure
def test_no_answer_at_all_is_still_a_report(tmp_path):
    workspace = make_workspace(tmp_path, failed=())
    silent = [
        replace(answer, peptidoform="", residue_scores=(), calculated_mz=None, ppm_error=None) for answer in answers()
    ]
    for species in SPECIES:
        rows = [asdict(answer) for answer in silent]
        pq.write_table(pa.Table.from_pylist(rows), workspace.fold_predictions(species.slug))
    assert "<svg" in write_report(workspace.root, PARAMS, PROVENANCE).read_text()


def test_a_missing_result_is_named(tmp_path):
    workspace = make_workspace(tmp_path, failed=())
    workspace.fold_report(FAILED).unlink()
    with pytest.raises(InputError, match=f"{FAILED}.json"):
        write_report(workspace.root, PARAMS, PROVENANCE)


def test_folds_of_other_spectra_are_refused(tmp_path):
    workspace = make_workspace(tmp_path, failed=())
    others = [
        replace(ladder(true, source), peptidoform="LAYALYK")
        for source in ("noise-0", "noise-0.5")
        for true, _ in TRUE_AND_READ
    ]
    write_shards([to_table(others)], workspace.augmented_shards, shard_rows=100, parameters={"made": "anew"})
    with pytest.raises(InputError, match="not the spectrum that this fold was tested on"):
        write_report(workspace.root, PARAMS, PROVENANCE)


def test_spectra_of_one_name_are_told_apart_by_their_peptides(tmp_path):
    workspace = make_workspace(tmp_path, failed=())
    spectra = [ladder(true, source) for source in ("noise-0", "noise-0.5") for true, _ in TRUE_AND_READ]
    namesakes = [replace(spectrum, peptidoform="LAYALYK") for spectrum in spectra]
    write_shards(
        [to_table([*spectra, *namesakes])], workspace.augmented_shards, shard_rows=100, parameters={"made": "anew"}
    )
    assert "<svg" in write_report(workspace.root, PARAMS, PROVENANCE).read_text()


@pytest.mark.parametrize("width", [400, 1280])
def test_page_is_whole_in_a_browser(page, width):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    requests: list[str] = []
    complaints: list[str] = []
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(page.as_uri())
        overflow = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        drawn = tab.evaluate("[...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect().width)")
        browser.close()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert complaints == []
    assert overflow <= 0
    assert len(drawn) == 8 + 4  # the figures, and the sample spectra that have an answer
    assert all(100 < figure <= width for figure in drawn)
