"""What the tests of the data folder share."""

import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let root mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # a reader may still hold a file


Answer = Callable[["_Handler", bytes], None]
"""Answers a request for a file of this content."""


class FileServer:
    """An HTTP server on loopback whose answers are scripted.

    Attributes
    ----------
    files : path → content.
    script : path → answers to the next requests; those after them are `serve`.
    requests : path and headers of each request, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.script: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.etag = '"1"'
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def ranges(self) -> list[str | None]:
        """What each request asked for."""
        return [headers.get("range") for _, headers in self.requests]

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/")
        self.owner.requests.append((path, {key.lower(): value for key, value in self.headers.items()}))
        waiting = self.owner.script.get(path)
        answer = waiting.pop(0) if waiting else serve
        if path in self.owner.files or waiting is not None:
            answer(self, self.owner.files.get(path, b""))
        else:
            status(404)(self, b"")

    def log_message(self, *words: object) -> None:
        """Silence."""

    def start(self, code: int, **headers: object) -> None:
        """Status line and headers."""
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()

    def wanted(self, content: bytes) -> int | None:
        """First byte of the range, if one is asked for of the version that is there."""
        range_header, version = self.headers.get("Range"), self.headers.get("If-Range")
        if range_header is None or version not in (None, self.owner.etag):
            return None
        return int(range_header.removeprefix("bytes=").removesuffix("-"))


def serve(handler: _Handler, content: bytes, upto: int | None = None) -> None:
    """As a good server does; ``upto``: the connection breaks off in front of this byte."""
    begin = handler.wanted(content)
    if begin is not None and begin >= len(content):
        handler.start(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
        return
    headers = {"ETag": handler.owner.etag, "Content_Length": len(content) - (begin or 0)}
    if begin is None:
        handler.start(200, **headers)
    else:
        handler.start(206, Content_Range=f"bytes {begin}-{len(content) - 1}/{len(content)}", **headers)
    handler.wfile.write(content[begin or 0 : upto])
    handler.close_connection = upto is not None


def broken_off(upto: int) -> Answer:
    """The connection ends in front of this byte."""
    return lambda handler, content: serve(handler, content, upto)


def status(code: int, **headers: object) -> Answer:
    """No content."""
    return lambda handler, content: handler.start(code, Content_Length=0, **headers)


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A scripted HTTP server."""
    running = FileServer()
    yield running
    running.close()
