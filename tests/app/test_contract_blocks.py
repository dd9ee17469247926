"""Large blocks: what they cost their maker, and when their jobs may begin.

P- and O-numbers are those of docs/lessons.md.
"""

from __future__ import annotations

import contextlib
import tracemalloc

import pytest

from outrider import App
from outrider.job import Job
from tests.app.hands import Hands
from tests.app.test_cancel import has_fired


def noop(number: int = 0) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job."""
    return app.job(noop)


def peak(app: App, job: Job[..., None], count: int) -> int:
    """The most memory, in bytes, that a block of so many jobs took at once; they are not kept."""
    tracemalloc.start()
    try:
        with contextlib.suppress(KeyError), app.batch().jobs():
            for number in range(count):
                job.enqueue(number)
            raise KeyError
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_block_takes_no_more_memory_the_larger_it_is(app: App, job: Job[..., None]) -> None:
    """Three times the jobs, the same memory (P77)."""
    peak(app, job, 100)
    small, large = (peak(app, job, count) for count in (6_000, 18_000))
    assert large < 1.2 * small


def test_jobs_begin_while_others_are_added(app: App, job: Job[..., None]) -> None:
    """A held batch takes block after block, and its jobs need not wait for the last (O14)."""
    batch, hands = app.batch(), Hands(app)
    with batch.open():
        for round_ in range(1, 4):
            with batch.jobs():
                job.enqueue_many([(number,) for number in range(100)])
            assert len(hands.work()) == 100
            status = app.batches[batch.bid]
            assert (status.total, status.pending) == (100 * round_, 0)
            assert has_fired(app, batch) == set()
    assert has_fired(app, batch) == {"complete", "success", "settled"}
