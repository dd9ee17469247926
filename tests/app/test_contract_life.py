"""What leaves a batch, what is left of it, and who may wait for it.

P-numbers are those of docs/lessons.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import outrider
from outrider import App, Batch, BatchStatus
from outrider.clock import now_ms
from outrider.job import Job
from outrider.store import queue
from outrider.store.queue import Other
from tests.app.conftest import Way
from tests.app.hands import Hands, commit, inside, keys_of, listed, promote, raw
from tests.app.runs import Runs
from tests.app.test_cancel import has_fired

WELL = {"complete", "success", "settled"}
UNWELL = {"complete", "settled"}
MORTAL = {"complete", "death", "settled"}


def noop(number: int = 0) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job."""
    return app.job(noop)


@pytest.fixture
def hands(app: App) -> Hands:
    """A worker moved by hand, whose clock goes right."""
    return Hands(app, now=now_ms())


def report(kind: str) -> Callable[[App, Hands, str], object]:
    """Claim the job, and let it end so."""

    def road(app: App, hands: Hands, jid: str) -> object:
        token = hands.take()
        return hands.ack(token if kind == "success" else Other(kind, token))

    return road


def expire(app: App, hands: Hands, jid: str) -> object:
    """Let a worker find it too late."""
    return hands.claim(now=hands.now + 4_000_000)


def cancel(app: App, hands: Hands, jid: str) -> object:
    """Cancel its batch."""
    app.batches.open(jid[:16]).cancel()
    return hands.claim()


ROADS: list[tuple[str, Callable[[App, Hands, str], object], set[str]]] = [
    ("success", report("success"), WELL),
    ("discard", report("discard"), WELL),
    ("dead", report("dead"), MORTAL),
    ("gone", report("gone"), MORTAL),
    ("cancelled alone", report("cancel"), UNWELL),
    ("expired", expire, WELL),
    ("cancelled", cancel, UNWELL),
    ("deleted", lambda app, _, jid: app.queues["default"].delete(jid), UNWELL),
    ("killed", lambda app, _, jid: app.queues["default"].kill(jid), MORTAL),
    ("cleared", lambda app, _, jid: app.queues["default"].clear(), UNWELL),
]


@pytest.mark.parametrize(("road", "events"), [row[1:] for row in ROADS], ids=[r[0] for r in ROADS])
def test_every_road_out_moves_the_tree(
    app: App,
    job: Job[..., None],
    hands: Hands,
    road: Callable[[App, Hands, str], object],
    events: set[str],
) -> None:
    """The last job leaves by it: its batch and the parent fire in that step (P62, P73)."""
    root = app.batch()
    with root.jobs():
        child = app.batch()
        with child.jobs():
            member = job.using(expires_in=3600).enqueue()
    assert member is not None
    assert has_fired(app, child) == has_fired(app, root) == set()
    road(app, hands, member.jid)
    assert (has_fired(app, child), has_fired(app, root)) == (events, events)
    assert listed(app) == []
    app.dead.clear()
    assert app.batches[child.bid].dead == (events == MORTAL)


def test_every_key_of_a_finished_batch_expires(app: App, hands: Hands) -> None:
    """Whatever it has been through, and without any callback (P37, P65, P82, P87, O9)."""
    job = app.job(noop)
    root = app.batch(description="d", tags=["t"])
    with root.open(), root.jobs():
        for count in (3, 6000):
            with app.batch().jobs():
                job.enqueue_many([(number,) for number in range(count)])
        job.enqueue_in(3600)
    first = hands.claim(want=3).first
    hands.ack(Other("dead", first, "", 0, "{}"), Other("gone", first + 1, "", 0, "{}"))
    hands.ack(Other("retry", first + 2, "", hands.now, "{}"))
    root.cancel()
    while app.perform(queue.move(app.keys, limit=1000, bytes=1 << 18)):
        pass
    while app.queues["default"].size:
        assert hands.claim(want=500).payloads == []
    app.dead.clear()
    bids = [root.bid, *app.batches[root.bid].child_bids]
    names = [name.decode() for name in raw(app, "KEYS", "*")]
    mine = [name for name in names if any(bid in name for bid in bids)]
    assert {name.split(":")[1] for name in mine} == {"batch", "slots", "kids", "failures"}
    assert all(raw(app, "TTL", name) > 0 for name in mine)
    app.batches[root.bid].delete()
    assert [name for bid in bids for name in keys_of(app, bid)] == []
    names = [name.decode() for name in raw(app, "KEYS", "*")]
    left = {name for name in names if not name.startswith("o:lane:")}
    # That they were cancelled is remembered, so that none of their jobs runs after all.
    assert len(raw(app, "ZRANGE", "o:cancelled", 0, -1)) == len(bids)
    left.remove("o:cancelled")
    workers = {"o:leases", "o:clock", "o:tokens", "o:owners:host:1:ab", "processes", "queues"}
    assert {name for name in left if not name.startswith("stat:")} <= workers | {"host:1:ab"}


