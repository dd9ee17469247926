"""How long jobs that were claimed ahead are held up, while another process has free slots.

The pump: jobs that were taken to be quick are behind slow ones. The supervisor: they are behind one
that holds the interpreter of its process. Times are from the moment in which the queue is empty,
so all are claimed, to the start of each job; those that start at once, where they were claimed, are
among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.jobs import app, grab, hold, noop, stamp
from bench.rig import Figure, Rig, percentile

ROUNDS = 10
QUICK, JOBS = 2_000, 10
SLOW = (4001, 4002)


def measure(rig: Rig) -> list[Figure]:
    """Both ways, on a worker of two processes."""
    ways = (
        ("pump: behind slow jobs", _slow, 4),
        ("supervisor: behind a held interpreter", _held, 20),
    )
    figures = []
    for what, push, slots in ways:
        with rig.idle_worker("-c", str(slots // 2), "-p", "2"):
            waits = [wait for _ in range(ROUNDS) for wait in _round(rig, push)]
        note = (
            f"p50 {percentile(waits, 50):.0f}, p90 {percentile(waits, 90):.0f}, {len(waits)} jobs"
        )
        figures.append(Figure(f"{what}, longest", max(waits), "ms", note=note))
    return figures


def _round(rig: Rig, push: Callable[[], None]) -> list[float]:
    """Milliseconds until each of the jobs starts."""
    rig.stamps.clear()
    key = app.keys("queue", "default")
    rig.wire("SADD", app.keys("paused"), "default")
    push()
    rig.wire("SREM", app.keys("paused"), "default")
    while rig.wire("LLEN", key):
        pass
    begin = time.monotonic_ns()
    starts = [rig.stamps.wait(number) for number in range(1, JOBS)]
    for number in SLOW:
        rig.stamps.note(number, begin)
    _calm(rig)
    return [max(0.0, (at - begin) / 1e6) for at in starts]


def _calm(rig: Rig) -> None:
    """Wait until nothing is held any more."""
    while any(rig.wire("HLEN", key) for key in rig.wire("KEYS", app.keys("claims", "*"))):
        time.sleep(0.02)


def _slow() -> None:
    noop.enqueue_many([(i,) for i in range(QUICK)])
    for number in SLOW:
        hold.enqueue(number)
    for number in range(1, JOBS):
        stamp.enqueue(number)


def _held() -> None:
    grab.enqueue(3.0)
    for number in range(1, JOBS):
        stamp.enqueue(number)
