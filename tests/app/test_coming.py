"""Large blocks on their way to where others wait: people see their jobs, and act on them."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App, Batch, BatchFinished
from outrider.ids import member_jid
from outrider.job import Job
from outrider.store import place, queue
from outrider.store.queue import Other
from tests.app.conftest import Way, closing, loop
from tests.app.hands import Hands, listed, put, raw, write
from tests.conftest import keys

MANY = 700
HERE = "tests.app.conftest"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks count as large early, so that the tests are fast."""
    monkeypatch.setattr("outrider.staging.MAX_LOAD", 100)
    monkeypatch.setattr("outrider.staging.CHUNK", 100)


def send(app: App, job: Job[..., None], count: int = MANY, **options: Any) -> Batch:
    """A large block; where its queue is not empty, it is on its way then."""
    batch = app.batch(**options).on("settled", f"{HERE}.called")
    with batch.jobs():
        job.enqueue_many((i,) for i in range(count))
    return batch


def delay(app: App, job: Job[..., None], count: int = MANY, start: float = 60) -> Batch:
    """The same with jobs that are due a second after each other."""
    batch = app.batch().on("settled", f"{HERE}.called")
    with batch.jobs():
        for i in range(count):
            job.enqueue_in(start + i, i)
    return batch


def on_way(app: App) -> list[str]:
    """What is on its way."""
    return app.perform(queue.moving(app.keys))


def jids(batch: Batch, count: int = MANY) -> list[str]:
    return [member_jid(batch.bid, number) for number in range(count)]


def move(app: App, limit: int = 1000) -> int:
    """What a worker's scheduler does in a round."""
    return app.perform(queue.move(app.keys, limit=limit, bytes=1 << 18))


def gather(way: Way, where: Any) -> list[str]:
    """The ids that iterating gives."""

    async def collect() -> list[str]:
        async with closing(way.app):
            return [record.jid async for record in where]

    return loop(way.app, collect()) if way.is_async else [record.jid for record in where]


# -- queues ---------------------------------------------------------------------------------------


def test_a_queue_and_what_comes_are_one_line(way: Way, app: App, job: Job[..., None]) -> None:
    """Its own first, then block after block; others are no part of it."""
    put(app, "default", write("a"), write("b"))
    put(app, "low", write("c"))
    first, second = send(app, job), send(app, job, 150)
    with (other := app.batch()).jobs():
        job.using(queue="low").enqueue_many((i,) for i in range(150))
    assert len(on_way(app)) == 3
    default = app.queues["default"]
    line = ["a", "b", *jids(first), *jids(second, 150)]
    assert gather(way, default) == line
    assert gather(way, app.queues["low"]) == ["c", *jids(other, 150)]
    assert (default.size, app.queues["low"].size, app.stats.enqueued) == (852, 151, 1003)
    for jid in (line[0], line[2], line[500], line[-1]):
        assert way(default, "find", jid).jid == jid
    assert way(default, "find", jids(other)[0]) is None


def test_the_latency_of_what_comes(app: App, job: Job[..., None]) -> None:
    """Where nothing lies, the first to come has waited."""
    put(app, "default", write("a"))
    send(app, job, 150)
    raw(app, "DEL", app.keys("queue", "default"))
    assert 0 < app.queues["default"].latency < 60


@pytest.mark.parametrize("limit", [1, 100, 10**6])
@pytest.mark.parametrize("is_empty", [False, True], ids=["moved", "renamed"])
def test_what_moves_during_a_walk_is_seen_once(
    app: App, job: Job[..., None], limit: int, *, is_empty: bool
) -> None:
    """All of it, in its order, wherever the walk has come to."""
    put(app, "default", write("a"))
    first, second = send(app, job), send(app, job)
    seen = []
    for number, record in enumerate(app.queues["default"]):
        seen.append(record.jid)
        if number % 100 == 50:
            if is_empty and number == 50:
                raw(app, "RPOP", app.keys("queue", "default"))
            move(app, limit)
    assert seen == ["a", *jids(first), *jids(second)]


