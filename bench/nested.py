"""Nested batches: 10,000 batches of 10 jobs, in three levels, to the success callback of the root.

Jobs make them, as an import does that finds its parts while it reads: a job of the root makes 100
batches, each of which has a job that makes 99 more. A worker runs all that; the yardstick is the
bare loop over as many plain jobs. Then the commit of one block that holds 400 batches.
"""

from __future__ import annotations

import time

from bench import drain
from bench.jobs import app, finished, grow, noop
from bench.rig import Figure, Rig
from outrider.script import SCRIPTS

ROUNDS = 3
WIDE, MORE, JOBS = 100, 99, 10
INSIDE = 400


def measure(rig: Rig) -> list[Figure]:
    """Grow the tree some times, then commit blocks inside a block."""
    count = (1 + WIDE + WIDE * MORE) * JOBS
    drain.fill(rig, count)
    bare = drain.timed(rig, count, lambda: rig.run("bench.limit")).steady
    rig.clear()
    with rig.idle_worker("-c", "10"):
        rounds = [_tree(rig, number) for number in range(1000, 1000 + ROUNDS)]
    times = [took for took, _ in rounds]
    loop = count / bare
    kept = max(kept for _, kept in rounds)
    return [
        _figure(f"{1 + WIDE + WIDE * MORE:,} batches, {count:,} jobs, and callback", times, "s"),
        _figure("  of the bare loop's time", [took / loop for took in times], "×"),
        Figure("  most on the server, a batch", kept, "B"),
        *_inside(rig),
    ]


def _figure(what: str, values: list[float], unit: str) -> Figure:
    return Figure(what, sorted(values)[len(values) // 2], unit, min(values), max(values))


def _tree(rig: Rig, number: int) -> tuple[float, float]:
    """Seconds from the root's block to its callback, and bytes a batch left on the server."""
    before = rig.server_bytes()
    batch = app.batch().on("success", finished, number=number)
    begin = time.monotonic_ns()
    with batch.jobs():
        grow.enqueue(WIDE, MORE)
        for i in range(1, JOBS):
            noop.enqueue(i)
    end = rig.stamps.wait(number, 120.0)
    kept = (rig.server_bytes() - before) / (1 + WIDE + WIDE * MORE)
    return (end - begin) / 1e9, kept


def _inside(rig: Rig) -> list[Figure]:
    """The commit of blocks inside a block, by the server's clock."""
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "10000")
    rig.wire("SLOWLOG", "RESET")
    for _ in range(ROUNDS):
        with app.batch().jobs():
            for _ in range(INSIDE):
                with app.batch().jobs():
                    noop.enqueue(0)
    sha = SCRIPTS["commit"]().sha.encode()
    times = [e[2] / 1000 for e in rig.wire("SLOWLOG", "GET", "-1") if e[3][1:2] == [sha]]
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    what = f"commit of {INSIDE} batches in one block"
    return [Figure(what, min(times), "ms", min(times), max(times), rule=("<=", 5.0))]
