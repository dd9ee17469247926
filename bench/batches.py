"""Batches: from `with batch.jobs()` to the start of the success callback, with an idle worker.

The yardstick is the bare loop of limit.py over as many jobs without a batch. A batch of two blocks
is kept open by its first job until the second block is committed: its jobs are done so fast that
it would be settled before.
"""

from __future__ import annotations

import time

from bench import drain
from bench.jobs import app, finished, hold, noop
from bench.rig import Figure, Rig, spread

ROUNDS = 5
BLOCK = 5000


def measure(rig: Rig) -> list[Figure]:
    """Run batches of one block and of two, several times each."""
    drain.fill(rig, BLOCK * 20)
    bare = drain.timed(rig, BLOCK * 20, lambda: rig.run("bench.limit")).steady
    figures = []
    rig.clear()
    with rig.idle_worker("-c", "10"):
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
    return figures


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
