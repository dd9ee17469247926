"""Numbers of everything: in one request, with each queue, and by day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.clock import now, utc_day
from outrider.inspection.held import HeldReading
from outrider.inspection.queues import QueueReading
from outrider.inspection.stats import Day
from outrider.store.queue import Other
from tests.app.conftest import Way
from tests.app.hands import NOW, Hands, put, raw, write
from tests.app.trips import commands, counted

MOVING = "00aa" * 4


def beat(app: App, identity: str, **said: Any) -> None:
    """What a worker shows of itself, Ruby's or ours."""
    raw(app, "SADD", "processes", identity)
    raw(app, "HSET", identity, *(word for pair in said.items() for word in pair))


def bring(app: App, name: str, *words: str | float) -> None:
    """Put something on its way: payloads, the first to come first, or scores and payloads."""
    raw(app, "LPUSH" if ":" in name else "ZADD", app.keys("staged", name), *words)
    raw(app, "ZADD", app.keys("moving"), NOW, name)
    raw(app, "EXPIRE", app.keys("staged", name), 60)


# -- one request ----------------------------------------------------------------------------------


@pytest.fixture
def filled(app: App) -> Iterator[None]:
    """Something lies everywhere, and something is on its way."""
    since = now()
    put(app, "default", write("a", enqueued_at=since - 100), write("b"))
    put(app, "low", write("c", "low", enqueued_at=int((since - 200) * 1000)))
    bring(app, f"{MOVING}:low", write("d", "low"))
    bring(app, f"{MOVING}:coming", write("e", enqueued_at=since - 50))
    bring(app, MOVING, 5, write("f"))
    app.queues["low"].pause()
    app.queues["never"].pause()
    raw(app, "SADD", "queues", "coming")
    raw(app, "SADD", "o:held", "app.job")
    raw(app, "LPUSH", "o:held:app.job", write("g"), write("h"))
    for key, count in (("schedule", 2), ("retry", 3), ("dead", 4)):
        raw(app, "ZADD", key, *(word for at in range(count) for word in (at, write(f"{key}{at}"))))
    for name, count in (("processed", 12), ("failed", 3), ("expired", 1)):
        raw(app, "SET", f"stat:{name}", count)
    beat(app, "h:1:a", busy=2, beat=1.5)
    beat(app, "h:2:b", info=json.dumps({"busy": 9}))
    raw(app, "SADD", "processes", "gone:1:c")
    yield
    raw(app, "DEL", "o:moving", *(f"o:staged:{MOVING}{end}" for end in ("", ":low", ":coming")))


@pytest.mark.usefixtures("filled")
def test_everything_in_one_request(way: Way, app: App) -> None:
    """Counters, sizes, each queue, workers; what is on its way belongs to where it goes."""
    with counted() as sent:
        found = way(app.stats, "read")
    assert sent == ["overview"]
    assert {name: queue.size for name, queue in found.queues.items()} == {
        "coming": 1,
        "default": 2,
        "low": 2,
        "never": 0,
    }
    assert [name for name, queue in found.queues.items() if queue.paused] == ["low", "never"]
    waits = [queue.latency for queue in found.queues.values()]
    assert waits == pytest.approx([50, 100, 200, 0], abs=10)
    assert found.latency == max(waits)
    rest = asdict(found)
    for name in ("queues", "latency"):
        del rest[name]
    assert rest == {
        "processed": 12,
        "failed": 3,
        "expired": 1,
        "enqueued": 5,
        "scheduled": 3,
        "retries": 3,
        "dead": 4,
        "held": 2,
        "processes": 2,
        "busy": 2,
    }


def test_queues_by_name(way: Way, app: App) -> None:
    """All of them, read at once, in the order of their names."""
    assert (app.stats.queues, app.stats.held) == ({}, 0)
    put(app, "low", write("a"))
    put(app, "default", write("b"))
    app.queues["low"].pause()
    with counted() as sent:
        found = way(app.stats, "queues") if way.is_async else app.stats.queues
    assert sent == ["overview"]
    assert list(found.items()) == [
        ("default", QueueReading(1, 0.0, False)),
        ("low", QueueReading(1, 0.0, True)),
    ]