def test_what_is_pushed_meanwhile_hides_nobody(app: App, job: Job[..., None]) -> None:
    """It comes before what is on its way, and workers take from the front."""
    put(app, "default", *(write(f"{number:05}") for number in range(100)))
    batch = send(app, job)
    seen = []
    for number, record in enumerate(app.queues["default"]):
        seen.append(record.jid)
        if number % 100 == 50:
            put(app, "default", *(write(f"{number}-{i}") for i in range(40)))
            raw(app, "RPOP", app.keys("queue", "default"), 20)
    assert [jid for jid in seen if jid.startswith(batch.bid)] == jids(batch)


@pytest.mark.parametrize("at", [0, 1, 350, MANY - 1])
def test_acting_on_one_that_comes(way: Way, app: App, job: Job[..., None], at: int) -> None:
    """Deleted or killed; its batch is told once, its neighbours come."""
    put(app, "default", write("a"))
    batch = send(app, job)
    line, default = jids(batch), app.queues["default"]
    assert [way(default, "delete", line[at]) for _ in range(2)] == [True, False]
    other = line[at - 1]
    assert [way(default, "kill", other) for _ in range(2)] == [True, False]
    status = app.batches[batch.bid]
    assert (status.pending, status.dead, default.size) == (MANY - 1, 1, MANY - 1)
    assert [record.jid for record in app.dead] == [other]
    assert gather(way, default) == ["a", *(jid for jid in line if jid not in {line[at], other})]


def test_the_last_that_comes_leaves_nothing(app: App, job: Job[..., None]) -> None:
    """An emptied list is on its way no more; the batch has settled, and its callback waits."""
    put(app, "default", write("a"))
    batch = send(app, job, 101)
    for jid in jids(batch, 101):
        assert app.queues["default"].delete(jid)
    assert on_way(app) == []
    assert not [key for key in keys(app) if "staged" in key]
    assert app.batches[batch.bid].is_settled
    assert app.queues["default"].size == 2
    Hands(app).work()


