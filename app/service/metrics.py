"""Prometheus metrics of one service."""

import time
from collections import Counter as Count
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.service.batching import Batcher
from app.service.jobs import Jobs

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """What is counted; a registry of its own, so that several services can live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "peptrm_requests", "HTTP requests.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "peptrm_request_seconds", "Time to the answer's head.", ("route",), registry=self._registry
        )
        self._spectra = Counter("peptrm_spectra", "Spectra given to the network.", registry=self._registry)
        self._batches = Histogram(
            "peptrm_batch_size", "Spectra in a batch.", buckets=_BATCH_SIZES, registry=self._registry
        )
        self._jobs = Gauge("peptrm_jobs", "Jobs that are kept.", ("state",), registry=self._registry)
        self._waiting = Gauge("peptrm_waiting_spectra", "Spectra that wait for a batch.", registry=self._registry)

    def count_batch(self, size: int) -> None:
        """A batch of so many spectra is about to be computed."""
        self._spectra.inc(size)
        self._batches.observe(size)

    async def measure(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Count a request by the route that it matched, never by its path or a method that anybody can make up."""
        began = time.perf_counter()
        status = 500
        try:
            response = await call_next(request)
            status = response.status_code
            return response
        finally:
            route = getattr(request.scope.get("route"), "path", "none")
            method = request.method if request.method in _METHODS else "other"
            self._requests.labels(method, route, str(status)).inc()
            self._seconds.labels(route).observe(time.perf_counter() - began)

    def text(self, batcher: Batcher, jobs: Jobs) -> bytes:
        """The exposition format."""
        self._waiting.set(batcher.waiting)
        self._jobs.clear()
        for state, number in Count(job.state for job in jobs).items():
            self._jobs.labels(state).set(number)
        return generate_latest(self._registry)
