"""Operations on a hundred thousand jobs: in the caller, and by a worker, idle or busy."""

from __future__ import annotations

import threading
import time

from bench import million
from bench.cost import cost
from bench.jobs import app, noop
from bench.million import HELD, RETRYING, SCHEDULED
from bench.rig import Figure, Rig, percentile
from outrider import Operation, clock
from outrider.operations.record import Verb

MANY, LOAD = 100_000, 800_000
SCRIPT, RATE, CANCELLED = ("<=", 5.0), (">=", 10_000.0), ("<=", 1.0)
FULL = "bench:load"


def figures(rig: Rig) -> list[Figure]:
    """The store is full; what is retried goes to a queue that no worker serves."""
    found = _here(rig)
    with rig.idle_worker("-q", "default", "-q", "load"):
        found += _by_worker(rig, "idle worker", is_busy=False)
        for first in range(0, LOAD, million.CHUNK):
            noop.using(queue="loading").enqueue_many(
                [(i,) for i in range(first, first + million.CHUNK)]
            )
        rig.wire("RENAME", app.keys("queue", "loading"), FULL)
        found += _by_worker(rig, "busy worker", is_busy=True)
        rig.wire("DEL", FULL, app.keys("queue", "load"))
    return found


# -- in the caller ---------------------------------------------------------------------------------


def _here(rig: Rig) -> list[Figure]:
    """Retry all that fail, cancel a deletion in its midst, and delete from a set and a list."""
    found = _act(rig, "retry", "state:retrying", RETRYING)
    late = app.operations.start("delete", "state:scheduled")
    runner = threading.Thread(target=app.operations[late.id].run)
    runner.start()
    found.append(_cancel(late, "cancelling a deletion", SCHEDULED))
    runner.join()
    found += _act(rig, "delete", "state:scheduled", MANY)
    return found + _act(rig, "delete", "state:held", HELD)


def _act(rig: Rig, verb: Verb, text: str, least: int) -> list[Figure]:
    operation = app.operations.start(verb, text)
    spent = cost(rig, operation.run)
    done = operation.refresh().done
    assert done >= least, f"{verb} {text}: {done:,} done, {operation.state}"
    note = f"{done:,} jobs, {len(spent.times)} commands, {spent.cpu:.2f} s of the caller's CPU"
    usual, long = percentile(spent.times, 50), percentile(spent.times, 95)
    return [
        Figure(f"{verb} {text}", done / spent.wall, "jobs/s", rule=RATE, note=note),
        Figure("  p95 of its commands", long, "ms", usual, spent.longest, SCRIPT, "p50–max"),
    ]


def _cancel(operation: Operation, what: str, of: int) -> Figure:
    """From the call until nothing more is done; one that has not begun is waited for."""
    while not operation.refresh().done:
        time.sleep(0.01)
    begin = time.perf_counter()
    operation.cancel()
    done, last = operation.done, time.perf_counter()
    while time.perf_counter() - last < 1.0:
        time.sleep(0.01)
        if operation.refresh().done != done:
            done, last = operation.done, time.perf_counter()
    note = f"{done:,} of {of:,} were done; it is {operation.state}"
    return Figure(what, last - begin, "s", rule=CANCELLED, note=note)


# -- by a worker -----------------------------------------------------------------------------------


def _by_worker(rig: Rig, who: str, *, is_busy: bool) -> list[Figure]:
    found = [
        _done_by(rig, who, "retry", "state:retrying", "retry", is_busy=is_busy),
        _done_by(rig, who, "delete", "state:scheduled", "schedule", is_busy=is_busy),
    ]
    _prepare(rig, "retry", is_busy=is_busy)
    late = app.operations.start("kill", "state:retrying")
    found.append(_cancel(late, f"cancelling, {who}", MANY))
    rig.wire("DEL", app.keys("retry"))
    return found


def _prepare(rig: Rig, name: str, *, is_busy: bool) -> None:
    """A hundred thousand jobs in a set; and more than enough to run."""
    rig.wire("DEL", app.keys(name))
    more = million.failed if name == "retry" else million.nothing
    million.add(rig, app.keys(name), MANY, clock.now() + 7200, more)
    if is_busy:
        rig.wire("SADD", app.keys("queues"), "load")
        rig.wire("COPY", FULL, app.keys("queue", "load"), "REPLACE")


def _done_by(rig: Rig, who: str, verb: Verb, text: str, name: str, *, is_busy: bool) -> Figure:
    what = f"{verb} {text}, {who}"
    _prepare(rig, name, is_busy=is_busy)
    run, begin = _processed(rig), time.perf_counter()
    operation = app.operations.start(verb, text)
    while not operation.refresh().is_over:
        time.sleep(0.05)
    wall = time.perf_counter() - begin
    assert operation.done == MANY, f"{what}: {operation.done:,} done, {operation.state}"
    note = "from its start, before a worker has noticed"
    if is_busy:
        left = rig.wire("LLEN", app.keys("queue", "load"))
        assert left, "the worker had nothing more to run"
        note = f"{(_processed(rig) - run) / wall:,.0f} jobs/s were run meanwhile"
    return Figure(what, MANY / wall, "jobs/s", rule=RATE, note=note)


def _processed(rig: Rig) -> int:
    return int(rig.wire("GET", app.keys("stat", "processed")) or 0)
