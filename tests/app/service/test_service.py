"""What surrounds the answers: health, metrics, keys, host names, headers, and the description of it all."""

import pytest

from app.service.keys import is_loopback, read_keys
from data.errors import InputError
from tests.app.service.conftest import as_json, running

KEY = "a-key-that-is-long-enough"


def test_health_and_model(service, sequencer):
    assert service.client.get("/healthz").json() == {"status": "alive"}
    assert service.client.get("/readyz").json() == {"status": "ready"}
    model = service.client.get("/v1/model").json()
    assert model["parameters"] == sum(weight.numel() for weight in sequencer.network.parameters())
    assert (model["steps"], model["calibrated"], model["device"]) == (4, False, "cpu")
    assert {"P", "E", "T", "L"} <= set(model["tokens"]) and "W" not in model["tokens"]  # the network never met W
    assert model["limits"]["spectra_per_request"] == 1000


def test_not_ready_once_it_ends(sequencer):
    with running(sequencer) as service:
        service.state.batcher.close()
        assert service.client.get("/readyz").status_code == 503
        assert service.client.get("/healthz").status_code == 200


def test_metrics_count(sequencer, spectra):
    def value(text: str, name: str) -> float:
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
        return float(line.split()[-1])

    with running(sequencer) as service:
        service.client.post("/v1/sequence", json={"spectra": [as_json(each) for each in spectra], "steps": 1})
        service.client.get("/v1/jobs/nobody")
        service.client.get("/nowhere")
        service.client.request("MADEUP", "/healthz")
        answer = service.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert value(answer.text, "peptrm_spectra_total") == 3
    assert value(answer.text, 'peptrm_requests_total{method="POST",route="/v1/sequence",status="200"}') == 1
    assert value(answer.text, 'peptrm_requests_total{method="GET",route="none",status="404"}') == 1
    assert not any(made_up in answer.text for made_up in ("nobody", "nowhere", "MADEUP"))


def test_keys_are_asked_for_where_there_are_any(sequencer, spectra):
    body = {"spectra": [as_json(spectra[0])], "steps": 1}
    with running(sequencer, keys=[KEY, "another-key-of-some-length"]) as service:
        for path in ("/", "/static/page.js", "/healthz", "/readyz", "/openapi.json"):
            assert service.client.get(path).status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}):
            assert service.client.post("/v1/sequence", json=body, headers=headers).status_code == 401
            for path in ("/v1/model", "/v1/jobs/x", "/v1/jobs/x/results.tsv", "/metrics"):
                answer = service.client.get(path, headers=headers)
                assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        right = {"Authorization": f"Bearer {KEY}"}
        assert service.client.post("/v1/sequence", json=body, headers=right).status_code == 200
        assert service.client.get("/metrics", headers=right).status_code == 200
        assert "HTTPBearer" in service.client.get("/openapi.json").json()["components"]["securitySchemes"]


def test_files_of_keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# ours\n\n{KEY}\n  other-{KEY} \n")
    assert read_keys(path) == [KEY, f"other-{KEY}"]
    for content, problem in (("# none\n", "no key"), ("short\n", "fewer than")):
        path.write_text(content)
        with pytest.raises(InputError, match=problem):
            read_keys(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_keys(tmp_path / "none")


def test_foreign_host_names_are_refused_on_loopback(sequencer):
    with running(sequencer) as service:
        assert service.client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
        for host in ("localhost:8000", "127.0.0.1", "[::1]:80"):
            assert service.client.get("/healthz", headers={"Host": host}).status_code == 200
    with running(sequencer, any_host=True) as service:
        assert service.client.get("/healthz", headers={"Host": "peptrm.example"}).status_code == 200


def test_headers_forbid_inline_code_and_foreign_sources(service):
    for path in ("/", "/static/style.css", "/v1/model", "/nowhere", "/v1/jobs/nobody"):
        headers = service.client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "server" not in headers or "uvicorn" not in headers["server"] or path  # set by the command alone
    assert service.client.get("/v1/model").headers["Cache-Control"] == "no-store"
    assert service.client.options("/v1/sequence", headers={"Origin": "http://evil.example"}).status_code == 405


def test_the_description_names_every_route_and_status(service):
    description = service.client.get("/openapi.json").json()
    assert set(description["paths"]) == {
        "/v1/sequence",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/results",
        "/v1/jobs/{job_id}/results.{ending}",
        "/v1/jobs/{job_id}/spectra/{number}",
        "/v1/model",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    post = description["paths"]["/v1/sequence"]["post"]
    assert set(post["responses"]) == {"200", "202", "400", "403", "408", "413", "415", "422", "429", "503"}
    assert set(post["requestBody"]["content"]) == {
        "application/json",
        "application/octet-stream",
        "multipart/form-data",
    }
    for path in ("/docs", "/redoc"):  # they would load scripts from elsewhere
        assert service.client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.0.7", False), ("example.org", False)],
)  # fmt: skip
def test_loopback(host, expected):
    assert is_loopback(host) is expected