def test_one_queue_in_one_round_trip(way: Way, app: App) -> None:
    """As all queues show it, what is on its way to it included; also where nothing was pushed."""
    assert way(app.queues["low"], "read") == QueueReading(0, 0.0, False)
    put(app, "low", write("a", enqueued_at=now() - 50), write("b"))
    app.queues["low"].pause()
    with counted() as sent:
        found = way(app.queues["low"], "read")
    assert sent == ["queued SISMEMBER"]
    assert (found.size, found.paused) == (2, True)
    assert found.latency == pytest.approx(50, abs=20)


def test_all_held_names_in_one_round_trip(way: Way, app: App) -> None:
    """By name: those that are paused, and those for which jobs are held."""
    assert way(app.held, "read") == {}
    app.held["some.job"].pause()
    app.held["app.job"].pause()
    put(app, "default", write("a"), write("b"))
    Hands(app).claim(want=2)
    app.held["app.job"].resume()
    with counted() as sent:
        found = way(app.held, "read")
    assert sent == ["overview"]
    assert [*found.items()] == [
        ("app.job", HeldReading(2, False)),
        ("some.job", HeldReading(0, True)),
    ]


def test_numbers_cost_the_same_whatever_waits(app: App) -> None:
    """One request, and as many commands for ten jobs as for twenty thousand."""
    costs = []
    for jobs in (10, 20_000):
        for first in range(0, jobs, 10_000):
            texts = [write(f"{at:024}") for at in range(first, min(jobs, first + 10_000))]
            put(app, "default", *texts)
            raw(app, "ZADD", "dead", *(word for text in texts for word in (1, text)))
        app.stats.read()
        before = commands(app)
        with counted() as sent:
            found = app.stats.read()
        costs.append((commands(app) - before).total())
        assert (sent, found.dead) == (["overview"], jobs)
    assert app.stats.enqueued == 20_010
    assert costs[0] == costs[1]


def test_many_queues_and_workers(way: Way, app: App) -> None:
    """They come in pages of about 250; each counts once."""
    names = [f"q{at:04}" for at in range(1200)]
    for name in names:
        put(app, name, write(name))
    for at in range(700):
        beat(app, f"h:{at}:a", busy=3)
    with counted() as sent:
        found = way(app.stats, "read")
    assert (set(sent), 5 <= len(sent) <= 9) == ({"overview"}, True)
    assert (list(found.queues), found.enqueued) == (names, 1200)
    assert (found.processes, found.busy) == (700, 2100)


def test_large_jobs_say_since_when_they_wait(way: Way, app: App) -> None:
    """One answer is not to hold a mebibyte for each queue: of them only that is sent."""
    for number in range(4):
        words: dict[str, Any] = {
            "text": '"enqueued_at":5',
            "pad": "x" * 300_000,
            "enqueued_at": now() - 100,
        }
        put(app, f"large{number}", write("a", **words))
    put(app, "small", write("b", enqueued_at=now() - 50))
    with counted() as sent:
        found = way(app.stats, "read")
    assert sent == ["overview"]
    waits = [queue.latency for queue in found.queues.values()]
    assert waits == pytest.approx([100] * 4 + [50], abs=10)


def test_who_is_not_seen_is_asked_for_by_itself(way: Way, app: App) -> None:
    """It says so too early in a large text; or so much was read that others would have to wait."""
    put(app, "early", write("a", enqueued_at=now() - 70, pad="x" * 300_000))
    with counted() as sent:
        assert way(app.stats, "read").latency == pytest.approx(70, abs=10)
    assert sent == ["overview", "queued"]
    for number in range(6):
        put(app, f"huge{number}", write("a", pad="x" * 1_000_000, enqueued_at=now() - 90))
    with counted() as sent:
        found = way(app.stats, "read")
    assert 1 <= sent.count("queued") <= 3
    waits = {name: queue.latency for name, queue in found.queues.items() if name != "early"}
    assert waits == pytest.approx({f"huge{number}": 90 for number in range(6)}, abs=10)


