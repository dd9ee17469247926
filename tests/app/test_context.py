"""What code sees of the block and of the job that it runs in."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

import outrider
from outrider import App, BatchNotFound, EnqueueError
from outrider.job import Job
from tests.app.conftest import Way, closing, loop
from tests.app.hands import BID, Hands, inside, listed, member, put, raw, start, write


def resize(image_id: int) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job."""
    return app.job(resize)


def owners(app: App) -> list[str | None]:
    """The batches of all jobs on the queue."""
    return [json.loads(text).get("bid") for text in listed(app)]


# -- blocks ---------------------------------------------------------------------------------------


def in_thread(work: Callable[[], object]) -> None:
    """Run it in another thread, to its end."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_thread_does_not_see_the_block(app: App, job: Job[..., None]) -> None:
    """What another thread enqueues meanwhile is none of the batch's business."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(1)
        in_thread(lambda: job.enqueue(2))
    assert owners(app) == [None, batch.bid]


def test_a_task_started_in_the_block_sees_it(app: App, job: Job[..., None]) -> None:
    """Many tasks may fill one batch together."""
    batch = app.batch()

    async def main() -> None:
        async with closing(app), batch.jobs():
            await asyncio.gather(*(job.aenqueue(number) for number in range(20)))
            await asyncio.create_task(job.aenqueue(20))

    loop(app, main())
    assert owners(app) == [batch.bid] * 21
    assert len(set(listed(app))) == 21


def test_tasks_add_to_a_batch_together(app: App, job: Job[..., None]) -> None:
    """Also where numbers must be reserved on the server: no number is given out twice."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(0)

    async def main() -> None:
        async with closing(app), batch.jobs():
            await asyncio.gather(*(job.aenqueue(number) for number in range(1, 101)))

    loop(app, main())
    assert len({json.loads(text)["jid"] for text in listed(app)}) == 101
    assert app.batches[batch.bid].total == 101
    assert len(Hands(app).work()) == 101
    assert app.batches[batch.bid].is_success


def test_a_task_started_before_the_block_does_not_see_it(app: App, job: Job[..., None]) -> None:
    """Two requests of a web server, each with its own batch, do not mix."""

    async def fill(batch: Any, mine: asyncio.Event, other: asyncio.Event) -> None:
        async with batch.jobs():
            await job.aenqueue(1)
            mine.set()
            await other.wait()
            await job.aenqueue(2)

    async def main() -> list[str]:
        one, two = app.batch(), app.batch()
        first, second = asyncio.Event(), asyncio.Event()
        async with closing(app):
            await asyncio.gather(fill(one, first, second), fill(two, second, first))
        return [one.bid, two.bid]

    bids = loop(app, main())
    assert sorted(filter(None, owners(app))) == sorted(bids * 2)
    assert [app.batches[bid].total for bid in bids] == [2, 2]


def test_a_block_that_has_ended_takes_nothing(app: App, job: Job[..., None]) -> None:
    """A task that outlives its block gets an error, and loses no job in silence."""
    batch = app.batch()

    async def late(over: asyncio.Event) -> None:
        await over.wait()
        with pytest.raises(EnqueueError, match=f"the block of batch {batch.bid} has ended already"):
            await job.aenqueue(1)

    async def main() -> None:
        over = asyncio.Event()
        async with closing(app):
            async with batch.jobs():
                task = asyncio.create_task(late(over))
            over.set()
            await task

    loop(app, main())
    assert app.batches[batch.bid].total == 0


def test_a_cancelled_block_pushes_nothing(app: App, job: Job[..., None]) -> None:
    """A request that is given up half-way leaves no half batch."""
    batch = app.batch()

    async def fill(begun: asyncio.Event) -> None:
        async with batch.jobs():
            await job.aenqueue(1)
            begun.set()
            await asyncio.Event().wait()

    async def main() -> None:
        begun = asyncio.Event()
        async with closing(app):
            task = asyncio.create_task(fill(begun))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    loop(app, main())
    assert raw(app, "DBSIZE") == 0


# -- running jobs ---------------------------------------------------------------------------------


def test_outside_of_a_job_there_is_none(app: App) -> None:
    """Asking for it is a mistake of the caller, told as one."""
    for ask in (outrider.current_job, outrider.current_batch, outrider.valid_within_batch):
        with pytest.raises(LookupError, match="no job is running here"):
            ask()
    with pytest.raises(LookupError, match="no job is running here"):
        asyncio.run(outrider.avalid_within_batch())


def test_what_a_job_knows_of_itself(app: App) -> None:
    """Id, name, queue, arguments, tags, batch, attempt and token are those of its payload."""
    text = member(3, "low", args=[1, "a"], kwargs={"k": 2}, tags=["x"])
    with inside(app, text, 17, "h:1:a:0") as job:
        assert outrider.current_job() is job
        assert (job.jid, job.name, job.queue) == (f"{BID}00000003", "app.job", "low")
        assert (job.args, job.kwargs, job.tags) == ([1, "a"], {"k": 2}, ["x"])
        assert (job.bid, job.callback_of, job.token, job.app) == (BID, None, 17, app)
    with inside(app, write("j")) as job:
        assert (job.args, job.kwargs, job.tags, job.bid) == ([], {}, [], None)
        assert outrider.current_batch() is None


@pytest.mark.parametrize(
    ("fields", "attempt"), [({}, 1), ({"retry_count": 0}, 2), ({"retry_count": 4}, 6)]
)
def test_attempts_count_from_one(app: App, fields: dict[str, Any], attempt: int) -> None:
    """The first run is attempt 1, the first retry attempt 2."""
    with inside(app, write("j", **fields)) as job:
        assert job.attempt == attempt


def test_a_claim_stands_until_it_is_taken_away(way: Way, app: App) -> None:
    """`still_mine` asks the server: False once the job was given to another worker."""
    put(app, "default", write("a"))
    hands = Hands(app)
    claimed = hands.claim()
    with inside(app, claimed.payloads[0], claimed.first, "host:1:ab:0") as job:
        assert way(job, "still_mine") is True
        hands.ack(claimed.first)
        assert way(job, "still_mine") is False


class Membership:
    """The functions of the module, so that both ways can be called."""

    valid_within_batch = staticmethod(outrider.valid_within_batch)
    avalid_within_batch = staticmethod(outrider.avalid_within_batch)


def test_work_is_wanted_until_its_batch_is_cancelled(way: Way, app: App) -> None:
    """A job without a batch is always wanted (P45)."""
    start(app, 1)
    with inside(app, write("j")):
        assert way(Membership, "valid_within_batch") is True
    with inside(app, member(0)):
        assert way(Membership, "valid_within_batch") is True
        raw(app, "HSET", app.keys("batch", BID), "cancelled_at", 1)
        assert way(Membership, "valid_within_batch") is False


def test_a_job_enqueued_by_a_member_is_no_member(app: App, job: Job[..., None]) -> None:
    """Only a block adds to a batch (O2)."""
    start(app, 1)
    with inside(app, member(0)):
        job.enqueue(1)
    assert owners(app) == [BID, None]
    assert app.batches[BID].total == 1


def test_a_member_of_a_batch_that_is_gone_cannot_add(app: App, job: Job[..., None]) -> None:
    """It runs as a plain job; adding tells that the batch is not known any more."""
    with inside(app, member(0)):
        current = outrider.current_batch()
        if current is not None:
            with pytest.raises(BatchNotFound), current.jobs():
                job.enqueue(1)
    assert raw(app, "DBSIZE") == 0
