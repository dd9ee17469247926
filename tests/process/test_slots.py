"""How jobs share a worker's slots, and workers the jobs."""

from __future__ import annotations

import time
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, length, listed, measured, until


def test_coroutines_run_at_the_same_time(app: App, work: ModuleType, worker: StartWorker) -> None:
    """100 coroutines of 100 ms on 100 slots take less than a second together."""
    one = worker("-c", "100")
    work.amark.enqueue(-1)
    until(lambda: length(app, "ran") == 1, "the worker is warm")
    started = time.monotonic()
    work.anap.enqueue_many([(i, 0.1) for i in range(100)])
    until(lambda: length(app, "ran") == 101, "all end")
    seconds = time.monotonic() - started
    measured(f"100 coroutines of 100 ms on 100 slots: {seconds:.2f} s")
    assert seconds < 1.0
    assert one.stop() == 0


def test_plain_jobs_run_at_the_same_time(app: App, work: ModuleType, worker: StartWorker) -> None:
    """As many plain jobs as slots run at once, beside coroutines: they share the slots."""
    one = worker("-c", "10")
    for i in range(10):
        work.gated.enqueue(i, "gate")
        work.agated.enqueue(100 + i, "gate")
    until(lambda: length(app, "started") == 10, "ten run")
    time.sleep(0.2)
    assert length(app, "started") == 10
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 20, "all end")
    assert one.stop() == 0


def test_slow_jobs_behind_fast_ones_all_start(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Ten slow jobs behind a thousand fast ones run on all ten slots, none behind another."""
    one = worker("-c", "10")
    work.noop.enqueue_many([(i,) for i in range(3000)])
    work.gated.enqueue_many([(i, "gate") for i in range(10)])
    until(lambda: length(app, "started") == 10, "all ten run at once")
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 10, "all end")
    assert one.stop() == 0


def test_a_slow_job_does_not_hold_fast_ones(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Fast jobs behind one that does not end run on the other slots."""
    one = worker("-c", "2")
    work.gated.enqueue(-1, "gate")
    work.mark.enqueue_many([(i,) for i in range(200)])
    until(lambda: length(app, "ran") == 200, "the fast ones end")
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 201, "the slow one ends")
    assert one.stop() == 0


def test_what_was_claimed_ahead_is_given_to_the_idle(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A fast worker claims ahead and becomes slow: an idle one has the rest within a second."""
    busy = worker("-c", "2")
    work.noop.enqueue_many([(i,) for i in range(4000)])
    work.gated.enqueue_many([(i, "gate") for i in range(2)])
    work.mark.enqueue_many([(10 + i,) for i in range(20)])
    until(lambda: length(app, "started") == 2, "both its slots are taken")
    worker("-c", "2")
    registered = time.monotonic()
    until(lambda: length(app, "ran") == 20, "the other worker runs the rest")
    measured(f"the idle worker had all after {time.monotonic() - registered:.2f} s")
    assert time.monotonic() - registered < 2.0
    assert sorted(map(int, listed(app, "ran"))) == list(range(10, 30))
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 22, "all end")
    assert busy.stop() == 0
