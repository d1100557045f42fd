"""Files as jobs: streamed in, followed, stopped, downloaded, forgotten; and files that mean harm."""

import gzip
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyteomics.mztab import MzTab

from app.service.limits import Limits
from app.service.uploads import shown_name
from data.writers import write_predictions
from tests.app.service.conftest import FILE, finished, make_sequencer, running, send, until, wait_for


def test_a_file_becomes_the_tables_that_the_command_writes(service, sequencer, mgf, spectra, tmp_path):
    job = finished(service.client, send(service.client, mgf.read_bytes(), "three.mgf", steps=3)["id"])
    assert (job["state"], job["done"], job["total"], job["problem"]) == ("completed", 3, 3, None)
    expected = list(sequencer.sequence(spectra, steps=3))
    for ending in ("tsv", "csv", "mztab", "parquet"):
        answer = service.client.get(f"/v1/jobs/{job['id']}/results.{ending}").raise_for_status()
        assert "three.mgf" in answer.headers["Content-Disposition"]
        ours = tmp_path / f"ours.{ending}"
        write_predictions(
            expected,
            ours,
            source_files=[Path("/uploaded/three.mgf")],
            software_version="0.1.0",
            readable=sequencer.readable_tokens,
        )
        if ending == "parquet":
            assert pq.read_table(io.BytesIO(answer.content)).equals(pq.read_table(ours))
        else:
            assert answer.text == ours.read_text()
    theirs = tmp_path / "theirs.mztab"
    theirs.write_text(service.client.get(f"/v1/jobs/{job['id']}/results.mztab").text)
    assert MzTab(str(theirs)).metadata["ms_run[1]-location"] == "file:///uploaded/three.mgf"


def test_results_come_in_pages_and_spectra_one_by_one(service, mgf, spectra):
    job = finished(service.client, send(service.client, mgf.read_bytes() * 7, steps=2)["id"])
    path = f"/v1/jobs/{job['id']}"
    page = service.client.get(f"{path}/results", params={"offset": 19, "limit": 5}).json()
    assert page["done"] == 21
    assert [answer["spectrum_id"] for answer in page["answers"]] == ["run.mgf:19", "run.mgf:20"]
    detail = service.client.get(f"{path}/spectra/17").json()
    assert detail["answer"]["spectrum_id"] == "run.mgf:17"
    assert detail["mz"] == pytest.approx(spectra[17 % 3].mz, abs=1e-5)
    assert detail["answer"]["reference"] == spectra[17 % 3].peptidoform
    assert len(detail["answer"]["steps"]) == 2
    assert service.client.get(f"{path}/spectra/21").status_code == 404
    assert service.client.get(f"{path}/results.docx").status_code == 422


def test_skipped_spectra_are_counted(sequencer, mgf):
    content = mgf.read_bytes() + b"BEGIN IONS\nPEPMASS=500\nCHARGE=0+\n100 1\nEND IONS\n"
    content += (
        b"BEGIN IONS\nPEPMASS=500\nCHARGE=2+\n" + b"".join(b"%d 1\n" % mz for mz in range(100, 131)) + b"END IONS\n"
    )
    with running(sequencer, Limits(peaks_per_spectrum=30)) as service:
        job = finished(service.client, send(service.client, content, steps=1)["id"])
    assert job["done"] == 3
    assert job["skipped"] == {"precursor charge not in 1–8": 1, "more than 30 peaks": 1}


def test_real_files_of_every_format(service, mirror):
    files = {
        "sage_one_peptide.mzML": "completed",
        "three_scans.mzML.gz": "completed",
        "tmt10_trial8.mzXML": "completed",
        "proteometools_FTMS_HCD_20_sample.msp": "completed",
        "demo.ms2": "completed",
    }
    for name, state in files.items():
        content = (mirror / "raw" / name).read_bytes()
        job = finished(service.client, send(service.client, content, name, steps=1)["id"])
        assert job["state"] == state, job


