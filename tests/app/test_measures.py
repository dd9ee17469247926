"""What a child measures reaches the server once, or waits there until it does."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from outrider import App, BatchCancelled
from outrider.events import JobEvent
from outrider.store import metrics as store
from outrider.worker import measures as module
from outrider.worker.measures import MOST, Measures
from tests.app.hands import raw
from tests.process.proxy import HARMS, HOLES, Proxy

AT = 1_800_000_000.0


@pytest.fixture
def proxy(tmp_path: Path, url: str) -> Iterator[Proxy]:
    """A network that can be broken."""
    proxy = Proxy(tmp_path / "proxy.sock", url)
    yield proxy
    proxy.close()


@pytest.fixture
def away(proxy: Proxy) -> Iterator[App]:
    """The app of a worker behind that network; it has the jobs a and b."""
    app = App(proxy.url, timeout=1.0)
    for name in ("a", "b"):
        app.job(name=name)(_named(name))
    yield app
    app.close()


def _named(name: str) -> Any:
    def job() -> None: ...

    job.__qualname__ = name
    return job


def event(job: str = "a", name: str = "job.succeeded", at: float = AT, **more: Any) -> JobEvent:
    said: dict[str, Any] = {"elapsed": 0.004, "waited": 0.0, **more}
    return JobEvent(name, at, "0" * 24, job, "default", **said)


def counted(app: App) -> dict[str, int]:
    return {name: one.count for name, one in app.metrics.totals().items()}


def flush(measures: Measures) -> float:
    """Have it come as if its time had come."""
    measures._due = -math.inf
    return measures.keep_up()


@pytest.mark.wide
@pytest.mark.parametrize("harm", [*HARMS, *HOLES])
def test_a_flush_that_comes_to_harm_counts_once(
    app: App, away: App, proxy: Proxy, harm: str
) -> None:
    """Nothing is lost or counted twice, whatever comes of the request or its answer (P208)."""
    measures = Measures(away)
    measures.add(event())
    proxy.plan.extend([harm] * 3)
    while proxy.plan:
        flush(measures)
        measures.add(event("b"))
    runs = 1 + 3
    while flush(measures) < math.inf:
        pass
    assert counted(app) == {"a": 1, "b": runs - 1}
    assert proxy.harmed[harm] == 3


def test_a_server_that_is_away_costs_no_number(app: App, away: App, proxy: Proxy) -> None:
    """It is tried again every few seconds, and jobs go on meanwhile."""
    measures = Measures(away)
    proxy.refusing = True
    proxy.cut()
    for _ in range(5):
        measures.add(event())
        assert 0 < flush(measures) <= module.PERIOD
    proxy.refusing = False
    while flush(measures) < math.inf:
        pass
    assert counted(app) == {"a": 5}


def test_times_without_measure_hurt_nobody(app: App, away: App) -> None:
    """What others write of when a job was enqueued may add up to more than can be sent."""
    measures = Measures(away)
    for _ in range(10_400):
        measures.add(event(waited=1.8e9))
    assert flush(measures) == math.inf
    assert counted(app) == {"a": 10_400}


def test_measuring_holds_no_connection(away: App, proxy: Proxy) -> None:
    """While jobs run, in however many threads, nothing is sent, and nobody waits (P208)."""
    measures = Measures(away)
    proxy.severed = True

    def run() -> None:
        for _ in range(500):
            measures.add(event())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert proxy.connections == 0
    assert [sums[0] for sums in measures._sums.values()] == [4000]
    proxy.severed = False
    measures.end()
    assert counted(away) == {"a": 4000}


def test_threads_and_flushes_lose_no_run(app: App, away: App) -> None:
    """Though they take turns at any moment."""
    measures = Measures(away)
    failed = event(name="job.failed", error=ValueError())
    done = measures.done("b")

    def run() -> None:
        for _ in range(20_000):
            measures.add(failed)
            done((Raw(), 0.0, time.perf_counter()))

    threads = [threading.Thread(target=run) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            flush(measures)
    finally:
        sys.setswitchinterval(before)
    measures.end()
    total = app.metrics.totals()["a"]
    assert (total.count, total.failed, total.run_times.count) == (80_000,) * 3
    assert total.seconds == pytest.approx(320.0)
    assert counted(app)["b"] == 80_000


def test_a_server_that_refuses_is_told_of_once(
    app: App, away: App, caplog: pytest.LogCaptureFixture
) -> None:
    """A full one takes no metrics, and gets them when there is room."""
    measures = Measures(away)
    measures.add(event())
    raw(app, "CONFIG", "SET", "maxmemory", "1")
    try:
        with caplog.at_level(logging.WARNING):
            assert [flush(measures) > 0 for _ in range(4)] == [True] * 4
    finally:
        raw(app, "CONFIG", "SET", "maxmemory", "0")
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("metrics are kept until the server takes them: ")
    assert flush(measures) == math.inf
    assert counted(app) == {"a": 1}


def test_what_waits_is_bounded(app: App, away: App) -> None:
    """Where too much waits the time of a run is less exact, but it is counted."""
    measures = Measures(away)
    first = int(AT // 60)
    for minute in range(MOST + 50):
        measures.add(event(at=AT + 60 * minute))
    measures.add(event("b", at=AT + 60 * (MOST + 50)))
    assert len(measures._sums) == MOST + 1
    last = measures._sums[first + MOST - 1, "a"]
    assert last[0] == 51
    measures.end()
    assert counted(app) == {"a": MOST + 50, "b": 1}


def test_it_goes_in_slices(app: App, away: App) -> None:
    """One script a turn: whoever pumps has other things to do."""
    measures = Measures(away)
    for minute in range(2 * store.SLICE + 1):
        measures.add(event(at=AT + 60 * minute))
    turns: list[float] = []
    measures._due = -math.inf
    while not turns or turns[-1] == 0.0:
        turns.append(measures.keep_up())
        assert counted(app)["a"] == min(len(turns) * store.SLICE, 2 * store.SLICE + 1)
    assert turns == [0.0, 0.0, math.inf]


@pytest.mark.wide
def test_nothing_is_sent_before_its_time(away: App, proxy: Proxy) -> None:
    """And nothing at all where nothing has run."""
    measures = Measures(away)
    assert flush(measures) == math.inf
    measures._due = math.inf
    measures.add(event())
    assert measures.keep_up() == math.inf
    assert proxy.connections == 0
    measures.end()
    assert proxy.connections == 1


FAILS = [
    ("job.failed", ValueError(), 1),
    ("job.died", ValueError(), 1),
    ("job.discarded", ValueError(), 0),
    ("job.cancelled", ValueError(), 1),
    ("job.cancelled", BatchCancelled(), 0),
    ("job.cancelled", None, 0),
]


@pytest.mark.parametrize(("name", "error", "failed"), FAILS, ids=str)
def test_what_counts_as_failed(
    away: App, name: str, error: BaseException | None, failed: int
) -> None:
    """As in `app.stats`: in a cancelled batch a run that raises has failed, and is told so."""
    measures = Measures(away)
    away.events.tell(event(name=name, error=error))
    away.events.tell(event(name="job.released"))
    away.events.tell(event(name="job.started"))
    measures.end()
    found = away.metrics.totals()["a"]
    assert (found.count, found.failed) == (1, failed)


@pytest.mark.parametrize("since", [b"1799999997.0", b"1799999997000", b"0", b'"soon"', b""])
def test_runs_that_end_well_are_added_up_later(away: App, since: bytes) -> None:
    """They need no event, and are counted in the minute in which the child looks."""
    measures = Measures(away, lambda: int(AT) * 1000)
    for _ in range(3):
        now = time.perf_counter()
        measures.done("a")((Raw(since), now - 1.25, now))
    away.events.tell(event())  # is for others
    assert not measures._sums
    measures.end()
    found = away.metrics.totals()["a"]
    assert (found.count, found.failed, found.run_times.count) == (3, 0, 3)
    assert found.seconds == pytest.approx(3.75, abs=0.5)
    known = 3 if since.startswith(b"1") else 0
    assert found.wait_times.count == known
    assert found.waited == pytest.approx(known * 1.75, abs=0.5)


def test_times_that_are_not_known_are_in_no_histogram(away: App) -> None:
    """As with jobs of others that do not say since when they wait."""
    measures = Measures(away)
    measures.add(event(elapsed=None, waited=None))
    measures.add(event(elapsed=1.25, waited=3600.0))
    measures.end()
    found = away.metrics.totals()["a"]
    assert (found.count, found.run_times.count, found.wait_times.count) == (2, 1, 1)
    assert (found.seconds, found.waited) == (1.25, 3600.0)


def test_a_child_that_leaves_says_what_is_lost(
    away: App, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """The server may be away for longer than a child has time."""
    measures = Measures(away)
    measures.add(event())
    proxy.refusing = True
    proxy.cut()
    measures.end()
    assert "metrics of this child are lost" in caplog.text
