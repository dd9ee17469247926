"""Large blocks: what they cost their maker, and when their jobs may begin.

P- and O-numbers are those of docs/lessons.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from outrider import App
from outrider.job import Job
from tests.app.conftest import closing, loop
from tests.app.hands import Hands, listed
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


@pytest.mark.parametrize("kind", ["to_thread", "copied context"])
def test_a_thread_with_the_blocks_context_does_not_see_it(
    app: App, job: Job[..., None], kind: str
) -> None:
    """Neither jobs nor batches that it makes belong to the block, and nothing of it is torn."""
    batch, others = app.batch(), []

    def work() -> None:
        job.enqueue(2)
        others.append(app.batch())
        with others[0].jobs():
            job.enqueue(3)

    async def fill() -> None:
        async with closing(app), batch.jobs():
            await job.aenqueue(1)
            await asyncio.to_thread(work)

    if kind == "to_thread":
        loop(app, fill())
    else:
        with batch.jobs(), ThreadPoolExecutor(1) as pool:
            job.enqueue(1)
            pool.submit(copy_context().run, work).result()
    bids = [json.loads(text).get("bid") for text in listed(app)]
    assert bids == [None, others[0].bid, batch.bid]
    assert app.batches[others[0].bid].parent_bid is None
    assert app.batches[batch.bid].child_bids == []
