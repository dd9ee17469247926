"""Pauses of queues and of names, and bursts of expired jobs, seen from outside."""

from __future__ import annotations

import time
from types import ModuleType

from outrider import App
from outrider.clock import now_ms
from tests.app.hands import write
from tests.process.conftest import StartWorker
from tests.process.harness import ask, length, listed, measured, reach, until

WITHIN = 1.0
"""Seconds in which a pause, or its end, is to be felt; a busy machine is given some more."""
SLACK = 2.0


def test_a_pause_holds_at_once(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Of two workers, from the moment in which `pause` returns (P202)."""
    for number in range(2000):
        work.brief.using(queue="low").enqueue(number)
    workers = [worker("-q", "low", "-c", "2") for _ in range(2)]
    reach(app, "ran", 50)
    app.queues["low"].pause()
    left = app.queues["low"].size
    assert left > 0
    until(lambda: length(app, "ran") == 2000 - left, "what was taken before is done")
    for number in range(10):
        work.mark.using(queue="low").enqueue(number)
    time.sleep(WITHIN)
    assert app.queues["low"].size == left + 10
    app.queues["low"].resume()
    reach(app, "ran", 2010)
    assert [one.stop() for one in workers] == [0, 0]


def test_a_pause_holds_when_connections_were_cut(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """There is no channel that could have missed it: each claim asks (P201)."""
    one = worker("-q", "low", "-p", "2")
    work.mark.using(queue="low").enqueue(0)
    reach(app, "ran", 1)
    for number in range(5):
        ask(app, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        app.queues["low"].pause()
        work.mark.using(queue="low").enqueue(number)
        time.sleep(WITHIN / 2)
        assert (app.queues["low"].size, length(app, "ran")) == (1, number + 1)
        ask(app, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        app.queues["low"].resume()
        reach(app, "ran", number + 2)
    assert one.stop() == 0


def test_nothing_of_a_paused_queue_is_taken_at_boot(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Neither by the first claim of a worker, nor while another one leaves (P108, P129)."""
    app.queues["low"].pause()
    for number in range(50):
        work.low.enqueue(number)
    work.mark.enqueue(1)
    for _ in range(3):
        one = worker("-q", "low", "-q", "default", "-c", "20", "-p", "2")
        other = worker("-q", "low", "-c", "20")
        reach(app, "ran", 1)
        assert (one.stop(), other.stop()) == (0, 0)
    assert (listed(app, "ran"), app.queues["low"].size) == (["1"], 50)
    assert ask(app, "GET", "o:tokens") == b"1"


def test_an_idle_worker_wakes_when_a_queue_goes_on(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Within a second, though it has long stopped to look; among many paused ones too."""
    queues = [f"low{number}" for number in range(5)]
    one = worker(*(word for name in queues for word in ("-q", name)))
    for number, name in enumerate(queues):
        app.queues[name].pause()
        work.mark.using(queue=name).enqueue(number)
    time.sleep(2.0)
    assert length(app, "ran") == 0
    for number, name in enumerate(queues):
        resumed = time.monotonic()
        app.queues[name].resume()
        reach(app, "ran", number + 1)
        took = time.monotonic() - resumed
        measured(f"resumed to run: {took:.2f} s")
        assert took < WITHIN + SLACK
    assert one.stop() == 0


def test_a_paused_name_is_passed_by(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Other jobs behind 3,000 of it run at once; it goes on within a second, in its order."""
    work.mark.pause()
    work.mark.enqueue_many([(number,) for number in range(3000)])
    work.brief.enqueue(-1)
    one = worker("-c", "1")
    reach(app, "ran", 1)
    assert listed(app, "ran") == ["-1"]
    until(lambda: len(app.held["work.mark"]) == 3000, "all are held")
    resumed = time.monotonic()
    work.mark.resume()
    reach(app, "ran", 2)
    measured(f"resumed to run: {time.monotonic() - resumed:.2f} s")
    reach(app, "ran", 3001)
    assert sorted(map(int, listed(app, "ran"))) == list(range(-1, 3000))
    assert one.stop() == 0


def test_a_drain_leaves_what_is_paused(app: App, work: ModuleType, worker: StartWorker) -> None:
    """On a paused queue, or held for its name; all else is done."""
    app.queues["low"].pause()
    work.low.enqueue(1)
    work.nap.pause()
    for number in range(3):
        work.nap.enqueue(number, 0)
    work.mark.enqueue(1)
    assert worker("--drain", ready=False).wait() == 0
    assert listed(app, "ran") == ["1"]
    assert (len(app.held["work.nap"]), app.queues["low"].size) == (3, 1)
    work.nap.resume()
    assert worker("--drain", ready=False).wait() == 0
    assert sorted(listed(app, "ran")) == ["0", "1", "1", "2"]
    assert app.queues["low"].size == 1


def test_a_burst_of_expired_jobs_is_over_soon(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A worker does not sleep between two claims that have dropped all they met."""
    late = now_ms() / 1000 - 1
    for first in range(0, 100_000, 5000):
        jobs = [write(f"{number:024x}", expiry=late) for number in range(first, first + 5000)]
        ask(app, "LPUSH", "queue:default", *jobs)
    ask(app, "SADD", "queues", "default")
    work.mark.enqueue(1)
    one = worker("-c", "1")
    began = time.monotonic()
    reach(app, "ran", 1)
    measured(f"100,000 expired jobs: {time.monotonic() - began:.2f} s")
    assert app.stats.expired == 100_000
    assert one.stop() == 0
