"""Dynamic batching: one thread owns the sequencer and fills each batch with whatever spectra wait, from all requests.

Nothing waits for company: a batch is what has arrived while the one before it was computed. So one spectrum alone is
answered at once, and sixteen clients share batches instead of the processor.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from data.errors import PepTRMError
from data.predictions import Prediction
from data.schema import Spectrum
from model.inference import Sequencer

log = logging.getLogger(__name__)


class BusyError(PepTRMError):
    """So many spectra wait already that no more are taken on."""


class ClosedError(PepTRMError):
    """The service is shutting down."""


@dataclass(eq=False)
class _Request:
    """Spectra that came together and are answered together.

    Attributes
    ----------
    taken : how many of them are in a batch or answered.
    """

    spectra: Sequence[Spectrum]
    steps: int | None
    answer: "Future[list[Prediction]]" = field(default_factory=Future)
    predictions: list[Prediction] = field(default_factory=list)
    taken: int = 0


_Part = tuple[_Request, Sequence[Spectrum]]


class Batcher:
    """Answers requests in the order they came, several in one batch where they ask for the same steps.

    Parameters
    ----------
    sequencer : used by this object's thread alone.
    waiting_spectra : more are refused.
    on_batch : called with the size of each batch before it is computed.
    """

    def __init__(
        self, sequencer: Sequencer, waiting_spectra: int, on_batch: Callable[[int], None] = lambda size: None
    ) -> None:
        self.sequencer = sequencer
        self._limit, self._on_batch = waiting_spectra, on_batch
        self._requests: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self._thread.is_alive() and not self._closed

    @property
    def waiting(self) -> int:
        """Spectra that are in no batch yet."""
        with self._changed:
            return sum(len(request.spectra) - request.taken for request in self._requests)

    def submit(
        self, spectra: Sequence[Spectrum], steps: int | None = None, *, limited: bool = True
    ) -> "Future[list[Prediction]]":
        """Their predictions, in order, with the answers of every step and the candidates; cancel it to give up.

        Parameters
        ----------
        steps : as `Sequencer.sequence`.
        limited : refuse where too many wait; a job, which asks for one batch at a time, is not.

        Raises
        ------
        BusyError : too many wait.
        ClosedError : nothing is answered any more.
        """
        request = _Request(spectra, steps)
        if not spectra:
            request.answer.set_result([])
            return request.answer
        with self._changed:
            if self._closed:
                raise ClosedError("the service is shutting down")
            waiting = sum(len(other.spectra) - other.taken for other in self._requests)
            if limited and waiting and waiting + len(spectra) > self._limit:
                raise BusyError(f"{waiting} spectra wait already", remedy="Try again later")
            self._requests.append(request)
            self._changed.notify()
        return request.answer

    def close(self) -> None:
        """Finish the batch that is being computed; whoever still waits gets a `ClosedError`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for request in self._requests:
            if request.answer.set_running_or_notify_cancel():
                request.answer.set_exception(ClosedError("the service is shutting down"))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._requests)
                if self._closed:
                    return
                parts = self._next_batch()
            if parts:
                self._compute(parts)

    def _next_batch(self) -> list[_Part]:
        """The spectra that have waited longest and ask for the same number of steps."""
        parts: list[_Part] = []
        room = self.sequencer.batch_size
        for request in list(self._requests):
            if request.answer.cancelled():
                self._requests.remove(request)
            elif room and (not parts or request.steps == parts[0][0].steps):
                part = request.spectra[request.taken : request.taken + room]
                parts.append((request, part))
                request.taken += len(part)
                room -= len(part)
                if request.taken == len(request.spectra):
                    self._requests.remove(request)
        return parts

    def _compute(self, parts: list[_Part]) -> None:
        spectra = [spectrum for _, part in parts for spectrum in part]
        self._on_batch(len(spectra))
        try:
            found = self._sequence(spectra, parts[0][0].steps)
        except Exception as error:
            if len(parts) > 1:  # one request's spectra must not spoil another's
                for each in parts:
                    self._compute([each])
                return
            log.exception("a batch failed")
            self._fail(parts[0][0], error)
            return
        for request, part in parts:
            request.predictions += found[: len(part)]
            found = found[len(part) :]
            is_complete = len(request.predictions) == len(request.spectra)
            if is_complete and request.answer.set_running_or_notify_cancel():
                request.answer.set_result(request.predictions)

    def _sequence(self, spectra: Sequence[Spectrum], steps: int | None) -> list[Prediction]:
        return list(self.sequencer.sequence(spectra, steps, keep_steps=True, keep_candidates=True))

    def _fail(self, request: _Request, error: Exception) -> None:
        with self._changed:
            if request in self._requests:
                self._requests.remove(request)
        if request.answer.set_running_or_notify_cancel():
            request.answer.set_exception(error)
