"""What `outrider stats` reads: all that goes on, at one moment."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass

from outrider.app import App
from outrider.inspection.held import HeldReading
from outrider.inspection.processes import Process
from outrider.inspection.stats import StatsReading
from outrider.inspection.work import RunRecord

LONGEST = 20


@dataclass(frozen=True, slots=True)
class Reading:
    """`at` in seconds of a clock that nobody sets; `runs` are those of all `running` that have run
    longest.
    """

    at: float
    stats: StatsReading
    processes: list[Process]
    runs: list[RunRecord]
    running: int
    held: dict[str, HeldReading]

    @property
    def slots(self) -> int:
        """How many jobs all workers could run at a time."""
        return sum(process.concurrency for process in self.processes)


def take(app: App) -> Reading:
    """Read everything."""
    at, stats, work = time.monotonic(), app.stats.read(), list(app.work)
    return Reading(
        at,
        stats,
        list(app.processes),
        heapq.nlargest(LONGEST, work, key=lambda run: run.elapsed),
        len(work),
        app.held.read(),
    )
