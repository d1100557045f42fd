"""All that a running service is made of, from the first request to the last."""

from typing import Annotated

from fastapi import Depends, Request

from app.service.batching import Batcher
from app.service.explain import Explainer
from app.service.jobs import Jobs
from app.service.limits import Limits
from app.service.metrics import Metrics
from model.inference import Sequencer


class Service:
    """The parts, which share one sequencer; `close` ends them."""

    def __init__(self, sequencer: Sequencer, limits: Limits) -> None:
        self.sequencer, self.limits = sequencer, limits
        self.metrics = Metrics()
        self.explainer = Explainer(sequencer)
        self.batcher = Batcher(sequencer, limits.waiting_spectra, self.metrics.count_batch)
        self.jobs = Jobs(self.batcher, limits)

    def close(self) -> None:
        """Answer what is being computed, refuse the rest, and remove all files."""
        self.batcher.close()
        self.jobs.close()


def _of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(_of)]
"""The service of the request's application."""
