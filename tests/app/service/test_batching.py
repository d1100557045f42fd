"""Dynamic batching: each request gets its own answers in order, whatever else waits, is cancelled or fails."""

from concurrent.futures import CancelledError, wait
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.service.batching import Batcher, ClosedError
from data.schema import Spectrum
from tests.app.service.conftest import make_sequencer
from tests.conftest import ladder


def named(name: str) -> Spectrum:
    return replace(ladder("SAMPLER"), spectrum_id=name)


@pytest.fixture(scope="module")
def batcher(model):
    sizes: list[int] = []
    batcher = Batcher(make_sequencer(model, batch_size=5), 10_000, sizes.append)
    batcher.sizes = sizes
    yield batcher
    batcher.close()


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from((None, 1, 2))), min_size=1, max_size=8))
def test_each_request_gets_its_own_answers_in_order(batcher, requests):
    asked = [[f"{number}-{row}" for row in range(size)] for number, (size, _) in enumerate(requests)]
    futures = [
        batcher.submit([named(name) for name in names], steps)
        for names, (_, steps) in zip(asked, requests, strict=True)
    ]
    for names, (_, steps), future in zip(asked, requests, futures, strict=True):
        found = future.result(30)
        assert [each.spectrum_id for each in found] == names
        assert steps is None or all(len(each.peptidoform_by_step) == steps for each in found)
    assert max(batcher.sizes, default=0) <= 5


def test_small_requests_share_a_batch(batcher):
    batcher.sizes.clear()
    futures = [batcher.submit([named(f"{number}") for number in range(5)], 8)]
    futures += [batcher.submit([named(f"{number}")], 8) for number in range(10)]
    wait(futures, 30)
    assert sum(batcher.sizes) == 15
    assert len(batcher.sizes) < 11


def test_a_cancelled_request_is_dropped_and_the_next_answered(batcher):
    long = batcher.submit([named("a")] * 200, 4)
    behind = batcher.submit([named("b")], 4)
    assert long.cancel()
    assert behind.result(30)[0].spectrum_id == "b"
    with pytest.raises(CancelledError):
        long.result()
    assert batcher.waiting == 0


def test_a_spectrum_that_breaks_the_network_spoils_no_other_request(batcher):
    broken = replace(named("broken"), mz=np.zeros((2, 2)), intensity=np.zeros((2, 2), np.float32))
    first, wrong, last = (batcher.submit([spectrum], 3) for spectrum in (named("a"), broken, named("b")))
    assert first.result(30)[0].spectrum_id == "a"
    with pytest.raises(ValueError):
        wrong.result(30)
    assert last.result(30)[0].spectrum_id == "b"
    assert batcher.ready


def test_who_waits_when_it_closes_is_told(model):
    batcher = Batcher(make_sequencer(model, batch_size=1), 10_000)
    future = batcher.submit([named("a")] * 50)
    batcher.close()
    with pytest.raises(ClosedError):
        future.result(30)
    with pytest.raises(ClosedError):
        batcher.submit([named("b")])
    assert not batcher.ready