@pytest.mark.parametrize("taken", [0, 1, 600, 2200])
def test_one_that_moves_before_it_is_deleted(
    app: App, job: Job[..., None], taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found on its way, it is deleted where it has come to; where too many were taken before it, it
    is sought again."""
    put(app, "default", *(write(f"{number:05}") for number in range(2300)))
    batch = send(app, job)
    calls: list[int] = []
    send_remove = place.remove

    def remove(*args: Any, **kwargs: Any) -> Any:
        if not calls:
            if taken:
                raw(app, "RPOP", app.keys("queue", "default"), taken)
            assert move(app) == 0
        calls.append(kwargs["at"])
        return send_remove(*args, **kwargs)

    monkeypatch.setattr("outrider.inspection.collection.store.remove", remove)
    assert app.queues["default"].delete(jids(batch)[600])
    assert calls == [2900, 700][: 1 + (taken == 2200)]
    assert app.queues["default"].size == 2999 - taken
    assert app.batches[batch.bid].pending == MANY - 1


def test_clearing_what_comes(way: Way, app: App, job: Job[..., None]) -> None:
    """All of it, and only it: what is on its way elsewhere, and callbacks, stay."""
    app.queues["default"].pause()
    small = app.batch().on("settled", f"{HERE}.called")
    with small.jobs():
        job.enqueue(0)
    put(app, "low", write("c"))
    batches = [send(app, job), send(app, job, 150)]
    with app.batch().jobs():
        job.using(queue="low").enqueue_many((i,) for i in range(150))
    assert way(app.queues["default"], "clear") == 1 + MANY + 150
    for batch, total in zip([small, *batches], [1, MANY, 150], strict=True):
        status = app.batches[batch.bid]
        assert (status.is_settled, status.total, status.pending) == (True, total, 0)
    assert [record.bid for record in app.queues["default"]] == [None] * 3
    assert app.queues["low"].size == 151
    app.queues["default"].resume()
    Hands(app).work()
    assert way(app.queues["low"], "clear") == 151


# -- the schedule ---------------------------------------------------------------------------------


def test_the_schedule_and_what_comes_are_one(way: Way, app: App, job: Job[..., None]) -> None:
    """By time, whether they lie there or are on their way."""
    for seconds in (10, 400.5, 5000):
        job.enqueue_in(seconds, 0)
    own = [record.jid for record in app.scheduled]
    batch, other = delay(app, job), delay(app, job, 150, 500.25)
    assert sorted(on_way(app)) == sorted(set(on_way(app)))
    assert len(on_way(app)) == 2
    seen = gather(way, app.scheduled)
    assert sorted(seen) == sorted([*own, *jids(batch), *jids(other, 150)])
    times = [record.at for record in app.scheduled]
    assert times == sorted(times, key=lambda at: at or 0)
    assert (seen[0], seen[-1], seen[1]) == (own[0], own[2], jids(batch)[0])
    size = way(app.scheduled, "size") if way.is_async else len(app.scheduled)
    assert size == app.scheduled.size == app.stats.scheduled == 853
    last = jids(batch)[-1]
    assert way(app.scheduled, "find", last).jid == last
    assert [record.jid for record in way(app.scheduled, "scan", last)] == [last]


@pytest.mark.parametrize("is_equal", [False, True], ids=["times", "one time"])
def test_what_moves_into_the_schedule_is_seen_once(
    app: App, job: Job[..., None], *, is_equal: bool
) -> None:
    """Before, at and behind where the walk has come to; also where all are due at one time."""
    job.enqueue_in(60.5, 0)
    batches = [delay(app, job), delay(app, job, 400, 300)]
    if is_equal:
        for key in ("schedule", *(app.keys("staged", name) for name in on_way(app))):
            everyone = raw(app, "ZRANGE", key, 0, -1)
            raw(app, "ZADD", key, *(word for payload in everyone for word in (7.5, payload)))
    seen = []
    for number, record in enumerate(app.scheduled):
        seen.append(record.jid)
        if number % 100 == 50:
            move(app, 130)
    assert on_way(app) == []
    assert len(seen) == len(set(seen)) == 1101
    assert {*jids(batches[0]), *jids(batches[1], 400)} < set(seen)


def test_acting_on_the_schedule(way: Way, app: App, job: Job[..., None]) -> None:
    """Delete, kill, retry and retry all find what is on its way, and tell the batch once."""
    job.enqueue_in(60.5, 0)
    batch = delay(app, job, 300)
    line = jids(batch, 300)
    for act, jid in (("delete", line[0]), ("kill", line[150]), ("retry", line[299])):
        assert [way(app.scheduled, act, jid) for _ in range(2)] == [True, False]
    status = app.batches[batch.bid]
    assert (status.pending, status.dead, len(app.scheduled)) == (299, 1, 298)
    assert (len(listed(app)), line[299] in listed(app)[0]) == (1, True)
    assert way(app.scheduled, "retry_all") == 298
    assert (len(app.scheduled), app.queues["default"].size, on_way(app)) == (0, 299, [])


def test_clearing_the_schedule(way: Way, app: App, job: Job[..., None]) -> None:
    """What is on its way there as well; clearing another set does not wait for it."""
    job.enqueue_in(60.5, 0)
    batch = delay(app, job)
    assert (way(app.retries, "clear"), len(on_way(app))) == (0, 1)
    assert way(app.scheduled, "clear") == MANY + 1
    assert (len(app.scheduled), on_way(app)) == (0, [])
    assert app.batches[batch.bid].is_settled
    with pytest.raises(BatchFinished), app.batches.open(batch.bid).jobs():
        job.enqueue(0)
    Hands(app).work()


# -- where jobs are -------------------------------------------------------------------------------


def test_explaining_what_comes(way: Way, app: App, job: Job[..., None]) -> None:
    """A job on its way is not lost; nor are those that a worker holds, however many."""
    put(app, "default", write("a"))
    job.enqueue_in(60, 0)
    hands = Hands(app)
    batch = send(app, job)
    with app.batches.open(batch.bid).jobs():
        for _ in range(150):
            job.enqueue_in(600, 0)
    raw(app, "SADD", app.keys("paused"), "default")
    text = way(app.batches[batch.bid], "explain")
    assert f"{MANY} jobs on the way to queue default, which is paused" in text
    assert "150 jobs on the way to the schedule, next at " in text
    raw(app, "DEL", app.keys("paused"), app.keys("queue", "default"))
    assert move(app) == 1
    first = hands.claim(want=500).first
    hands.claim(want=500)
    text = way(app.batches[batch.bid], "explain")
    assert f"{MANY} jobs running on host" in text
    hands.ack(*(Other("release", token) for token in range(first, first + 500)))
    assert move(app) == 0
    text = way(app.batches[batch.bid], "explain")
    assert "200 jobs running on host" in text
    assert "500 jobs queued on default" in text
    assert "150 jobs scheduled, next at " in text
