"""Batches: from `with batch.jobs()` to the start of the success callback, with an idle worker.

The yardstick is the bare loop of limit.py over as many jobs without a batch. A batch of two blocks
is kept open by its first job until the second block is committed: its jobs are done so fast that
it would be settled before. The last figures are of a block of a million jobs, made by a loop.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

from bench import drain
from bench.jobs import app, finished, hold, noop
from bench.rig import Figure, Rig, spread
from outrider.script import SCRIPTS

ROUNDS = 5
BLOCK = 5000
MILLION = 1_000_000


def measure(rig: Rig) -> list[Figure]:
    """Run batches of one block and of two, several times each."""
    drain.fill(rig, BLOCK * 20)
    bare = drain.timed(rig, BLOCK * 20, lambda: rig.run("bench.limit")).steady
    figures = []
    rig.clear()
    with rig.idle_worker("-c", "10") as worker:
        for blocks in (1, 2):
            count = blocks * BLOCK
            rounds = [_batch(rig, blocks, blocks * 100 + 2 * k) for k in range(ROUNDS)]
            name = f"{count:,} jobs in {blocks} block" + ("s" if blocks > 1 else "")
            loop = count / bare
            figures += [
                spread(f"{name}, and callback", [end for _, end in rounds], "s"),
                spread("  of which making and committing", [made for made, _ in rounds], "s"),
                spread("  of the bare loop's time", [end / loop for _, end in rounds], "×"),
            ]
        figures += _huge(rig, MILLION / bare, worker.pid)
    return figures


def _huge(rig: Rig, loop: float, worker: int) -> list[Figure]:
    """One block of a million jobs; `loop` is what the bare loop takes for as many."""
    rig.wire("SLOWLOG", "RESET")
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "500", "slowlog-max-len", "100000")
    memory, most, number = rig.server_bytes(), _rss(), 1000
    before, held = most, 0
    batch = app.batch().on("success", finished, number=number)
    begin = time.monotonic()
    with batch.jobs():
        for i in range(MILLION):
            noop.enqueue(i)
            if i % BLOCK == 0:
                most, held = max(most, _rss()), max(held, rig.server_bytes())
    made, most = time.monotonic() - begin, max(most, _rss())
    end = rig.stamps.wait(number, 600.0) / 1e9 - begin
    ours = {SCRIPTS[name]().sha.encode() for name in ("stage", "commit", "move")}
    slow = [e[2] / 1000 for e in rig.wire("SLOWLOG", "GET", "-1") if ours & set(e[3][1:2])]
    rig.wire("SLOWLOG", "RESET")
    kept = (rig.server_bytes() - memory) / MILLION
    return [
        Figure(f"{MILLION:,} jobs in one block, and callback", end, "s"),
        Figure("  of which making and committing", made, "s"),
        Figure("  the rest, of the bare loop's time", (end - made) / loop, "×", rule=("<=", 2.5)),
        Figure("  client memory above the start", (most - before) / 1e6, "MB", rule=("<=", 100)),
        Figure("  most memory of the worker, supervisor and child", _most(worker) / 1e6, "MB"),
        Figure("  most memory on the server", (held - memory) / MILLION, "B/job"),
        spread("  its scripts that took over 0.5 ms", slow or [0.5], "ms"),
        Figure("  the longest of them", max(slow, default=0.5), "ms", rule=("<=", 5)),
        Figure("  left on the server in the end", kept, "B/job", rule=("<=", 1)),
    ]


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _most(pid: int) -> int:
    """The most memory that a process and those that it started have had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 + sum(_most(int(b)) for b in below)


def _batch(rig: Rig, blocks: int, number: int) -> tuple[float, float]:
    """Seconds from the beginning to the last commit, and to the callback."""
    batch = app.batch()
    batch.on("success", finished, number=number)
    begin = time.monotonic_ns()
    for block in range(blocks):
        with batch.jobs():
            if block == 0 and blocks > 1:
                hold.enqueue(number + 1)
            else:
                noop.enqueue(0)
            for i in range(1, BLOCK):
                noop.enqueue(i)
    made = time.monotonic_ns()
    rig.stamps.note(number + 1, made)
    end = rig.stamps.wait(number)
    time.sleep(0.5)
    return (made - begin) / 1e9, (end - begin) / 1e9
