"""What another program keeps under the name of a queue: pushes are refused whole, and say why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outrider import App, StoreError
from outrider.script import Call
from outrider.store import place, queue
from tests.app.hands import BID, NOW, commit, member, raw, start, write

OTHERS = write("b", "theirs")


def everything(app: App) -> dict[bytes, bytes]:
    """All keys, as the server would save them."""
    return {key: raw(app, "DUMP", key) for key in raw(app, "KEYS", "*")}


def push(app: App) -> Call[Any]:
    queues = [("default", [write("a")]), ("theirs", [OTHERS])]
    return queue.push(app.keys, queues=queues, scheduled=[1.0, write("c")])


def schedule(app: App) -> Call[Any]:
    return queue.push(app.keys, queues=[("default", [write("a")])], scheduled=[1.0, write("c")])


def block(app: App) -> Call[Any]:
    queues = [("default", [member(1)]), ("theirs", [member(2, "theirs")])]
    return commit(app, bid="ab" * 8, ranges=[(0, 2)], queues=queues)


def requeue(app: App) -> Call[Any]:
    raw(app, "ZADD", "dead", 1, OTHERS)
    return place.requeue(
        app.keys, place="dead", payload=OTHERS.encode(), changed=OTHERS.encode(), now=NOW
    )


def bringback(app: App) -> Call[Any]:
    jobs = [(text, text) for text in (member(0), member(1, "theirs"))]
    for text, _ in jobs:
        raw(app, "ZADD", "retry", 1, text)
    return place.bringback(app.keys, bid=BID, place="retry", jobs=jobs, now=NOW)


ROADS = [(road, "queue:theirs") for road in (push, block, requeue, bringback)]


@pytest.mark.parametrize(("road", "key"), [*ROADS, (schedule, "schedule")])
def test_refused_whole(app: App, road: Callable[[App], Call[Any]], key: str) -> None:
    """Nothing is written of the request, and the error names the key and what it holds."""
    start(app, 2)
    call = road(app)
    raw(app, "SET", key, "something else")
    before = everything(app)
    with pytest.raises(
        StoreError, match=rf"WRONGTYPE nothing was written: the key {key} holds a st"
    ):
        app.perform(call)
    assert everything(app) == before
    raw(app, "DEL", key)
    assert app.perform(call) in (1, 2)


def test_a_caller_is_told(app: App) -> None:
    """Whoever enqueues a job hears of it at once."""
    raw(app, "HSET", "queue:theirs", "a", 1)
    with pytest.raises(StoreError, match=r"the key queue:theirs holds a hash and is no list"):
        app.enqueue("some.job", queue="theirs")