SECRET = "THE-SECRET-OF-THE-SERVER"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"hello\nworld\n", "no known format"),
        (b"\x89PNG\r\n\x1a\n\0\0", "binary file"),
        (b"PAR1xxxx", "does not read Parquet"),
        (b"\x1f\x8bnonsense", "damaged archive"),
        (gzip.compress(b"BEGIN IONS\n" * 1000, mtime=0)[:-20], "damaged archive"),
        (gzip.compress(b"BEGIN IONS\n" + b" " * 2_000_000, mtime=0), "unpacks to more than"),
        (b"BEGIN IONS\nPEPMASS=500\n100 1\nEND IONS\n", "no spectrum that can be sequenced"),
        (b"<mzML><run><spectrumList>", "truncated or malformed"),
        (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file://%s">]><mzML><run><spectrumList><spectrum id="&e;"/>'
            b"<spectrum>&e;</spectrum></spectrumList></run></mzML>",
            "",
        ),
    ],
)
def test_bad_files_fail_with_a_reason_and_tell_nothing_of_the_server(sequencer, tmp_path, content, problem):
    (tmp_path / "secret").write_text(SECRET)
    content = content.replace(b"%s", str(tmp_path / "secret").encode())
    with running(sequencer, Limits(upload_bytes=1_000_000)) as service:
        job = finished(service.client, send(service.client, content, "bad.mgf")["id"])
        assert job["state"] == "failed"
        assert problem in job["problem"]
        assert "/tmp" not in job["problem"] and SECRET not in job["problem"]
        assert service.client.get(f"/v1/jobs/{job['id']}/results").json() == {"done": 0, "answers": []}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\run 1.mzML", "run_1.mzML"),
        ("a\tb\n.mgf", "a_b_.mgf"),
        ("..", "spectra"),
        ("", "spectra"),
        ("Ü-µ.mgf", "Ü-µ.mgf"),
        ("x" * 500, "x" * 120),
    ],
)
def test_names_are_for_show(name, shown):
    assert shown_name(name) == shown


def test_no_path_of_a_request_is_opened(service, mgf):
    job = send(service.client, mgf.read_bytes(), "/etc/passwd", steps=1)
    assert job["name"] == "passwd"
    finished(service.client, job["id"])
    for path in (
        "/static/../api.py",
        "/static/..%2Fapi.py",
        "/static/%2Fetc%2Fpasswd",
        "/v1/jobs/..%2F..%2Fx/results.tsv",
    ):
        assert service.client.get(path).status_code in (404, 422), path


def test_a_job_stops_keeps_what_it_has_and_goes_with_its_files(model, mgf):
    with running(make_sequencer(model, batch_size=3)) as service:
        job_id = send(service.client, mgf.read_bytes() * 300, steps=4)["id"]
        until(service.client, job_id, lambda job: job["done"] > 0)
        assert service.client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
        job = finished(service.client, job_id)
        assert job["state"] == "cancelled" and 0 < job["done"] < job["total"] == 900
        assert service.client.get(f"/v1/jobs/{job_id}/results.csv").text.count("\n") == job["done"] + 1
        folder = service.state.jobs.get(job_id).folder
        assert folder.exists() and not (folder / "upload").exists()
        assert service.client.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert not folder.exists()
        for path in ("", "/results", "/results.tsv", "/spectra/0"):
            assert service.client.get(f"/v1/jobs/{job_id}{path}").status_code == 404
        running_id = send(service.client, mgf.read_bytes() * 300, steps=4)["id"]
        folder = service.state.jobs.get(running_id).folder
        assert service.client.delete(f"/v1/jobs/{running_id}").status_code == 204
        wait_for(lambda: not folder.exists())
        root = folder.parent
    assert not root.exists()


def test_finished_jobs_go_after_a_time(sequencer, mgf):
    with running(sequencer, Limits(keep_seconds=3600, kept_jobs=2)) as service:
        ids = [finished(service.client, send(service.client, mgf.read_bytes(), steps=1)["id"])["id"] for _ in range(3)]
        service.state.jobs.clean()
        assert [job.id for job in service.state.jobs] == ids[1:]
    with running(sequencer, Limits(keep_seconds=0)) as service:
        job = finished(service.client, send(service.client, mgf.read_bytes(), steps=1)["id"])
        service.state.jobs.clean()
        assert service.client.get(f"/v1/jobs/{job['id']}").status_code == 404


def test_queue_and_time_of_jobs_are_limited(model, mgf):
    sequencer = make_sequencer(model, batch_size=1)
    with running(sequencer, Limits(waiting_jobs=0)) as service:
        answer = service.client.post("/v1/sequence", content=mgf.read_bytes(), headers=FILE)
        assert answer.status_code == 429 and "Retry-After" in answer.headers
        assert list(service.state.jobs) == []
    with running(sequencer, Limits(seconds_per_job=0.2)) as service:
        job = finished(service.client, send(service.client, mgf.read_bytes() * 300, steps=8)["id"])
        assert job["state"] == "failed" and "took longer" in job["problem"]
