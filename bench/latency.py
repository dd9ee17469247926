"""From push to start: an idle worker, a job every 5 to 20 ms, pushed by us or by a bare LPUSH.

The yardstick is the least that any program on this machine can do: one process that waits with
BRPOP, and notes the time when it is answered.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

import msgspec

from bench.jobs import app, stamp
from bench.rig import Figure, Rig, percentile
from bench.wire import Wire

PUSHES = 500
RULE = ("<=", 1.0)


def measure(rig: Rig) -> list[Figure]:
    """Measure the yardstick, then a worker of one process and one of two."""
    waiter = rig.run("bench.latency", rig.url)
    time.sleep(0.5)
    yard = _summary("bare BRPOP", series(rig, _yard(rig)), None)
    rig.end(waiter)
    figures = [*yard]
    for processes in (1, 2):
        with rig.idle_worker("-c", "10", "-p", str(processes)):
            for name, push in (("enqueue()", stamp.enqueue), ("LPUSH", _lpush(rig))):
                title = f"{name}, {processes} process" + ("es" if processes > 1 else "")
                figures += _summary(title, series(rig, push), yard[0].value)
    return figures


def series(rig: Rig, push: Callable[[int], object]) -> list[float]:
    """Milliseconds from just before each push to the start of its job."""
    rig.stamps.clear()
    push(0)
    rig.stamps.wait(0)
    pushed = []
    for number in range(1, PUSHES + 1):
        time.sleep(random.uniform(0.005, 0.020))
        pushed.append(time.monotonic_ns())
        push(number)
    return [(rig.stamps.wait(number) - at) / 1e6 for number, at in enumerate(pushed, start=1)]


def _summary(what: str, times: list[float], yard: float | None) -> list[Figure]:
    median = statistics.median(times)
    tail = f"p90 {percentile(times, 90):.2f}, p99 {percentile(times, 99):.2f}"
    note = f"{tail}, max {max(times):.2f}"
    figure = Figure(what, median, "ms", min(times), None, None if yard is None else RULE, note)
    return [figure] if yard is None else [figure, Figure("  of bare BRPOP", median / yard, "×")]


def _yard(rig: Rig) -> Callable[[int], object]:
    return lambda number: rig.wire("LPUSH", "bench:yard", number)


def _lpush(rig: Rig) -> Callable[[int], object]:
    """A push as another program does it: the queue's list, and nothing else."""
    key = app.keys("queue", "default")

    def push(number: int) -> None:
        job = {"class": stamp.name, "args": [number], "jid": f"{number:024x}", "retry": True}
        rig.wire("LPUSH", key, msgspec.json.encode(job))

    return push


def main() -> None:
    """Be the yardstick's waiter."""
    import os
    from pathlib import Path

    from bench.stamps import Stamps

    wire, stamps = Wire(os.environ["OUTRIDER_URL"]), Stamps(Path(os.environ["BENCH_STAMPS"]))
    while True:
        number = int(wire("BRPOP", "bench:yard", 0)[1])
        stamps.note(number, time.monotonic_ns())


if __name__ == "__main__":
    main()
