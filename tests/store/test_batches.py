"""commit, reserve, listen: how a batch comes into being, grows, and calls back."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from outrider import App
from outrider.ids import EVENTS
from outrider.io.exchange import Lane
from outrider.script import Call
from outrider.store import batch
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    NOW,
    Hands,
    commit,
    counts,
    dump,
    fields,
    listed,
    member,
    on_lane,
    put,
    raw,
    scored,
    slots,
    start,
    twice,
)

WAITING, FAILING, SUCCEEDED, DEAD = 1, 2, 3, 6
OTHER = "00ffffffffffffff"


def fired(app: App) -> set[str]:
    """The events of BID that have fired."""
    return {name for name in EVENTS if f"{name}_at" in fields(app)}


def callback(home: str = "", rest: str = '"args":[],"retry":true', name: str = "app.cb") -> str:
    return dump([home, name, rest])


# -- commit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 64, 4999, 5000])
@pytest.mark.parametrize("times", [1, 2])
def test_a_batch_is_created_with_its_jobs(app: App, count: int, times: int) -> None:
    """Odd or even, every member waits, is counted, and lies on its queue; once, if sent twice.

    P13.
    """
    payloads = [member(number) for number in range(count)]
    call = commit(
        app,
        create=["description", "d", "tags", "[]"],
        ranges=[(0, count)],
        queues=[("default", payloads)],
        first_queue="default",
    )
    assert (twice(app, call) == [[1, b""]] * 2) if times == 2 else (app.perform(call) == 1)
    assert listed(app) == payloads
    assert fields(app) == {
        "v": "1",
        "created_at": str(NOW),
        "n": str(count + count % 2),
        "description": "d",
        "tags": "[]",
        "queue": "default",
        "total": str(count),
        "s1": str(count),
    }
    assert slots(app, count + 2) == [WAITING] * count + [0, 0]
    assert raw(app, "ZRANGE", "o:batches", 0, -1, "WITHSCORES") == [BID.encode(), str(NOW).encode()]


def test_jobs_of_a_block_go_to_many_places(app: App) -> None:
    """Several queues and the schedule, in the same step."""
    call = commit(
        app,
        ranges=[(0, 3)],
        queues=[("low", [member(0, "low")]), ("default", [member(1)])],
        scheduled=["1800000060.000", member(2)],
        first_queue="low",
    )
    assert app.perform(call) == 1
    assert (listed(app, "low"), listed(app)) == ([member(0, "low")], [member(1)])
    assert scored(app, "schedule") == [(member(2), 1_800_000_060)]
    assert fields(app)["queue"] == "low"


ADDED = [[1], [2], [64], [3, 1], [64, 64, 5], [1, 1, 1, 1]]


@pytest.mark.parametrize(("first", "added"), [*itertools.product([0, 1, 2, 5], ADDED)], ids=str)
def test_jobs_are_added(app: App, first: int, added: list[int]) -> None:
    """Reserved numbers begin at a whole byte, so no state of another member is overwritten."""
    jobs = [member(number) for number in range(first)]
    hold = member(999)
    create = commit(
        app, ranges=[(0, first), (998, 2)], queues=[("default", [*jobs, hold])], first_queue="a"
    )
    app.perform(create)
    raw(app, "HSET", app.keys("batch", BID), "n", first + first % 2)
    begins = []
    for count in added:
        begins.append(app.perform(batch.reserve(app.keys, bid=BID, count=count, inside=False)))
        assert begins[-1] % 2 == 0
        more = commit(app, create=[], ranges=[(begins[-1], count)], first_queue="b")
        assert app.perform(more) == 1
    expected = set(range(first))
    for begin, count in zip(begins, added, strict=True):
        assert not expected & set(range(begin, begin + count))
        expected |= set(range(begin, begin + count))
    known = slots(app, 300)
    assert {number for number, state in enumerate(known) if state == WAITING} == expected
    assert fields(app)["total"] == str(first + sum(added) + 2)
    assert fields(app)["queue"] == "a"


def test_many_ranges_in_one_block(app: App) -> None:
    """A large block that is added needs many reservations; holes between them stay holes."""
    start(app, 1)
    ranges = []
    for count in (64, 64, 7):
        begin = app.perform(batch.reserve(app.keys, bid=BID, count=64, inside=False))
        ranges.append((begin, count))
    assert ranges == [(2, 64), (66, 64), (130, 7)]
    assert app.perform(commit(app, create=[], ranges=ranges)) == 1
    assert slots(app, 140) == [1, 0, *[1] * 135, 0, 0, 0]
    assert counts(app) == {WAITING: 136}


def test_an_empty_batch_is_complete_successful_and_settled(app: App) -> None:
    """It has nothing to wait for, so everything fires in the step that creates it."""
    start(app, 0)
    assert fired(app) == {"complete", "success", "settled"}
    assert raw(app, "ZCARD", "o:batches") == 0
    assert {fields(app)[f"{name}_at"] for name in ("complete", "success", "settled")} == {str(NOW)}


def test_an_empty_block_adds_nothing(app: App) -> None:
    """A second block without jobs neither fires nor changes anything (P17)."""
    start(app, 1)
    before = fields(app)
    assert app.perform(commit(app, create=[])) == 1
    assert fields(app) == before
    assert fired(app) == set()


def settle(app: App) -> None:
    start(app, 1)
    Hands(app).work()


REQUESTS: list[Any] = [
    lambda app: commit(app, create=[], ranges=[(2, 1)], queues=[("default", [member(2)])]),
    lambda app: batch.reserve(app.keys, bid=BID, count=64, inside=False),
]


@pytest.mark.parametrize("make", REQUESTS, ids=["commit", "reserve"])
def test_what_is_settled_or_unknown_takes_nothing(app: App, make: Any) -> None:
    """-1 for a batch that nobody knows, -2 for one that is settled, however often it is sent."""
    call: Call[int] = make(app)
    assert [app.perform(call), app.perform(call)] == [-1, -1]
    assert raw(app, "KEYS", "*") == []
    settle(app)
    before = fields(app)
    assert [app.perform(call), app.perform(call)] == [-2, -2]
    assert fields(app) == before
    assert listed(app) == []


def test_a_batch_with_failing_members_takes_more(app: App) -> None:
    """`complete` may have fired: until it is settled, jobs can be added, and it stays complete."""
    start(app, 1)
    hands = Hands(app)
    hands.ack(Other("retry", hands.take(), member(0), NOW + 1))
    assert fired(app) == {"complete"}
    when = fields(app)["complete_at"]
    more = commit(app, create=[], ranges=[(2, 1)], queues=[("default", [member(2)])], now=NOW + 5)
    assert app.perform(more) == 1
    assert fields(app)["complete_at"] == when
    put(app, "default", member(0))
    assert len(hands.work()) == 2
    assert counts(app) == {SUCCEEDED: 2}
    assert fields(app)["complete_at"] == when
    assert "success" in fired(app)


def test_a_stale_lane_commits_nothing(app: App) -> None:
    """A request of a lane that has moved on is answered 0, before anything is written."""
    lane = Lane()
    old = on_lane(commit(app, ranges=[(0, 1)]), lane)
    new = on_lane(commit(app, bid=OTHER, ranges=[(0, 2)]), lane)
    assert raw(app, *new) == [1, b""]
    assert raw(app, *old) == [0, b""]
    assert fields(app) == {}


# -- callbacks ------------------------------------------------------------------------------------

BASES = {"complete": "f0", "success": "f1", "death": "f2", "settled": "f3"}


@pytest.mark.parametrize("event", EVENTS)
def test_a_callback_is_a_job_with_a_jid_for_ever(app: App, event: str) -> None:
    """Its payload begins as scripts expect; jid and `cb` say batch, event and place."""
    create: list[Any] = [f"callbacks:{event}", 2]
    create += [f"cb:{event}:0", callback(rest='"args":[{"a":1}],"kwargs":{"é":"%s"},"retry":0')]
    create += [f"cb:{event}:1", callback("critical", name="m:C.on")]
    start(app, 1, create=create)
    hands = Hands(app)
    token = hands.take()
    hands.ack(Other("dead", token, member(0)) if event == "death" else token)
    now = f'"created_at":{NOW / 1000:.3f},"enqueued_at":{NOW / 1000:.3f}}}'
    one = (
        f'{{"jid":"{BID}{BASES[event]}000000","cb":"{BID}:{event}:0","class":"app.cb",'
        f'"queue":"default","args":[{{"a":1}}],"kwargs":{{"é":"%s"}},"retry":0,{now}'
    )
    two = (
        f'{{"jid":"{BID}{BASES[event]}000001","cb":"{BID}:{event}:1","class":"m:C.on",'
        f'"queue":"critical","args":[],"retry":true,{now}'
    )
    assert (listed(app), listed(app, "critical")) == ([one], [two])
    assert raw(app, "SISMEMBER", "queues", "critical") == 1
    known = fields(app)
    assert (known[f"cs:{event}:0"], known["callbacks_open"]) == ("queued", "2")
    hands.work("default", "critical")
    assert fields(app)["callbacks_open"] == "0"


HOMES = [("", "low", "low"), ("critical", "low", "critical"), ("", "", "default")]


@pytest.mark.parametrize(("declared", "first", "home"), HOMES, ids=str)
def test_where_a_callback_goes(app: App, declared: str, first: str, home: str) -> None:
    """To its own queue, else to that of the first job, else to `default` (P20)."""
    create = ["callbacks:success", 1, "cb:success:0", callback(declared)]
    start(app, 1 if first else 0, home=first or "default", create=create)
    hands = Hands(app)
    if first:
        hands.ack(hands.take(first))
    assert json.loads(listed(app, home)[0])["queue"] == home
    hands.work(home)


def test_each_event_fires_once(app: App) -> None:
    """A job that dies twice, is repaired and succeeds: every event once, times set once."""
    create: list[Any] = []
    for event in EVENTS:
        create += [f"callbacks:{event}", 1, f"cb:{event}:0", callback(name=event)]
    start(app, 1, create=create)
    hands, called = Hands(app), []
    for round_ in range(3):
        claimed = hands.claim(want=1, now=NOW + round_)
        last = round_ == 2
        hands.ack(
            claimed.first if last else Other("dead", claimed.first, member(0), NOW),
            now=NOW + round_,
        )
        called += [job["class"] for job in hands.work()]
        if not last:
            put(app, "default", member(0))
    assert called == ["death", "complete", "settled", "success"]
    times = {name: int(fields(app)[f"{name}_at"]) - NOW for name in EVENTS}
    assert times == {"death": 0, "complete": 0, "settled": 0, "success": 2}
    assert counts(app) == {SUCCEEDED: 1}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("times", [1, 2])
def test_a_callback_is_added_before_its_event(app: App, event: str, times: int) -> None:
    """It waits for the event; a second sending of the same request adds no second callback."""
    start(app, 1)
    call = batch.listen(app.keys, bid=BID, event=event, callback=callback(), now=NOW)
    assert (twice(app, call) == [1, 1]) if times == 2 else (app.perform(call) == 1)
    assert fields(app)[f"callbacks:{event}"] == "1"
    assert listed(app) == [member(0)]
    hands = Hands(app)
    token = hands.take()
    hands.ack(Other("dead", token, member(0)) if event == "death" else token)
    assert [job["jid"] for job in hands.work()] == [f"{BID}{BASES[event]}000000"]


@pytest.mark.parametrize("event", ["complete", "success", "settled"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_callback_is_added_after_its_event(app: App, event: str, times: int) -> None:
    """It is pushed at once, once, and the batch is kept until it has run."""
    settle(app)
    call = batch.listen(app.keys, bid=BID, event=event, callback=callback(), now=NOW)
    assert (twice(app, call) == [1, 1]) if times == 2 else (app.perform(call) == 1)
    assert [json.loads(text)["cb"] for text in listed(app)] == [f"{BID}:{event}:0"]
    assert raw(app, "TTL", app.keys("batch", BID)) == -1
    Hands(app, child="1").work()
    assert raw(app, "TTL", app.keys("batch", BID)) > 0


def test_more_callbacks_get_more_places(app: App) -> None:
    """Those of the first block and those added later never share a jid."""
    start(app, 1, create=["callbacks:success", 1, "cb:success:0", callback()])
    for _ in range(2):
        app.perform(batch.listen(app.keys, bid=BID, event="success", callback=callback(), now=NOW))
    jids = [job["jid"] for job in Hands(app).work()]
    assert jids[1:] == [f"{BID}f100000{place}" for place in range(3)]


def test_nobody_listens_to_an_unknown_batch(app: App) -> None:
    """-1, and no batch comes into being by it (P79)."""
    call = batch.listen(app.keys, bid=BID, event="success", callback=callback(), now=NOW)
    assert twice(app, call) == [-1, -1]
    assert raw(app, "KEYS", "o:batch*") == []