def test_a_finished_batch_is_small(app: App, job: Job[..., None], hands: Hands) -> None:
    """Half a byte a job, and its fields (P46)."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue_many([(number,) for number in range(5000)])
    hands.work()
    names = [app.keys(kind, batch.bid) for kind in ("batch", "slots")]
    assert raw(app, "EXISTS", *names) == 2
    assert sum(raw(app, "MEMORY", "USAGE", name) for name in names) < 2500 + 3000


def test_many_batches_are_listed_once_each(way: Way, app: App) -> None:
    """No page is turned over twice, none left out; what ends leaves the list (P15, P60, O8)."""
    bids = [f"00{number:014x}" for number in range(600)]
    for bid in bids:
        jobs = [json.dumps({"jid": bid + "00000000", "bid": bid, "class": "x", "args": []})]
        app.perform(commit(app, bid=bid, ranges=[(0, 1)], queues=[("default", jobs)]))
    assert sorted(status.bid for status in app.batches) == bids
    assert len(app.batches) == 600
    app.queues["default"].clear()
    assert list(app.batches) == []


def test_a_retry_stays_the_same_job(app: App, hands: Hands) -> None:
    """Id, batch, queue, arguments and what others wrote into it, over attempts (P88, P89)."""

    @app.job(name="fails", queue="low", tags=["t"], backoff=lambda n: 0.0)
    def fails(number: int, *, size: int) -> None:
        raise OSError

    batch = app.batch()
    with batch.jobs():
        fails.enqueue(1, size=2)
    (text,) = listed(app, "low")
    raw(app, "DEL", "queue:low")
    raw(app, "LPUSH", "queue:low", text[:-1] + ',"trace":{"a":[]}}')
    runs = Runs(app)
    for attempt in range(3):
        assert [one.end for one in runs.run_all("low")] == ["retry"]
        later = now_ms() + 60_000
        assert promote(app, "retry", later).moved == 1
        again = json.loads(listed(app, "low")[0])
        assert again["retry_count"] == attempt
        same = ("jid", "bid", "queue", "args", "kwargs", "tags", "class")
        assert {name: again[name] for name in same} == {n: json.loads(text)[n] for n in same}
        assert again["trace"] == {"a": []}
    batch.cancel()


def test_a_child_is_there_for_its_parents_callbacks(app: App, job: Job[..., None]) -> None:
    """It lives on for a day, however soon the parent is done (P4)."""
    seen: list[tuple[int, bool]] = []

    def look(status: BatchStatus) -> None:
        seen.extend((app.batches[bid].total, status.is_success) for bid in status.child_bids)

    root = app.batch().on("success", app.job(name="look")(look))
    with root.jobs():
        child: Batch = app.batch()
        with child.jobs():
            job.enqueue()
    Runs(app).run_all()
    assert seen == [(1, True)]
    assert raw(app, "TTL", app.keys("batch", child.bid)) > 80_000


def test_a_callback_joins_nothing_above_it(way: Way, app: App, job: Job[..., None]) -> None:
    """The parents wait for it: it would wait for ever."""
    root = app.batch()
    with root.jobs():
        middle = app.batch()
        with middle.jobs():
            child = app.batch().on("complete", app.job(name="cb")(lambda status: None))
            with child.jobs():
                pass
    (text,) = listed(app)
    for one in (root, middle, child):
        status = app.batches[one.bid]
        with inside(app, text), pytest.raises(RuntimeError, match="which waits for it"):
            way(status, "join", timeout=1)
    Runs(app).run_all()
    assert app.batches[root.bid].is_success


def test_a_member_holds_its_batch(app: App, job: Job[..., None], hands: Hands) -> None:
    """Whoever may add may hold; nothing fires though the member has ended."""
    root = app.batch()
    with root.jobs():
        job.enqueue()
    claimed = hands.claim()
    with inside(app, claimed.payloads[0]):
        current: Any = outrider.current_batch()
        with current.open():
            hands.ack(claimed.first)
            assert has_fired(app, root) == set()
            with current.jobs():
                job.enqueue()
    assert has_fired(app, root) == set()
    hands.work()
    assert has_fired(app, root) == WELL


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_a_callback_of_a_batch_that_is_gone(app: App, *, is_async: bool) -> None:
    """Half of the server was emptied: it dies at once, saying why, for no retry helps (P80)."""

    async def alook(status: BatchStatus) -> None: ...

    target = app.job(name="look")(alook if is_async else lambda status: None)
    batch = app.batch().on("success", target)
    with batch.jobs():
        pass
    raw(app, "DEL", app.keys("batch", batch.bid), app.keys("slots", batch.bid), "o:batches")
    assert [one.end for one in Runs(app).run_all()] == ["dead"]
    (record,) = app.dead
    assert f"no batch {batch.bid!r}" in str(record.error_message)
    assert raw(app, "KEYS", f"*{batch.bid}*") == []
