"""The order in which an audit looks: whoever moves meanwhile is met, and no page is passed over."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from outrider import App
from outrider.store import audit
from outrider.worker import survey
from outrider.worker.survey import BURIED, HELD, Case, search
from tests.app.hands import BID, live, member, put, raw


def look(app: App, at: dict[int, Callable[[], Any]], page: int = 1000) -> int:
    """Search for member 0 and act after so many requests; where it was seen."""
    cases = {BID: Case(4, [])}
    flow, answer = search(app.keys, cases, page), None
    for step in itertools.count():
        try:
            call = flow.send(answer)
        except StopIteration:
            return cases[BID].members[0]
        at.get(step, lambda: None)()
        answer = app.perform(call)
    raise AssertionError


FIRST = "o:claims:host:1:ab:0"
MOVES = {
    "promoted": ("schedule", "queue:default"),
    "retried": ("retry", "queue:default"),
    "moved on": ("o:staged:00112233445566aa:default", "queue:default"),
    "moved on, delayed": ("o:staged:00112233445566aa", "schedule"),
    "failed": (FIRST, "retry"),
    "snoozed": (FIRST, "schedule"),
    "died": (FIRST, "dead"),
    "released": (FIRST, "queue:default"),
    "killed": ("retry", "dead"),
    "killed early": ("schedule", "dead"),
    "killed on its queue": ("queue:default", "dead"),
    "brought back": ("dead", "queue:default"),
}
STEPS = 14


def place(app: App, key: str, payload: str) -> None:
    """Lay a job there, as scripts do."""
    kind = key.removeprefix("o:").partition(":")[0]
    if kind == "staged":
        raw(app, "ZADD", "o:moving", 1, key.removeprefix("o:staged:"))
    if kind == "claims":
        raw(app, "HSET", key, 1, payload)
    elif kind == "queue" or key.count(":") == 3:
        raw(app, "LPUSH", key, payload)
    else:
        raw(app, "ZADD", key, 1, payload)


def seen(app: App, keys: tuple[str, ...], steps: tuple[int, ...]) -> int:
    """Where a job was seen that went from key to key after so many requests of a search."""
    raw(app, "FLUSHALL")
    live(app)
    raw(app, "HSET", "o:owners:host:1:ab", "0", "0 0 0")
    put(app, "default", "x")
    put(app, "other", "y")
    payload = member(0)
    place(app, keys[0], payload)

    def move(old: str, new: str) -> None:
        place(app, new, payload)
        kind = raw(app, "TYPE", old)
        words = {b"list": ("LREM", old, 1, payload), b"hash": ("HDEL", old, 1)}
        raw(app, *words.get(kind, ("ZREM", old, payload)))

    acts: dict[int, Callable[[], Any]] = {}
    for step, (old, new) in zip(steps, itertools.pairwise(keys), strict=True):
        acts[step] = lambda old=old, new=new: move(old, new)  # type: ignore[misc]
    return look(app, acts)


@pytest.mark.parametrize("kind", MOVES)
def test_whoever_moves_is_seen(app: App, kind: str) -> None:
    """At whatever moment of the look a job moves on, it is met; so it is if it moves on twice.

    Nobody of ours kills on a queue without telling the batch: that others do it once is enough.
    """
    first, second = MOVES[kind]
    for step in range(STEPS):
        assert seen(app, (first, second), (step,)), step
    next_moves = [move for move in MOVES.values() if move[0] == second]
    for _, third in next_moves if "queue:default" not in (first, second) else []:
        for steps in itertools.combinations(range(STEPS), 2):
            assert seen(app, (first, second, third), steps), (third, steps)
    raw(app, "FLUSHALL")


@pytest.mark.parametrize(
    "order",
    [
        ("moving", "schedule", "retry", "dead", "queues", "claims", "dead"),
        ("claims", "schedule", "moving", "retry", "dead", "queues", "dead"),
        ("claims", "moving", "queues", "schedule", "retry", "dead"),
        ("claims", "moving", "schedule", "retry", "dead", "queues"),
        ("claims", "moving", "schedule", "retry", "queues", "dead"),
    ],
)
def test_no_other_order_will_do(
    app: App, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    """Each of them misses somebody: the test above would notice."""
    monkeypatch.setattr(survey, "ORDER", order)
    missed = [
        (kind, step)
        for kind, keys in MOVES.items()
        for step in range(STEPS)
        if not seen(app, keys, (step,))
    ]
    raw(app, "FLUSHALL")
    assert missed


def test_dead_and_brought_back(app: App) -> None:
    """Who lies only in the dead set is known from who lies elsewhere too."""
    assert seen(app, ("dead",), ()) == BURIED
    assert seen(app, ("schedule",), ()) == HELD
    raw(app, "FLUSHALL")


@pytest.mark.parametrize("gone", [0, 1, 2, 5, 30])
@pytest.mark.parametrize("new", [0, 1, 7, 40])
def test_pages_of_a_queue_have_no_gap(app: App, gone: int, new: int) -> None:
    """Jobs are deleted and pushed between two pages: it is read anew rather than with a gap."""
    live(app)
    put(app, "default", member(0), *(f"old {i}" for i in range(40)))

    def change() -> None:
        for i in range(gone):
            raw(app, "LREM", "queue:default", 1, f"old {39 - i}")
        for i in range(new):
            put(app, "default", f"new {i}")

    for step in range(4, 20):
        assert look(app, {step: change}, page=8) == HELD
        raw(app, "DEL", "queue:default")
        put(app, "default", member(0), *(f"old {i}" for i in range(40)))


def test_a_queue_that_is_filled_fast(app: App) -> None:
    """More than a page is pushed before each page is read: it comes to its end all the same."""
    live(app)
    put(app, "default", member(0), *(f"old {i}" for i in range(40)))

    new = itertools.count()

    def push() -> None:
        put(app, "default", *(f"new {next(new)}" for _ in range(60)))

    assert look(app, dict.fromkeys(range(4, 20), push), page=32) == HELD
    raw(app, "DEL", "queue:default")


@pytest.mark.parametrize("kind", ["zset", "hash"])
def test_pages_of_a_set_are_as_small_as_is_asked(app: App, kind: str) -> None:
    """Payloads may be large, and whoever looks asks for fewer then: in a scan too."""
    words = [word for i in range(2000) for word in (i, member(i))]
    if kind == "zset":
        raw(app, "ZADD", "retry", *words)
    else:
        raw(app, "HSET", "retry", *words)
    sizes = [
        app.perform(audit.survey(app.keys, key="retry", cursor="0", limit=limit, edge=[])).size
        for limit in (32, 1000)
    ]
    assert 3 * sizes[0] < sizes[1]
    raw(app, "DEL", "retry")
