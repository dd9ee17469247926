"""`app.metrics`: what workers have measured, both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outrider import App, ConfigError, Discard, Kill, Snooze, clock
from outrider.io import AsyncExecutor, Executor
from outrider.metrics.measured import OTHERS
from outrider.store import metrics as store
from outrider.worker.measures import Measures
from tests.app.conftest import Way
from tests.app.hands import put, raw, write
from tests.app.runs import Runs

MINUTE = clock.now_ms() // 60_000


def run(app: App, bodies: dict[str, Callable[[], None]]) -> None:
    """Run a job of each name, measured as a child does."""
    measures = Measures(app)
    for name, body in bodies.items():
        app.job(name=name, retry=1)(_plain(body)).enqueue()
    Runs(app, done=measures.done).run_all()
    measures.end()


def _plain(body: Callable[[], None]) -> Callable[[], None]:
    def job() -> None:
        body()

    job.__qualname__ = body.__qualname__
    return job


def fails(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    body.__qualname__ = type(error).__name__
    return body


def test_runs_are_measured_by_job(way: Way) -> None:
    """As `app.stats` counts them: failures and what was discarded are runs, a snooze is none."""
    app = way.app
    bodies = {
        "good": lambda: None,
        "bad": fails(ValueError("no")),
        "killed": fails(Kill("no")),
        "done": fails(Discard("no")),
        "later": fails(Snooze(60)),
    }
    run(app, bodies)
    jobs = way(app.metrics, "jobs", minutes=5)
    found = {name: (one.total.count, one.total.failed) for name, one in jobs.items()}
    assert found == {"bad": (1, 1), "done": (1, 0), "good": (1, 0), "killed": (1, 1)}
    assert list(jobs) == sorted(jobs)
    assert (app.stats.processed, app.stats.failed) == (4, 2)
    good = jobs["good"].total
    assert (good.run_times.count, good.wait_times.count) == (1, 1)
    assert 0 < good.seconds < 20
    assert way(app.metrics, "totals").keys() == found.keys()


def test_hours_minutes_and_one_job_agree(way: Way) -> None:
    """Each is the same runs, seen otherwise; a job that has not run has no points."""
    app = way.app
    run(app, {"good": lambda: None})
    for asked in ({}, {"minutes": 480}, {"hours": 72}, {"hours": 168}):
        one = way(app.metrics, "job", "good", **asked)
        assert one == way(app.metrics, "jobs", **asked)["good"]
        assert one.total == way(app.metrics, "totals")["good"]
        assert one.step == (3600 if "hours" in asked else 60)
        age = datetime.now(UTC) - one.points[-1].at
        assert timedelta(0) <= age < timedelta(seconds=one.step + 60)
        assert way(app.metrics, "job", "other", **asked).points == []


def test_callbacks_are_measured(app: App) -> None:
    """A callback is a job."""
    app.job(name="good")(fails(Discard("x")))
    app.job(name="told")(lambda status: None)
    measures = Measures(app)
    batch = app.batch().on("complete", "told")
    with batch.jobs():
        app.registry.get("good").enqueue()  # type: ignore[union-attr]
    Runs(app, done=measures.done).run_all()
    measures.end()
    assert {name: one.count for name, one in app.metrics.totals().items()} == {"good": 1, "told": 1}


def test_jobs_of_nobody_are_counted_together(app: App) -> None:
    """Whoever pushes names at random fills nothing: unknown jobs, and what is no job at all."""
    measures = Measures(app)
    texts = [write(f"{number:024x}", x=1).replace("app.job", f"n{number}") for number in range(9)]
    unreadable = write("b" * 24, tags=7)
    put(app, "default", *texts, unreadable, write("a" * 24, cb="x:complete:0"))
    runs = Runs(app)
    claimed = runs.claim(want=20)
    for token, payload in enumerate(claimed.payloads, claimed.first):
        runs.perform(payload, token)
    measures.end()
    found = app.metrics.totals()
    assert list(found) == [OTHERS]
    assert (found[OTHERS].count, found[OTHERS].failed) == (11, 11)
    assert app.metrics.job(OTHERS).total.count == 11


def test_queues_over_time(way: Way) -> None:
    """Means, and the most that was seen; minutes in which nobody looked have no point."""
    app = way.app
    hour = MINUTE // 60
    for minute, size, waited in ((hour * 60, 10, 4000), (hour * 60 + 1, 30, 0)):
        app.perform(store.sample(app.keys, minute=minute, queues=[("low", size, waited)]))
    asked = way(app.metrics, "queues", hours=2)["low"]
    assert asked == way(app.metrics, "queue", "low", hours=2)
    assert asked.step == 3600
    [point] = asked.points
    assert point.at == clock.utc(hour * 3600)
    assert (point.size, point.largest, point.latency, point.longest) == (20.0, 30, 2.0, 4.0)
    points = way(app.metrics, "queue", "low", minutes=480).points
    assert [(one.size, one.latency) for one in points] == [(10.0, 4.0), (30.0, 0.0)]
    assert way(app.metrics, "queue", "other").points == []


def test_marks(way: Way) -> None:
    """A moment with a label, now or at another time, the oldest first."""
    app = way.app
    now = way(app.metrics, "mark", "v1.2")
    assert abs(now.at.timestamp() - clock.now()) < 60
    before = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert way(app.metrics, "mark", "v1.1", before).at == before
    assert way(app.metrics, "mark", "v1.1", before + timedelta(seconds=30)).at == before
    assert [(one.label, one.at) for one in way(app.metrics, "marks")] == [
        ("v1.1", before),
        ("v1.2", now.at),
    ]


@pytest.mark.parametrize("label", ["", "x" * 101, "a\nb", "a\x1b[2J", None, 7])
def test_a_wrong_label_is_refused(way: Way, label: Any) -> None:
    """Nothing that could steer a terminal, and nothing long."""
    with pytest.raises(ConfigError, match="is no label"):
        way(way.app.metrics, "mark", label)
    with pytest.raises(ConfigError, match="no time zone"):
        way(way.app.metrics, "mark", "x", datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
    assert way(way.app.metrics, "marks") == []


WRONG: list[dict[str, Any]] = [
    {"minutes": 0},
    {"minutes": 481},
    {"hours": 169},
    {"hours": -1},
    {"minutes": True},
    {"hours": 1.5},
    {"minutes": "60"},
    {"minutes": 1, "hours": 1},
]


@pytest.mark.parametrize("asked", WRONG, ids=str)
def test_a_wrong_range_is_refused(way: Way, asked: dict[str, Any]) -> None:
    """It says what there is."""
    for name, words in (("jobs", ()), ("queues", ()), ("job", ("a",)), ("queue", ("a",))):
        with pytest.raises(ConfigError, match=r"must be a number from 1 to|not both"):
            way(way.app.metrics, name, *words, **asked)


def test_each_look_is_one_round_trip(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three days, too."""
    sent: list[int] = []
    sync, later = Executor.run_all, AsyncExecutor.run_all

    def run_all(self: Executor, calls: Sequence[Any], **more: Any) -> list[Any]:
        sent.append(len(calls))
        return sync(self, calls, **more)

    async def arun_all(self: AsyncExecutor, calls: Sequence[Any]) -> list[Any]:
        sent.append(len(calls))
        return await later(self, calls)

    monkeypatch.setattr(Executor, "run_all", run_all)
    monkeypatch.setattr(AsyncExecutor, "run_all", arun_all)
    metrics = way.app.metrics
    for name, words in (("jobs", ()), ("queues", ()), ("job", ("a",)), ("queue", ("a",))):
        way(metrics, name, *words, hours=72)
    way(metrics, "totals")
    way(metrics, "marks")
    assert sent == [72, 72, 72, 72, 1, 1]


def test_what_others_wrote_there_hurts_nobody(way: Way) -> None:
    """To look never fails."""
    app = way.app
    for kind, number in (("measured", MINUTE), ("sampled", MINUTE)):
        for value in (b"", b"junk", b"\x93\xc0\xc0\xc0", b"\x90"):
            raw(app, "HSET", app.keys(kind, f"minute:{number}"), b"\xff" + value, value)
        raw(app, "EXPIRE", app.keys(kind, f"minute:{number}"), 60)
    assert way(app.metrics, "jobs") == {}
    assert way(app.metrics, "queues") == {}
