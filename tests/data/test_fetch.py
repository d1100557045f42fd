"""Downloads of one file from servers that stall, break off, serve wrong bytes, refuse, and lie about the length."""

import hashlib
import logging
import random
import time
from pathlib import Path
from threading import Event, Timer

import pytest

from data.errors import CorruptedDataError, DownloadError, OutputError
from data.fetch import Checksums, Expected, HttpSettings, fetch
from tests.data.conftest import broken_off, serve, status

CONTENT = random.Random(1).randbytes(50_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PROOF = Expected(len(CONTENT), sha256=SHA256)
HASTY = HttpSettings(connect_timeout_s=5, read_timeout_s=0.5, attempts=3, backoff_s=0.01, longest_backoff_s=0.02)


def stalled(upto):
    """Sends so much and then nothing, for longer than the client waits."""

    def answer(handler, content):
        handler.start(200, ETag=handler.owner.etag, Content_Length=len(content))
        handler.wfile.write(content[:upto])
        handler.wfile.flush()
        time.sleep(1.5)
        handler.close_connection = True

    return answer


def of_length(stated, sent=None):
    """States another length than that of the content."""

    def answer(handler, content):
        handler.start(200, Content_Length=stated)
        handler.wfile.write(content[:sent])
        handler.close_connection = True

    return answer


def without_length(content_of):
    """Chunks, whose sum is not told."""

    def answer(handler, content):
        handler.start(200, Transfer_Encoding="chunked")
        for chunk in content_of(content):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


@pytest.fixture
def get(server, tmp_path):
    """Fetches the server's file ``f`` into ``out/f``."""
    server.files["f"] = CONTENT

    def run(expected=PROOF, settings=HASTY, **more):
        with settings.client() as client:
            return fetch(f"{server.url}/f", tmp_path / "out" / "f", expected, client, settings, **more)

    return run


def left(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out").iterdir()}


def test_a_file_arrives_whole_and_alone(get, tmp_path):
    seen = []
    found = get(on_bytes=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "out" / "f").read_bytes() == CONTENT
    assert found == Checksums(len(CONTENT), SHA256, hashlib.md5(CONTENT).hexdigest())
    assert left(tmp_path) == {"f"}
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("expected", [PROOF, Expected()], ids=["checksum", "no checksum"])
def test_what_breaks_off_is_continued_with_its_version(get, server, tmp_path, expected):
    server.script["f"] = [broken_off(20_000), broken_off(45_000)]
    get(expected)
    assert (tmp_path / "out" / "f").read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=20000-", "bytes=45000-"]
    assert [headers.get("if-range") for _, headers in server.requests] == [None, '"1"', '"1"']


def test_a_later_run_continues_what_an_earlier_one_left(get, server, tmp_path):
    server.script["f"] = [broken_off(20_000), *[status(503)] * 9]
    with pytest.raises(DownloadError, match=r"503.*20000 bytes have arrived.*again later"):
        get()
    assert "f" not in left(tmp_path)
    server.script.clear()
    get()
    assert server.ranges()[-1] == "bytes=20000-"
    assert left(tmp_path) == {"f"}


def test_a_new_version_at_the_server_is_fetched_from_its_start(get, server, tmp_path):
    server.script["f"] = [broken_off(20_000), *[status(503)] * 3]
    with pytest.raises(DownloadError):
        get(Expected())
    server.etag, server.files["f"] = '"2"', CONTENT[::-1]
    get(Expected())
    assert (tmp_path / "out" / "f").read_bytes() == CONTENT[::-1]


def test_a_server_that_stalls_is_left_and_asked_again(get, server, tmp_path):
    server.script["f"] = [stalled(10_000)]
    get()
    assert server.ranges() == [None, "bytes=10000-"]
    assert (tmp_path / "out" / "f").read_bytes() == CONTENT


def test_a_server_that_stalls_for_ever_is_given_up(get, server, tmp_path):
    server.script["f"] = [stalled(0)] * 9
    with pytest.raises(DownloadError, match="0 bytes have arrived"):
        get()
    assert len(server.requests) == HASTY.attempts
    assert "f" not in left(tmp_path)


def test_wrong_bytes_are_fetched_once_more_and_then_refused(get, server, tmp_path):
    server.script["f"] = [lambda handler, content: serve(handler, content[::-1])]
    get()
    assert (tmp_path / "out" / "f").read_bytes() == CONTENT
    (tmp_path / "out" / "f").unlink()
    server.files["f"] = CONTENT[::-1]
    with pytest.raises(CorruptedDataError, match=f"has sha256 [0-9a-f]{{64}}, not {SHA256}, twice"):
        get()
    assert left(tmp_path) == set()


def test_an_md5_sum_is_compared_too(get):
    get(Expected(md5=hashlib.md5(CONTENT).hexdigest()))
    with pytest.raises(CorruptedDataError, match="has md5"):
        get(Expected(md5="0" * 32))


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final(get, server, tmp_path, code):
    server.script["f"] = [status(code)] * 9
    with pytest.raises(DownloadError, match=f"answers {code} .*mirror"):
        get()
    assert len(server.requests) == 1
    assert left(tmp_path) == set()


def test_an_overloaded_server_is_asked_again_when_it_says(get, server):
    server.script["f"] = [status(429, Retry_After=0), status(503), status(500)]
    with pytest.raises(DownloadError, match="500"):
        get()
    server.script["f"] = [status(429, Retry_After=0), status(503)]
    get()
    assert HASTY.wait_s(1, "3600") == HASTY.longest_backoff_s
    assert HASTY.wait_s(1, "0") == 0


def test_waits_double_and_end():
    settings = HttpSettings(backoff_s=1, longest_backoff_s=10)
    for failures, longest in enumerate((1, 2, 4, 8, 10, 10), start=1):
        assert longest / 2 <= settings.wait_s(failures) <= longest


@pytest.mark.parametrize("stated", [len(CONTENT) - 1, len(CONTENT) + 1, 0, 10**15])
def test_another_length_than_that_of_the_registry_is_refused_at_once(get, server, tmp_path, stated):
    server.script["f"] = [of_length(stated)] * 9
    with pytest.raises(DownloadError, match=f"offers {stated} bytes, not {len(CONTENT)}"):
        get()
    assert len(server.requests) == 1
    assert "f" not in left(tmp_path)


def test_a_length_that_is_never_reached_is_an_error(get, server, tmp_path):
    server.script["f"] = [of_length(60_000)] * 99
    with pytest.raises(DownloadError, match="50000 bytes have arrived"):
        get(Expected())
    assert "f" not in left(tmp_path)


def test_more_than_the_disk_holds_is_refused_before_it_comes(get, server, tmp_path):
    server.script["f"] = [of_length(10**18, 10)]
    with pytest.raises(OutputError, match="needs 1000000000000000000 bytes more"):
        get(Expected())
    assert "f" not in left(tmp_path)


def test_a_stream_without_length_ends_where_the_file_must(get, server, tmp_path):
    server.script["f"] = [without_length(lambda content: [content])]
    get()
    (tmp_path / "out" / "f").unlink()
    server.script["f"] = [without_length(lambda content: (content for _ in range(10_000)))]
    with pytest.raises(DownloadError, match="sends more than 50000 bytes"):
        get()
    assert "f" not in left(tmp_path)


def test_a_server_without_ranges_starts_anew(get, server, tmp_path):
    whole = of_length(len(CONTENT))
    server.script["f"] = [broken_off(30_000), whole]
    get()
    assert server.ranges() == [None, "bytes=30000-"]
    assert (tmp_path / "out" / "f").read_bytes() == CONTENT


def test_another_range_than_asked_for_is_not_appended(get, server, tmp_path):
    def shifted(handler, content):
        handler.start(
            206, Content_Range=f"bytes 10-{len(content) - 1}/{len(content)}", Content_Length=len(content) - 10
        )
        handler.wfile.write(content[10:])

    server.script["f"] = [broken_off(30_000), shifted]
    get()
    assert (tmp_path / "out" / "f").read_bytes() == CONTENT


def test_a_file_that_had_arrived_but_was_not_renamed_is_finished(get, server, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".f.part").write_bytes(CONTENT)
    get()
    assert server.ranges() == [f"bytes={len(CONTENT)}-"]
    assert left(tmp_path) == {"f"}


def test_no_server_is_one_clear_error(tmp_path):
    with HASTY.client() as client, pytest.raises(DownloadError, match="cannot be fetched"):
        fetch("http://127.0.0.1:9/f", tmp_path / "f", PROOF, client, HASTY)


def test_it_can_be_stopped_in_the_middle_of_waiting(get, server, tmp_path):
    server.script["f"] = [status(503)] * 99
    stop = Event()
    Timer(0.1, stop.set).start()
    patient = HttpSettings(backoff_s=60, longest_backoff_s=60)
    with pytest.raises(DownloadError, match="interrupted"):
        get(settings=patient, stop=stop)


def test_two_processes_do_not_write_the_same_file(get, server, tmp_path):
    import fcntl

    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".f.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="another process"):
            get()
    get()


def test_a_full_disk_leaves_nothing(server, small_disk):
    server.files["f"] = CONTENT * 20
    server.script["f"] = [without_length(lambda content: [content])]
    with HASTY.client() as client, pytest.raises(OutputError, match="No space left"):
        fetch(f"{server.url}/f", small_disk / "f", Expected(), client, HASTY)
    assert not [path for path in small_disk.iterdir() if path.stat().st_size]


def test_a_mirror_folder_is_copied_and_compared(tmp_path, caplog):
    source = tmp_path / "mirror" / "f"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    with HASTY.client() as client, caplog.at_level(logging.WARNING):
        assert fetch(source, tmp_path / "out" / "f", PROOF, client, HASTY).sha256 == SHA256
        source.write_bytes(CONTENT + b"!")
        with pytest.raises(CorruptedDataError, match="has bytes 50001"):
            fetch(source, tmp_path / "out" / "g", PROOF, client, HASTY)
        with pytest.raises(DownloadError, match="mirror has no such file"):
            fetch(tmp_path / "none", tmp_path / "out" / "g", PROOF, client, HASTY)
    assert left(tmp_path) == {"f"}
