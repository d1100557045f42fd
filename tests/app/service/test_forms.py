"""Forms with a file, as curl and browsers send them: the job of the bare file; else refused, and nothing is left."""

import socket

import httpx
import pytest

from app.service.limits import Limits
from tests.app.service.conftest import FILE, as_json, finished, running, send, wait_for

BOUNDARY = "a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(content: bytes, name: str = "file", file_name: str | None = "run.mgf") -> bytes:
    named = "" if file_name is None else f'; filename="{file_name}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(client: httpx.Client, content: object, **query: object) -> httpx.Response:
    return client.post("/v1/sequence", content=content, headers=FORM, params=query)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tight(sequencer):
    """A service that takes files of 3,000 bytes."""
    with running(sequencer, Limits(upload_bytes=3000)) as service:
        yield service


def is_clean(service) -> bool:
    """Nothing of a refused upload is kept, nor does it take a place in the queue."""
    jobs = service.state.jobs
    return not list(jobs) and not list(jobs._root.iterdir()) and not jobs._arriving


def test_a_form_is_the_job_of_its_file(service, mgf):
    bare = finished(service.client, send(service.client, mgf.read_bytes(), "three.mgf", steps=2)["id"])
    answer = service.client.post("/v1/sequence", files={"file": ("three.mgf", mgf.read_bytes())}, params={"steps": 2})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    job = finished(service.client, answer.json()["id"])
    assert (job["name"], job["state"], job["done"]) == ("three.mgf", "completed", 3)
    tables = [service.client.get(f"/v1/jobs/{each['id']}/results.tsv").text for each in (bare, job)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_file_is_the_same_however_the_form_is_cut(service, mgf, size):
    # line ends and starts of boundaries inside the file are the file's
    content = b"\r\n--a-bound\r\n" + mgf.read_bytes()[:1500] + b"\r\n--\r\n"
    whole = form(part(content))
    stored = []
    jobs = service.state.jobs
    start, jobs.start = jobs.start, lambda job: (stored.append(job.upload.read_bytes()), start(job))
    try:
        answer = post(service.client, (whole[i : i + size] for i in range(0, len(whole), size)))
    finally:
        del jobs.start
    assert answer.status_code == 202
    assert stored == [content]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (form(), "holds no file"),
        (b"", "cut off"),
        (b"hello", "damaged"),
        (form(part(b"8", "steps", None)), "has the field 'steps'"),
        (form(part(b"x", "upload")), "has the field 'upload'"),
        (form(part(b"x"), part(b"8", "steps", None)), "has the field 'steps'"),
        (form(part(b"x", "file", None)), "field 'file' holds no file"),
        (form(part(b"", "file", "")), "field 'file' holds no file"),
        (form(part(b"x"), part(b"y")), "more than one file"),
        (part(b"x"), "cut off"),
        (part(b"x")[:-20], "cut off"),
        (f"--{BOUNDARY}\r\nX: {'y' * 10_000}\r\n\r\n".encode(), "damaged"),
        (f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "has the field ''"),
    ],
)
def test_other_forms_are_422_and_nothing_is_kept(tight, body, problem):
    answer = post(tight.client, body)
    assert answer.status_code == 422, answer.text
    assert problem in answer.json()["detail"]
    assert is_clean(tight)


@pytest.mark.parametrize("kind", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 1000}"])
def test_a_form_without_a_boundary_is_422(tight, kind):
    assert tight.client.post("/v1/sequence", content=b"x", headers={"Content-Type": kind}).status_code == 422
    assert is_clean(tight)


def test_a_form_that_is_too_large_is_413_announced_or_not(tight):
    assert post(tight.client, form(part(b"x" * 3001))).status_code == 413
    assert post(tight.client, form(part(b"x" * 200_000))).status_code == 413
    assert post(tight.client, iter([form(part(b"x" * 1000 + b"y" * 2001))])).status_code == 413
    assert post(tight.client, iter([form(part(b"x")), *[b" " * 1000] * 100])).status_code == 413  # behind its end
    assert is_clean(tight)


@pytest.mark.parametrize(
    ("file_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\data\\run 1.mgf", "run_1.mgf"),
        ("..", "spectra"),
        ("%2e%2e%2fx", "2e_2e_2fx"),
        ("a\0b\t<b>.mgf", "a_b_b_.mgf"),
        ("Ü-µ.mgf", "Ü-µ.mgf"),
        ("y" * 500, "y" * 120),
    ],
)
def test_names_of_files_are_for_show(service, mgf, file_name, shown):
    answer = post(service.client, form(part(mgf.read_bytes(), file_name=file_name)), steps=1)
    assert (answer.status_code, answer.json()["name"]) == (202, shown)
    folder = service.state.jobs.get(answer.json()["id"]).folder
    assert finished(service.client, answer.json()["id"])["done"] == 3
    assert {path.name.partition("-")[0] for path in folder.iterdir()} == {"spectra", "predictions.jsonl"}


def test_the_name_of_the_query_goes_before_that_of_the_form(service, mgf):
    answer = post(service.client, form(part(mgf.read_bytes())), name="other.mgf", steps=1)
    assert answer.json()["name"] == "other.mgf"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://of.the.proxy"}, 202),
        ({"Origin": "http://127.0.0.1"}, 202),
    ],
)
def test_a_browser_sends_no_form_for_a_foreign_page(service, mgf, headers, status):
    headers = headers | FORM | {"Host": "127.0.0.1"}
    content = form(part(mgf.read_bytes()))
    answer = service.client.post("/v1/sequence", content=content, headers=headers, params={"steps": 1})
    assert answer.status_code == status, answer.text


def test_a_lost_connection_keeps_nothing(tight):
    port = int(tight.url.rsplit(":", 1)[1])
    for headers in (FORM, FILE):
        lines = [
            "POST /v1/sequence HTTP/1.1",
            "Host: 127.0.0.1",
            f"Content-Type: {headers['Content-Type']}",
            "Content-Length: 900",
        ]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + part(b"BEGIN IONS\n"))
            wait_for(lambda: tight.state.jobs._arriving)
        wait_for(lambda: not tight.state.jobs._arriving)
    assert is_clean(tight)


def test_a_body_of_which_nothing_more_comes_is_408(sequencer, spectra):
    with running(sequencer, Limits(seconds_between_parts=0.2, waiting_jobs=1)) as service:
        port = int(service.url.rsplit(":", 1)[1])
        for kind in (FORM["Content-Type"], FILE["Content-Type"], "application/json"):
            head = (
                f"POST /v1/sequence HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: 900\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(head.encode() + part(b"BEGIN IONS\n"))
                assert connection.recv(100).startswith(b"HTTP/1.1 408")
            assert is_clean(service)
        body = {"spectra": [as_json(spectra[0])], "steps": 1}
        assert service.client.post("/v1/sequence", json=body).status_code == 200


def test_files_that_are_being_sent_take_places_in_the_queue(sequencer, mgf):
    with running(sequencer, Limits(waiting_jobs=1)) as service:

        def slowly():
            yield mgf.read_bytes()
            wait_for(lambda: service.state.jobs._arriving)
            with httpx.Client(base_url=service.url) as other:
                statuses.append(other.post("/v1/sequence", content=mgf.read_bytes(), headers=FILE).status_code)

        statuses: list[int] = []
        assert service.client.post("/v1/sequence", content=slowly(), headers=FILE).status_code == 202
        assert statuses == [429]
