"""What `outrider stats` and `outrider queue` read: all that goes on, at one moment."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import NamedTuple

from outrider.app import App
from outrider.inspection.processes import Process
from outrider.inspection.queues import StatsReading
from outrider.inspection.work import RunRecord
from outrider.store.queue import paused as paused_queues

LONGEST = 20


class Line(NamedTuple):
    """How many jobs wait in a queue or are held for a name; for how long the first one has waited,
    in seconds.
    """

    size: int
    latency: float
    paused: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """`at` in seconds of a clock that nobody sets; `runs` are those that have run longest."""

    at: float
    stats: StatsReading
    queues: dict[str, Line]
    processes: list[Process]
    runs: list[RunRecord]
    running: int
    held: dict[str, Line]

    @property
    def slots(self) -> int:
        """How many jobs all workers could run at a time."""
        return sum(process.concurrency for process in self.processes)


def queues(app: App) -> dict[str, Line]:
    """All queues that were ever pushed to, and those that are paused, by name."""
    names = {*app.queues, *app.perform(paused_queues(app.keys))}
    found = {}
    for name in sorted(names):
        one = app.queues[name]
        found[name] = Line(one.size, one.latency, one.paused)
    return found


def take(app: App) -> Reading:
    """Read everything."""
    at, stats, work = time.monotonic(), app.stats.read(), list(app.work)
    return Reading(
        at,
        stats,
        queues(app),
        list(app.processes),
        heapq.nlargest(LONGEST, work, key=lambda run: run.elapsed),
        len(work),
        {name: Line(held.size, 0.0, held.paused) for name, held in app.held.items()},
    )
