"""`POST /v1/sequence` with JSON: the sequencer's own answers, what is told on request, and what is refused, and how."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import numpy as np
import pytest

from app.service.explain import EVERYTHING, Explainer
from app.service.limits import Limits
from data.predictions import Candidate, Prediction
from data.schema import Spectrum
from model.inference import Sequencer
from tests.app.service.conftest import FILE, as_json, make_sequencer, running, wait_for


def ask(client: httpx.Client, spectra: list[Spectrum], **more: object) -> httpx.Response:
    return client.post("/v1/sequence", json={"spectra": [as_json(each) for each in spectra], **more})


def test_answers_are_the_sequencers_own(service, sequencer, spectra):
    expected = list(sequencer.sequence(spectra, steps=5))
    answers = ask(service.client, spectra, steps=5).raise_for_status().json()["answers"]
    for answer, prediction in zip(answers, expected, strict=True):
        for name in ("spectrum_id", "peptidoform", "precursor_charge", "ambiguity", "gap", "is_proven"):
            assert answer[name] == getattr(prediction, name)
        for name in ("peptide_score", "ppm_error", "calculated_mz", "precursor_mz"):
            assert answer[name] == pytest.approx(getattr(prediction, name))
        assert "".join(residue["text"] for residue in answer["residues"]) == prediction.peptidoform
        scores = [residue["score"] for residue in answer["residues"]]
        assert scores == pytest.approx(prediction.residue_scores, abs=1e-4)
        assert answer["steps"] is answer["candidates"] is answer["ions"] is answer["prediction"] is None


def test_more_is_told_on_request(service, spectra):
    answers = ask(service.client, spectra, steps=3, include=list(EVERYTHING)).raise_for_status().json()["answers"]
    for answer in answers:
        assert len(answer["steps"]) == 3
        assert answer["steps"][-1]["peptidoform"] == answer["candidates"][0]["peptidoform"] == answer["peptidoform"]
        assert answer["candidates"][0]["score"] == pytest.approx(answer["peptide_score"])
        assert 0 <= answer["explained_intensity"] <= 1


def test_a_right_peptide_explains_every_peak_of_its_ladder(sequencer, spectra):
    spectrum = next(each for each in spectra if each.peptidoform == "PEPTLDEK")
    prediction = Prediction(
        spectrum_id="a",
        precursor_mz=spectrum.precursor_mz,
        precursor_charge=2,
        retention_time=None,
        peptidoform="PEPTLDEK",
        residue_scores=(0.5,) * 8,
        peptide_score=0.5,
        calculated_mz=spectrum.precursor_mz,
        ppm_error=0.0,
        ambiguity="1-2:PE=EP;4:T=S[UNIMOD:21]=…;5-8:LDEK=…",
        peptidoform_by_step=("", "PEPT", "PEPTLDEK"),
        candidates=(Candidate("PEPTLDEK", 0.5), Candidate("EPPTLDEK", 0.25)),
    )
    answer = Explainer(sequencer).answer(prediction, spectrum, EVERYTHING)
    assert {ion.name for ion in answer.ions} >= {f"{kind}{place}" for kind in "by" for place in range(1, 8)}
    assert len(answer.ions) == len(spectrum.mz)
    assert answer.explained_intensity == 1
    assert max(abs(ion.error_ppm) for ion in answer.ions) < 1
    empty, half, whole = answer.steps
    assert (empty.ions, empty.residues, whole.ions) == ([], [], answer.ions)
    assert 0 < len(half.ions) < len(whole.ions)
    assert len(answer.candidates[1].ions) < len(answer.ions)
    assert [(each.first, each.last, each.has_more) for each in answer.ambiguities] == [
        (1, 2, False),
        (4, 4, True),
        (5, 8, True),
    ]
    assert answer.ambiguities[1].readings == ["T", "S[UNIMOD:21]"]
    predicted = {peak.name: peak for peak in answer.prediction}
    by_name = {ion.name: ion for ion in answer.ions}
    assert max(peak.intensity for peak in answer.prediction) == 1
    assert predicted["y6"].mz == pytest.approx(by_name["y6"].mz, abs=1e-3)


def test_modifications_and_unknown_masses_have_names(sequencer):
    explainer = Explainer(sequencer)
    text = "[UNIMOD:1]-M[UNIMOD:35]X[+243.0297]K"
    spectrum = Spectrum("a", 400.0, 2, np.array([100.0]), np.ones(1, np.float32))
    prediction = Prediction("a", 400.0, 2, None, text, (0.1, 0.2, 0.3, 0.4), 0.5, 400.0, 0.0)
    answer = explainer.answer(prediction, spectrum, EVERYTHING)
    assert [(residue.letter, residue.modification) for residue in answer.residues] == [
        ("", "Acetyl"),
        ("M", "Oxidation"),
        ("X", "+243.0297"),
        ("K", ""),
    ]
    assert answer.prediction is None  # nobody can predict it


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"mz": []}, ["spectra", 0, "mz"]),
        ({"mz": [100.0, 200.0], "intensity": [1.0]}, ["spectra", 0]),
        ({"mz": [math.nan]}, ["spectra", 0, "mz", 0]),
        ({"mz": [-5.0]}, ["spectra", 0, "mz", 0]),
        ({"mz": [100.0], "intensity": [0.0]}, ["spectra", 0]),
        ({"precursor_charge": 0}, ["spectra", 0, "precursor_charge"]),
        ({"precursor_mz": math.inf}, ["spectra", 0, "precursor_mz"]),
        ({"surprise": 1}, ["spectra", 0, "surprise"]),
    ],
)
def test_wrong_spectra_are_422_and_say_where(service, spectra, change, place):
    body = json.dumps({"spectra": [as_json(spectra[0]) | change]})  # Python's dialect knows NaN
    answer = service.client.post("/v1/sequence", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *place]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"spectra": []}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_request_is_422(service, body):
    answer = service.client.post("/v1/sequence", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_other_bodies_are_415(service, kind):
    assert service.client.post("/v1/sequence", content=b"x", headers={"Content-Type": kind}).status_code == 415


def test_size_limits(sequencer, spectra):
    limits = Limits(request_bytes=3000, upload_bytes=3000, spectra_per_request=2, peaks_per_spectrum=20)
    with running(sequencer, limits) as service:
        assert ask(service.client, spectra[:2]).status_code == 200
        too_many = ask(service.client, spectra)
        assert (too_many.status_code, too_many.json()["detail"][0]["loc"]) == (422, ["body", "spectra"])
        long = replace(spectra[0], mz=np.arange(100.0, 121.0), intensity=np.ones(21, np.float32))
        assert "more than 20 peaks" in ask(service.client, [long]).text
        for headers in ({"Content-Type": "application/json"}, FILE):
            assert service.client.post("/v1/sequence", content=b" " * 3001, headers=headers).status_code == 413

            def parts():
                yield from (b" " * 1000 for _ in range(4))

            assert service.client.post("/v1/sequence", content=parts(), headers=headers).status_code == 413
        assert list(service.state.jobs) == []


def test_too_slow_is_503_and_is_given_up(model, spectra):
    with running(make_sequencer(model, batch_size=1), Limits(seconds_per_request=0.01)) as service:
        answer = ask(service.client, spectra * 100, steps=8)
        assert answer.status_code == 503 and "Retry-After" in answer.headers
        wait_for(lambda: not service.state.batcher.waiting)


def test_a_full_queue_is_429(model, spectra):
    with running(make_sequencer(model, batch_size=1), Limits(waiting_spectra=1)) as service:
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: ask(service.client, spectra * 20, steps=4), range(8)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 429}
        assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 429)
        assert ask(service.client, spectra).status_code == 200


def test_many_clients_share_batches_and_get_their_own(service, sequencer: Sequencer, spectra):
    expected = {p.spectrum_id: p.peptidoform for p in sequencer.sequence(spectra, steps=2)}

    def client(number: int) -> bool:
        chosen = [spectra[number % 3]]
        (answer,) = ask(service.client, chosen, steps=2).raise_for_status().json()["answers"]
        return answer["peptidoform"] == expected[chosen[0].spectrum_id]

    with ThreadPoolExecutor(16) as clients:
        assert all(clients.map(client, range(64)))
