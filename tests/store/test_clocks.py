"""Clocks that jump while jobs are held or wait: nothing is taken, lost or run for it."""

from __future__ import annotations

import pytest

from outrider import App
from outrider.store import process, schedule
from outrider.store.process import Reaped
from outrider.store.queue import Other
from tests.app.hands import NOW, Hands, counts, listed, live, put, raw, scored, start, stat, write

HOUR = 3_600_000
JUMPS = [HOUR, -HOUR, 24 * HOUR, -24 * HOUR]
NOBODY = Reaped("", 0)


def reap(app: App, at: int) -> Reaped:
    """Another worker looks for the lost, when the server's clock shows this."""
    live(app, "other:2:cd", override=at)
    return app.perform(process.reap(app.keys, limit=100, override=at))


@pytest.mark.parametrize("jump", JUMPS)
def test_what_is_held_stays_held(app: App, jump: int) -> None:
    """The server's clock jumps under running jobs: whoever holds them reports them, once."""
    start(app, 2)
    live(app, override=NOW)
    hands = Hands(app)
    live(app, override=NOW)
    first = hands.claim(want=2).first
    assert reap(app, NOW + 1) == NOBODY
    assert reap(app, NOW + jump) == NOBODY
    assert reap(app, NOW) == NOBODY
    assert hands.ack(first, first + 1, now=NOW + jump) == []
    assert hands.ack(first, now=NOW) == [first]
    assert counts(app) == {3: 2}
    assert stat(app, "processed") == 2


@pytest.mark.parametrize("jump", JUMPS)
def test_a_worker_whose_clock_is_wrong(app: App, jump: int) -> None:
    """It claims and gives back with a time of its own: no lease is longer or shorter for it."""
    put(app, "default", write("a"), write("b"))
    live(app, override=NOW)
    hands = Hands(app, now=NOW + jump)
    live(app, override=NOW)
    lease = raw(app, "ZSCORE", "o:leases", hands.owner["identity"])
    vt = raw(app, "HGET", "o:clock", "vt")
    first = hands.claim(want=1).first
    assert hands.ack(Other("release", first)) == []
    assert raw(app, "ZSCORE", "o:leases", hands.owner["identity"]) == lease
    assert raw(app, "HGET", "o:clock", "vt") == vt
    assert listed(app) == [write("a"), write("b")]


@pytest.mark.parametrize("name", ["schedule", "retry"])
@pytest.mark.parametrize("jump", JUMPS)
def test_what_is_delayed_comes_once(app: App, name: str, jump: int) -> None:
    """Forwards it comes early by the jump at most, backwards late by as much; and never twice."""
    due = [NOW + 10 * 60_000, NOW + 48 * HOUR]
    for at in due:
        raw(app, "ZADD", name, at / 1000, write(f"{at}"))
    for now in (NOW, NOW + jump, NOW, NOW - HOUR, NOW + HOUR):
        app.perform(schedule.promote_slice(app.keys, name=name, identity="", now=now))
        expected = [at for at in due if at <= now]
        assert len(listed(app)) >= len(expected)
    assert len(listed(app)) == 1
    assert [payload for payload, _ in scored(app, name)] == [write(f"{due[1]}")]


def test_all_workers_sleep_for_a_day(app: App) -> None:
    """A host that was suspended, with all on it, ages no lease while nobody beats."""
    put(app, "default", write("a"))
    live(app, override=NOW)
    hands = Hands(app)
    live(app, override=NOW)
    first = hands.claim().first
    assert reap(app, NOW + 24 * HOUR) == NOBODY
    assert hands.ack(first) == []
    assert listed(app) == []