def test_what_others_wrote_is_no_reason_to_fail(way: Way, app: App) -> None:
    """Keys of other types, jobs that are none, names that are no text, odd counters."""
    raw(app, "SADD", "queues", b"\xff", "odd", "text")
    raw(app, "LPUSH", "queue:odd", b"\xff no job")
    raw(app, "LPUSH", b"queue:\xff", b"{}")
    raw(app, "SET", "queue:text", "no list")
    raw(app, "SET", "retry", "no set")
    raw(app, "SET", "stat:processed", "many")
    raw(app, "SET", "stat:failed", "9" * 5000)
    raw(app, "SADD", "processes", "list:1:a", "odd:1:b")
    raw(app, "LPUSH", "list:1:a", "x")
    beat(app, "odd:1:b", busy="\x1b[2J")
    found = way(app.stats, "read")
    assert {name: queue.size for name, queue in found.queues.items()} == {
        "odd": 1,
        "text": 0,
        "\ufffd": 1,
    }
    assert (found.processed, found.failed, found.retries) == (0, 0, 0)
    assert (found.processes, found.busy) == (1, 0)
    assert found.latency == 0.0
    raw(app, "DEL", b"queue:\xff")


# -- by day ---------------------------------------------------------------------------------------


def test_history(way: Way, app: App) -> None:
    """The last days by their UTC date, in one request, today the last."""
    today = datetime.fromtimestamp(now(), UTC).date()
    for back, counts in ((0, (5, 2, 1)), (1, (7, 0, 0)), (29, (1, 1, 1)), (30, (9, 9, 9))):
        for name, count in zip(("processed", "failed", "expired"), counts, strict=True):
            raw(app, "SET", f"stat:{name}:{today - timedelta(days=back)}", count)
    with counted() as sent:
        found = way(app.stats, "history")
    assert sent == ["MGET"]
    assert [day.date for day in found] == [today - timedelta(days=29 - at) for at in range(30)]
    assert found[-1] == Day(today, 5, 2, 1)
    assert found[-2] == Day(today - timedelta(days=1), 7, 0, 0)
    assert found[0] == Day(today - timedelta(days=29), 1, 1, 1)
    assert {(day.processed, day.failed, day.expired) for day in found[1:-2]} == {(0, 0, 0)}
    assert way(app.stats, "history", days=1) == found[-1:]
    assert way(app.stats, "history", 31)[0].processed == 9


def test_history_is_what_workers_count(way: Way, app: App) -> None:
    """Executions, failed ones among them, and what expired before it ran."""
    put(app, "default", *(write(jid) for jid in "abc"), write("d", expiry=1.0))
    hands = Hands(app, now=int(now() * 1000))
    first = hands.claim().first
    hands.ack(first, first + 1, Other("retry", first + 2, write("c"), NOW))
    day = date.fromisoformat(utc_day(hands.now))
    assert Day(day, 3, 1, 1) in way(app.stats, "history", days=2)


def test_five_years_of_history(way: Way, app: App) -> None:
    """All that is kept, a year a request; what is no number counts as nothing."""
    today = datetime.fromtimestamp(now(), UTC).date()
    raw(app, "SET", f"stat:processed:{today - timedelta(days=1829)}", 4)
    raw(app, "SET", f"stat:failed:{today}", "many")
    with counted() as sent:
        found = way(app.stats, "history", 1830)
    assert sent == ["MGET"] * 5
    assert (len(found), found[0].processed, found[-1].failed) == (1830, 4, 0)
    assert len({day.date for day in found}) == 1830


@pytest.mark.parametrize("days", [0, -5, 1831])
def test_days_that_are_not_kept(way: Way, app: App, days: int) -> None:
    with (
        counted() as sent,
        pytest.raises(ConfigError, match=f"days must be 1 to 1,830, not {days}"),
    ):
        way(app.stats, "history", days)
    assert sent == []
