"""Pushes while the server is away: kept in order, sent once, or refused with a clear error."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from outrider import App, PayloadTooLarge, PushBuffer, PushBufferFull, StoreError, StoreUnavailable
from outrider.script import command
from tests.app.conftest import closing
from tests.app.outage import Outage, buffer_of, job_of, numbers, outage, payloads, sent, until

pytestmark = pytest.mark.wide  # outages of single connections

__all__ = ["outage"]


def test_what_is_pushed_meanwhile_is_sent_in_order(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    """Jobs and bulks go to the buffer, which sends them by itself; two lines in the log tell it.

    P186, P187.
    """
    caplog.set_level(logging.INFO, "outrider.buffer")
    producer = outage.producer()
    job, buffer = job_of(producer), buffer_of(producer)
    job.enqueue(0)
    assert buffer.jobs == 0
    outage.line.down()
    first = job.enqueue(1)
    assert first is not None
    jids = [first.jid, *job.enqueue_many([(2,), (3,)])]
    assert (buffer.jobs, buffer.spilled, buffer.sent) == (3, 3, 0)
    assert buffer.bytes > 0
    outage.line.up()
    until(lambda: numbers(outage.app) == [0, 1, 2, 3])
    sent(producer)
    assert [one["jid"] for one in payloads(outage.app)][1:] == jids
    assert (buffer.jobs, buffer.bytes, buffer.spilled, buffer.sent) == (0, 0, 3, 3)
    until(lambda: len(caplog.records) == 2)
    assert [one.levelname for one in caplog.records] == ["WARNING", "INFO"]
    job.enqueue(4)
    assert numbers(outage.app) == [0, 1, 2, 3, 4]
    assert buffer.spilled == 3


class Pushing(logging.Handler):
    """Pushes a job for each line of the log, on a thread of its own, and waits for that."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.told: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        number = len(self.told) + 100
        thread = threading.Thread(target=job_of(self._app).enqueue, args=[number], daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        self.told.append(number)


def test_a_handler_of_logs_that_pushes(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    """It may wait for other threads that push, so nothing is locked while a line is written."""
    caplog.set_level(logging.INFO, "outrider.buffer")
    producer = outage.producer()
    handler = Pushing(producer)
    logger = logging.getLogger("outrider.buffer")
    logger.addHandler(handler)
    try:
        outage.line.down()
        job_of(producer).enqueue(0)
        outage.line.up()
        until(lambda: handler.told == [100, 101])
    finally:
        logger.removeHandler(handler)
    assert numbers(outage.app) == [0, 100, 101]


def test_an_interrupt_while_the_sender_starts(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one all the same: two would send the same."""
    producer = outage.producer()
    outage.line.down()
    start, started = threading.Thread.start, list[threading.Thread]()

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if thread.name == "outrider-push-buffer":
            started.append(thread)
            if len(started) == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        job_of(producer).enqueue(0)
    job_of(producer).enqueue(1)
    assert len(started) == 1
    outage.line.up()
    sent(producer)
    assert numbers(outage.app) == [0, 1]


def test_in_asyncio(outage: Outage) -> None:
    """The same from a loop; what is kept outlives the loop."""
    producer = outage.producer()
    job = job_of(producer)

    async def main() -> None:
        async with closing(producer):
            await job.aenqueue(0)
            outage.line.down()
            await asyncio.gather(*(job.aenqueue(number) for number in range(1, 5)))
            await job.aenqueue_many([(5,), (6,)])
            assert not await buffer_of(producer).aflush(0.05)

    asyncio.run(main())
    outage.line.up()
    sent(producer)
    assert sorted(numbers(outage.app)) == list(range(7))
    assert numbers(outage.app)[-2:] == [5, 6]


def test_only_the_first_push_waits(outage: Outage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that refuses connections costs no time-out, and later pushes don't try."""
    producer = outage.producer()
    outage.line.down()
    started = time.monotonic()
    job_of(producer).enqueue(0)
    assert time.monotonic() - started < 1.9, "less than the app's time-out"
    asked: list[int] = []
    monkeypatch.setattr(producer.executor, "run", lambda *_: asked.append(1))
    job_of(producer).enqueue(1)
    assert (asked, buffer_of(producer).jobs) == ([], 2)


def test_a_server_that_is_far_away(outage: Outage) -> None:
    """An answer may take as long as without a buffer, for what was kept too."""
    producer = outage.producer()
    outage.line.down()
    job_of(producer).enqueue(0)
    outage.line.late = 0.4
    outage.line.up()
    sent(producer)
    job_of(producer).enqueue(1)
    assert numbers(outage.app) == [0, 1]
    assert buffer_of(producer).spilled == 1


def test_times_stay(outage: Outage) -> None:
    """A job kept for a while has the times of its push; a delayed one is due when it was to be."""
    producer = outage.producer()
    outage.line.down()
    job = job_of(producer)
    before = time.time()
    job.enqueue(1)
    delayed = job.enqueue_in(timedelta(hours=1), 2)
    after = time.time()
    assert delayed is not None
    assert not buffer_of(producer).flush(0.05)
    outage.line.up()
    sent(producer)
    (payload,) = payloads(outage.app)
    assert before - 0.001 <= payload["created_at"] <= payload["enqueued_at"] <= after
    scores = command("ZRANGE", "schedule", 0, -1, "WITHSCORES", decode=lambda found: found)
    _, score = outage.app.perform(scores)
    assert float(score) == delayed.at


@pytest.mark.parametrize(
    ("settings", "fits"), [({"jobs": 3}, 3), ({"bytes": 700}, 3)], ids=["jobs", "bytes"]
)
def test_overflow_raises(outage: Outage, settings: dict[str, int], fits: int) -> None:
    """More than its settings allow is refused, whole; what was taken stays (P180)."""
    producer = outage.producer(**settings)
    job = job_of(producer)
    outage.line.down()
    for number in range(fits):
        job.enqueue(number)
    for _ in range(2):
        with pytest.raises(PushBufferFull, match="nothing was enqueued"):
            job.enqueue_many([(8,), (9,)])
    assert buffer_of(producer).jobs == fits
    outage.line.up()
    sent(producer)
    job.enqueue(fits)
    assert numbers(outage.app) == list(range(fits + 1))


def test_a_first_push_that_does_not_fit(outage: Outage) -> None:
    """It says that the buffer is full, and why it was needed."""
    producer = outage.producer(jobs=1)
    outage.line.down()
    with pytest.raises(PushBufferFull) as caught:
        job_of(producer).enqueue_many([(1,), (2,)])
    assert isinstance(caught.value.__cause__, StoreUnavailable)


def test_a_bulk_that_fits_in_part(outage: Outage) -> None:
    """The error says what was enqueued before."""
    producer = outage.producer(jobs=1500)
    outage.line.down()
    with pytest.raises(PushBufferFull) as caught:
        job_of(producer).enqueue_many([(number,) for number in range(2500)])
    assert buffer_of(producer).jobs == 1000
    (note,) = caught.value.__notes__
    assert note == "This is of a part of the bulk: the 1,000 before were enqueued."


def test_programming_errors_raise_as_ever(outage: Outage) -> None:
    """Only what the server's absence causes is kept (P185)."""
    producer = outage.producer()
    outage.line.down()
    job = job_of(producer)
    with pytest.raises(TypeError):
        job.enqueue()
    with pytest.raises(PayloadTooLarge):
        App(producer.url, push_buffer=True, max_payload=100).enqueue("note", ["x" * 200])
    outage.line.up()
    outage.app.perform(command("SET", "queue:note", 1, decode=bool))
    with pytest.raises(StoreError, match="WRONGTYPE"):
        job.using(queue="note").enqueue(1)
    outage.app.perform(command("DEL", "queue:note", decode=bool))
    assert buffer_of(producer).spilled == 0


@pytest.mark.parametrize("harm", ["reply lost", "request cut"])
def test_a_push_whose_outcome_is_unknown_counts_once(outage: Outage, harm: str) -> None:
    """It is kept with its ticket: sent again it is told from a new one."""
    producer = outage.producer()
    job = job_of(producer)
    job.enqueue(0)
    outage.line.plan.extend([harm] * 50)
    for number in range(1, 6):
        job.enqueue(number)
    until(lambda: len(outage.line.plan) < 40)
    outage.line.plan.clear()
    sent(producer)
    job.enqueue(6)
    assert numbers(outage.app) == list(range(7))


def test_a_full_server_empties_into_the_buffer(outage: Outage) -> None:
    """OOM is certainly not executed: it is kept, and sent when there is memory."""
    producer = outage.producer()
    limit = command("CONFIG", "SET", "maxmemory", "1", decode=bool)
    lift = command("CONFIG", "SET", "maxmemory", "0", decode=bool)
    outage.app.perform(limit)
    try:
        job_of(producer).enqueue_many([(1,), (2,)])
        assert not buffer_of(producer).flush(0.2)
    finally:
        outage.app.perform(lift)
    sent(producer)
    assert numbers(outage.app) == [1, 2]


def test_a_server_that_is_full_after_a_lost_reply(outage: Outage) -> None:
    """The push that it has taken counts once, though it refuses to be asked again."""
    producer = outage.producer()
    job_of(producer).enqueue(0)
    limit = command("CONFIG", "SET", "maxmemory", "1", decode=bool)
    lift = command("CONFIG", "SET", "maxmemory", "0", decode=bool)
    outage.line.plan.append("reply lost")
    outage.line.taken = lambda: outage.app.perform(limit)
    try:
        job_of(producer).enqueue(1)
        assert buffer_of(producer).jobs == 1
    finally:
        outage.app.perform(lift)
    sent(producer)
    assert numbers(outage.app) == [0, 1]


def test_without_a_buffer_it_is_an_error(app: App) -> None:
    """Off by default: StoreUnavailable within the time-out, and nothing in the background."""
    one = App("unix:///nowhere/at-all.sock", timeout=0.2)
    assert one.push_buffer is None
    with pytest.raises(StoreUnavailable):
        one.enqueue("note", [1])


def test_flush_says_whether_all_is_sent(outage: Outage) -> None:
    """It waits for what is kept, and not for more."""
    producer = outage.producer(flush=0.05)
    assert buffer_of(producer).flush(0)
    outage.line.down()
    job_of(producer).enqueue(1)
    assert not buffer_of(producer).flush()
    outage.line.up()
    assert buffer_of(producer).flush(20.0)


def test_prefixes_keep_apart(outage: Outage) -> None:
    """What is kept goes to the app that it was pushed for (P182)."""
    mine = outage.producer()
    other = App(outage.line.url, prefix="other:", push_buffer=PushBuffer())
    outage.line.down()
    job_of(mine).enqueue(1)
    other.enqueue("note", [2])
    outage.line.up()
    sent(mine)
    sent(other)
    assert numbers(outage.app) == [1]
    theirs = App(outage.app.url, prefix="other:")
    assert theirs.queues["default"].size == 1


def test_what_is_kept_goes_only_when_it_lasts(outage: Outage) -> None:
    """Durability holds for what was kept, too: it is sent, once, and kept until the disk has it."""
    producer = outage.producer()
    outage.line.down()
    job_of(producer).using(durability="fsync").enqueue(1)
    job_of(producer).enqueue(2)
    outage.line.up()
    # The other one goes with it, or waits behind it.
    until(lambda: numbers(outage.app) in ([1], [1, 2]))
    assert not buffer_of(producer).flush(0.2)
    with appending(outage.app):
        sent(producer)
    assert numbers(outage.app) == [1, 2]


@contextmanager
def appending(app: App) -> Iterator[None]:
    """Have the server write its append-only file."""
    app.perform(command("CONFIG", "SET", "appendonly", "yes", decode=bool))
    yield
    app.perform(command("CONFIG", "SET", "appendonly", "no", decode=bool))
