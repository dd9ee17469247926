"""push: jobs reach their queues and the schedule, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from outrider import App, StoreError
from outrider.io.exchange import Lane
from outrider.script import command
from outrider.store import queue
from tests.app.hands import listed, on_lane, put, raw, scored, twice, write

A, B, C = write("a"), write("b", "low"), write("c")

ROWS: list[tuple[list[tuple[str, list[str]]], list[str | float]]] = [
    ([("default", [A])], []),
    ([("default", [A, C])], []),
    ([("low", [B]), ("default", [A, C])], []),
    ([], ["1800000000.125", A]),
    ([("low", [B])], ["1800000000.125", A, "1700000000.000", C]),
    ([], []),
]


@pytest.mark.parametrize(("queues", "scheduled"), ROWS, ids=range(len(ROWS)))
@pytest.mark.parametrize("times", [1, 2])
def test_jobs_arrive_once(
    app: App, queues: list[tuple[str, list[str]]], scheduled: list[str | float], times: int
) -> None:
    """Each queue gets its jobs in order, the schedule its times; a second sending adds nothing."""
    call = queue.push(app.keys, queues=queues, scheduled=scheduled)
    assert (twice(app, call) == [1, 1]) if times == 2 else (app.perform(call) == 1)
    for name, payloads in queues:
        assert listed(app, name) == payloads
    assert app.perform(queue.names(app.keys)) == sorted(name for name, _ in queues)
    pairs = zip(scheduled[1::2], map(float, scheduled[::2]), strict=True)
    assert sorted(scored(app, "schedule")) == sorted(pairs)


def test_new_jobs_stand_behind_those_that_wait(app: App) -> None:
    """First in, first out."""
    put(app, "default", A)
    app.perform(queue.push(app.keys, queues=[("default", [C])], scheduled=[]))
    assert listed(app) == [A, C]


def test_more_than_lua_can_unpack(app: App) -> None:
    """Large loads go in pieces, and none is lost or turned around at a seam."""
    payloads = [write(f"{number:024x}") for number in range(9001)]
    due: list[str | float] = []
    for number, text in enumerate(payloads):
        due += [f"{number}.000", text]
    assert app.perform(queue.push(app.keys, queues=[("default", payloads)], scheduled=due)) == 1
    assert listed(app) == payloads
    assert [text for text, _ in scored(app, "schedule")] == payloads


def test_a_lane_tells_new_from_old(app: App) -> None:
    """The same number again is answered 1, another request of that number or an older one 0."""
    lane = Lane()
    calls = [queue.push(app.keys, queues=[("default", [text])], scheduled=[]) for text in (A, C)]
    first, second = (on_lane(call, lane) for call in calls)
    assert raw(app, *first) == 1
    assert raw(app, *second) == 1
    assert raw(app, *second) == 1
    assert raw(app, *first) == 0
    lane.number = 1
    impostor = on_lane(calls[0], lane)
    assert raw(app, *impostor) == 0
    assert listed(app) == [A, C]


@pytest.mark.wide
def test_a_lane_that_has_moved_on_is_left(app: App) -> None:
    """A client whose lane somebody else has used still gets its job through, once."""
    words = on_lane(queue.push(app.keys, queues=[], scheduled=[]), Lane())
    raw(app, *words)
    free = app.executor._free[0]
    free.lane.name, free.lane.number = words[5], 0
    assert app.perform(queue.push(app.keys, queues=[("default", [A])], scheduled=[])) == 1
    assert free.lane.name != words[5]
    assert listed(app) == [A]


def test_lanes_live_for_a_week(app: App) -> None:
    """What a producer leaves behind goes away by itself."""
    app.perform(queue.push(app.keys, queues=[("default", [A])], scheduled=[]))
    (lane,) = raw(app, "KEYS", app.keys("lane", "*"))
    assert 604_790 < raw(app, "TTL", lane) <= 604_800


def test_what_is_sent_again_writes_all_the_same(app: App) -> None:
    """Else whoever waits for replicas would be answered at once: they have all that was written."""
    words = on_lane(queue.push(app.keys, queues=[("default", [A])], scheduled=[]), Lane())
    raw(app, *words)
    raw(app, "EXPIRE", app.keys("lane", words[5]), 5)
    assert raw(app, *words) == 1
    assert 604_790 < raw(app, "TTL", app.keys("lane", words[5])) <= 604_800


def test_a_prefix_stands_before_every_key(url: str, tmp_path: Path) -> None:
    """Apps with different prefixes share a server and see nothing of each other."""
    app = App(url, prefix="shop:")
    app.perform(queue.push(app.keys, queues=[("default", [A])], scheduled=["1.0", C]))
    keys = [key.decode() for key in raw(app, "KEYS", "*")]
    app.close()
    assert len(keys) == 4
    assert all(key.startswith("shop:") for key in keys)


def test_one_wrong_queue_refuses_all(app: App) -> None:
    """What another program keeps under the name of a queue: nothing is pushed, not even in part."""
    app.perform(command("SET", "queue:theirs", 1, decode=bool))
    groups = [("default", ["x"]), ("theirs", ["y"])]
    with pytest.raises(StoreError, match="queue:theirs holds a string and is no list"):
        app.perform(queue.push(app.keys, queues=groups, scheduled=[1.0, "z"]))
    assert app.perform(command("KEYS", "*", decode=list)) == [b"queue:theirs"]
    app.perform(command("DEL", "queue:theirs", decode=int))
