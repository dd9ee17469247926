"""What a batch waits for, in words; and what else can be asked of its members."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider import App, BatchNotFound, whereabouts
from outrider.ids import member_jid
from outrider.payload import decode
from outrider.worker.outcome import decide
from tests.app.conftest import Way, loop
from tests.app.hands import BID, NOW, Hands, commit, dump, member, put, raw, start, write

CALLBACK = dump(["critical", "app.cb", '"args":[]'])
CHILD = "00aabbccddeeff22"


def wait() -> None:
    """A job."""


def fail(hands: Hands, token: int, text: str, **fields: Any) -> None:
    """Report a failure as the worker does."""
    payload = json.dumps({**json.loads(text), **fields}).encode()
    hands.ack(decide(decode(payload), payload, token, ValueError("x"), lambda n: 30.0, NOW))


def explained(way: Way, bid: str = BID) -> list[str]:
    """The lines below the first, without their indentation."""
    text: str = way(way.app.batches[bid], "explain")
    return [line.strip() for line in text.splitlines()[1:]]


def test_each_member_is_found_where_it_lies(way: Way, app: App) -> None:
    """Queued, on a paused queue too, retrying with the time, held by a worker, dead."""
    start(app, 5)
    hands = Hands(app)
    first = hands.claim(want=4).first
    hands.ack(first)
    fail(hands, first + 1, member(1))
    fail(hands, first + 2, member(2), retry=0)
    raw(app, "SADD", app.keys("paused"), "default")
    assert explained(way) == [
        "1 job running on host",
        "1 job retrying, next at 2027-01-15 08:00:30 UTC",
        "1 job queued on default, which is paused",
        "1 job dead: no success as long as that is so",
    ]


def test_callbacks_and_children_are_explained(way: Way, app: App) -> None:
    """A callback where it lies, or the event that it waits for; a child with its own lines."""
    create = ["callbacks:complete", 1, "cb:complete:0", CALLBACK]
    start(app, 1, create=[*create, "callbacks:death", 1, "cb:death:0", CALLBACK])
    hands = Hands(app)
    fail(hands, hands.take(), member(0))
    child = commit(
        app,
        bid=CHILD,
        parent=BID,
        inside=True,
        ranges=[(0, 1)],
        queues=[("low", [write(member_jid(CHILD, 0), "low", bid=CHILD)])],
        create=["tags", "[]", "description", "a\x1b[31m\nb"],
    )
    assert app.perform(child) == 1
    assert explained(way) == [
        "1 job retrying, next at 2027-01-15 08:00:30 UTC",
        "1 callback queued on critical",
        "1 child batch not settled",
        f'batch {CHILD} "a\ufffd[31m\ufffdb": not complete, 0 of 1 job done',
        "1 job queued on low",
    ]


def test_what_is_lost_and_what_is_too_far(
    way: Way, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held nowhere is another thing than not found in the first so many."""
    start(app, 1)
    hidden = [write(f"{number:024x}") for number in range(700)]
    put(app, "default", *hidden, member(0))
    raw(app, "RPOP", app.keys("queue", "default"))
    assert explained(way) == ["1 job queued on default"]
    monkeypatch.setattr(whereabouts.find, "__defaults__", (600,))
    raw(app, "DEL", app.keys("queue", "default"))
    put(app, "default", *hidden, member(0))
    assert explained(way) == ["1 job not found in the first 600 jobs looked at"]
    raw(app, "DEL", app.keys("queue", "default"))
    assert explained(way) == ["1 job found nowhere: moved just now, or lost"]


def test_jobs_on_their_way_are_found(way: Way, app: App) -> None:
    """A large block is handed over whole, and moved to its queue slice by slice."""
    job = app.job(wait)
    job.enqueue()
    job.enqueue_in(60)
    batch = app.batch()
    with batch.jobs():
        job.enqueue_in(3600)
        job.enqueue_many(() for _ in range(6000))
    delayed, waiting = explained(way, batch.bid)
    assert delayed.startswith("1 job on the way to the schedule, next at ")
    assert waiting == "6,000 jobs on the way to queue default"


def test_holds_are_explained(way: Way, app: App) -> None:
    """One that stands, and one that did not end well."""
    start(app, 1)

    def leave_it() -> None:
        with app.batches.open(BID).open():
            assert explained(way)[1:] == [
                "held by 1 `open()` block: neither complete, success nor settled before its end"
            ]
            raise KeyError

    with pytest.raises(KeyError):
        leave_it()
    (line,) = explained(way)[1:]
    assert line == (
        "an `open()` block was left by an error or lapsed, and no later one ended well: "
        "no success as long as that is so"
    )


