"""How many spectra a second one client gets from the service, and sixteen at once: `python -m benchmarks.service FILE`.

The clients are threads of another process than the service's; they ask over HTTP on loopback and share its machine. For
each size of request both cases sequence the same spectra, in turns, several times; the medians are compared.
"""

import argparse
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import httpx

from data.readers import read_spectra

CLIENTS = 16


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Throughput of `peptrm serve`.")
    parser.add_argument("file", type=Path, help="spectra")
    parser.add_argument("--model", type=Path, default=Path("workspace/models/pretrained"))
    parser.add_argument("--spectra", type=int, default=1024, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 16, 64], help="spectra of a request")
    options = parser.parse_args()
    spectra = [
        {
            "id": each.spectrum_id,
            "precursor_mz": each.precursor_mz,
            "precursor_charge": each.precursor_charge,
            "mz": each.mz.tolist(),
            "intensity": each.intensity.tolist(),
        }
        for each in read_spectra(options.file)
    ]
    url, service = _start(options.model)
    print(
        "| spectra a request | 1 client, spectra/s | 16 clients, spectra/s | 16 clients to 1 |\n|---:|---:|---:|---:|"
    )
    try:
        for size in options.sizes:
            bodies = _bodies(spectra, options.spectra, size)
            _rate(url, bodies[: len(bodies) // 4], CLIENTS)  # warm up
            rounds = [[_rate(url, bodies, clients) for clients in (1, CLIENTS)] for _ in range(options.rounds)]
            one, many = (median(column) for column in zip(*rounds, strict=True))
            print(f"| {size} | {one:.1f} | {many:.1f} | {many / one:.2f} |", flush=True)
    finally:
        service.terminate()
        service.wait()


def _start(model: Path) -> tuple[str, subprocess.Popen[bytes]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "app.main", "serve", "--port", str(port), "--model", str(model)]
    service = subprocess.Popen(words)
    url = f"http://127.0.0.1:{port}"
    while service.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=120).status_code == 200:
                return url, service
        except httpx.TransportError:
            time.sleep(0.2)
    sys.exit("the service ended at its start")


def _bodies(spectra: list[dict[str, object]], total: int, size: int) -> list[bytes]:
    """Requests of equal size that together hold so many spectra."""
    endless = cycle(spectra)
    return [json.dumps({"spectra": list(islice(endless, size))}).encode() for _ in range(max(CLIENTS, total // size))]


def _rate(url: str, bodies: list[bytes], clients: int) -> float:
    """Spectra a second of all clients together."""
    shares = [(url, bodies[number::clients]) for number in range(clients)]
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(_ask, shares))
    return done / (time.perf_counter() - began)


def _ask(share: tuple[str, list[bytes]]) -> int:
    url, bodies = share
    done = 0
    with httpx.Client(base_url=url, timeout=120, headers={"Content-Type": "application/json"}) as client:
        for body in bodies:
            done += len(client.post("/v1/sequence", content=body).raise_for_status().json()["answers"])
    return done


if __name__ == "__main__":
    main()
