"""How fast a worker empties a full queue, against the bare loop of limit.py, in alternating rounds.

Both are timed from outside with the same ruler: from the first claim (the queue gets shorter) to
the last acknowledgement (`processed` is complete); and from the start of the program to its end.
The worker logs at level warning; at info it would write a line for each job.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.jobs import app, noop
from bench.rig import Figure, Rig, spread

JOBS = 400_000
ROUNDS = 5
QUIET = "--log-level warning"


class Timing(NamedTuple):
    """Jobs per second: from first claim to last acknowledgement, and with start-up and end."""

    steady: float
    wall: float


def measure(rig: Rig) -> list[Figure]:
    """Alternate the bare loop and the worker."""
    fill(rig, JOBS)
    limits: list[Timing] = []
    workers: list[Timing] = []
    watch = rig.others()
    for _ in range(ROUNDS):
        limits.append(timed(rig, JOBS, lambda: rig.run("bench.limit")))
        workers.append(timed(rig, JOBS, lambda: rig.worker("-c", "10", "--drain")))
    others = watch.cores()
    pairs = list(zip(workers, limits, strict=True))
    return [
        spread("bare loop", [t.steady for t in limits], "jobs/s", note="bench/limit.py"),
        spread("worker, 10 threads", [t.steady for t in workers], "jobs/s", note=QUIET),
        spread("  of the bare loop", [w.steady / b.steady for w, b in pairs], "×", (">=", 0.4)),
        spread("bare loop, start to end", [t.wall for t in limits], "jobs/s"),
        spread("worker, start to end", [t.wall for t in workers], "jobs/s"),
        spread("  of the bare loop", [w.wall / b.wall for w, b in pairs], "×"),
        Figure("cores used by others meanwhile", others, "cores"),
    ]


def fill(rig: Rig, count: int) -> None:
    """Make a full queue, from which each round gets its copy."""
    rig.clear()
    size = 20_000
    for first in range(0, count, size):
        noop.enqueue_many([(i,) for i in range(first, min(first + size, count))])
    rig.wire("RENAME", app.keys("queue", "default"), "bench:full")


def timed(rig: Rig, count: int, start: Callable[[], subprocess.Popen[bytes]]) -> Timing:
    """Have a program empty a full queue."""
    rig.wire("COPY", "bench:full", app.keys("queue", "default"), "REPLACE")
    rig.wire("DEL", app.keys("stat", "processed"))
    begin = time.monotonic()
    program = start()
    first, last = _watch(rig, count, program)
    program.wait(60)
    end = time.monotonic()
    rig.end(program)
    return Timing(count / (last - first), count / (end - begin))


def _watch(rig: Rig, count: int, program: subprocess.Popen[bytes]) -> tuple[float, float]:
    """When the first job was claimed, and when the last was reported: to a millisecond."""
    size = ("LLEN", app.keys("queue", "default"))
    done = ("GET", app.keys("stat", "processed"))
    first, processed = 0.0, 0
    while processed < count:
        ended = program.poll() is not None
        if not first and int(rig.wire(*size)) < count:
            first = time.monotonic()
        processed = int(rig.wire(*done) or 0)
        if ended and processed < count:
            raise RuntimeError(f"the program ended after {processed} of {count} jobs")
        # In the middle a look now and then is enough, and does not disturb.
        time.sleep(0.02 if 0 < processed < count * 0.9 else 0.001)
    return first, time.monotonic()