def test_a_part_that_is_enough_is_explained(way: Way, app: App) -> None:
    """Dead jobs are told, and bar success only when too few are left."""
    start(app, 4, create=["success_count", 2])
    dead = [member_jid(BID, number) for number in range(3)]
    for jid in dead[:2]:
        app.queues["default"].kill(jid)
    assert explained(way) == ["2 jobs queued on default", "2 jobs dead"]
    app.queues["default"].kill(dead[2])
    assert explained(way)[1:] == [
        "3 jobs dead",
        "1 of 4 jobs can succeed as it stands, 2 must: no success as long as that is so",
    ]


def test_what_is_lost_for_good_is_explained(way: Way, app: App) -> None:
    """Deleted and cancelled."""
    start(app, 3)
    app.queues["default"].delete(member_jid(BID, 0))
    assert explained(way)[1:] == ["1 job deleted: success can't come any more"]
    assert app.perform(commit(app, bid=CHILD, parent=BID, inside=True, ranges=[(0, 1)])) == 1
    raw(app, "DEL", *(app.keys(kind, CHILD) for kind in ("batch", "slots")))
    assert explained(way)[2:] == [
        "1 child batch not settled",
        f"batch {CHILD}: deleted or expired, no success of those above can come any more",
    ]
    raw(app, "DEL", app.keys("kids", BID))
    raw(app, "HDEL", app.keys("batch", BID), "kids")
    way(app.batches.open(BID), "cancel")
    assert explained(way) == [
        "it is cancelled: success can't come any more",
        "2 jobs cancelled: success can't come any more",
        "1 job deleted: success can't come any more",
    ]


def test_counts_that_differ_from_the_slots_are_told(way: Way, app: App) -> None:
    """A damaged record says so."""
    start(app, 3)
    raw(app, "BITFIELD", app.keys("slots", BID), "SET", "u4", "#1", 3)
    assert explained(way)[-2:] == [
        "its count of state 1 is 3, but its slots have 2: the record is damaged",
        "its count of state 3 is 0, but its slots have 1: the record is damaged",
    ]


def test_an_end_and_an_unknown_batch(way: Way, app: App) -> None:
    """Nothing is waited for; nothing is known (P43)."""
    start(app, 1)
    status = app.batches[BID]
    Hands(app).work()
    assert way(status, "explain") == f"batch {BID}: succeeded, 1 of 1 job done, waits for nothing"
    raw(app, "DEL", app.keys("batch", BID))
    with pytest.raises(BatchNotFound):
        way(status, "explain")


def test_pending_members_by_their_ids(way: Way, app: App) -> None:
    """Waiting, failing and dead ones, in order, up to a limit (P44)."""
    start(app, 7)
    hands = Hands(app)
    first = hands.claim(want=5).first
    hands.ack(first, first + 2)
    fail(hands, first + 1, member(1))
    fail(hands, first + 3, member(3), retry=0)
    status = app.batches[BID]
    jids = [member_jid(BID, number) for number in (1, 3, 4, 5, 6)]
    assert way(status, "pending_jids") == jids
    assert [way(status, "pending_jids", limit) for limit in (0, 2)] == [[], jids[:2]]
    assert [job.jid for job in status.dead_jobs] == [jids[1]]


def test_pending_members_over_pages(way: Way, app: App) -> None:
    """Far numbers, past the first page of slots."""
    start(app, 1)
    raw(app, "BITFIELD", app.keys("slots", BID), "SET", "u4", "#300001", 2)
    numbers = [member_jid(BID, number) for number in (0, 300_001)]
    assert way(app.batches[BID], "pending_jids") == numbers


def test_batches_with_dead_members(app: App) -> None:
    """Both ways to iterate; settled ones too, with a prefix and without (P23)."""
    for prefix in ("", "a:"):
        other = App(app.url, prefix=prefix)
        start(other, 1)
        assert list(other.batches.dead) == []
        hands = Hands(other)
        fail(hands, hands.take(), member(0), retry=0)

        async def found(other: App = other) -> list[str]:
            return [status.bid async for status in other.batches.dead]

        assert [status.bid for status in other.batches.dead] == [BID]
        assert loop(other, found()) == [BID]
        if prefix:
            for key in raw(other, "KEYS", "*"):
                if key.startswith(b"a:"):
                    raw(other, "DEL", key)
        other.close()


def test_cancelled_and_expiring(app: App) -> None:
    """None while it may move; a moment afterwards (P57)."""
    start(app, 1)
    status = app.batches[BID]
    assert (status.expires_at, status.is_cancelled) == (None, False)
    Hands(app).work()
    raw(app, "HSET", app.keys("batch", BID), "cancelled_at", NOW)
    status.refresh()
    assert status.is_cancelled
    assert status.expires_at is not None
    left = status.expires_at.timestamp() - int(raw(app, "TIME")[0])
    assert 86_000 < left < 86_800
