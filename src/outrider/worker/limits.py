"""What a child may take, as its supervisor sees it: memory, and time beyond its jobs' timeouts."""

from __future__ import annotations

import math
import os

from outrider.errors import ConfigError
from outrider.worker.crew import Child
from outrider.worker.memory import MB, rss_kb

# A job is told at its deadline. One that obeys costs nothing; for the others a child is started
# in time to take over before the old one is killed.
NOTICE = 1.0
GRACE = 5.0


class Limits:
    """Looks at one child at a time. `max_memory` in MB, None for no limit.

    Raises ConfigError where memory is limited and can't be known.
    """

    def __init__(self, max_memory: int | None) -> None:
        if max_memory is not None and not rss_kb(os.getpid()):
            raise ConfigError("--max-memory needs /proc/PID/statm, which this system does not have")
        self._max_memory = max_memory

    def check_fresh(self, child: Child) -> None:
        """Look at a child that has run nothing yet; ConfigError when it is over the limit by that.

        To replace it would help nothing.
        """
        taken = rss_kb(child.process.pid) // MB
        if self._max_memory is not None and taken >= self._max_memory:
            child.memory_counts = False
            raise ConfigError(
                f"--max-memory {self._max_memory}: a child takes {taken} MB before its first job; "
                "give it more"
            )

    def reason(self, child: Child, now: float) -> str:
        """Why a child should be replaced; "" when it should not. `now` is monotonic."""
        if child.late_since <= now:
            return "a job does not end at its timeout"
        # What takes too much before its first job would be replaced by the same, for ever.
        if self._max_memory is not None and child.memory_counts and child.table.begun():
            taken = rss_kb(child.process.pid) // MB
            if taken > self._max_memory:
                return f"it takes {taken} MB, more than --max-memory {self._max_memory}"
        return ""


def overdue(child: Child, now: float) -> list[int]:
    """Tokens of the jobs that have not ended within the grace after their timeouts."""
    return [job.token for job in child.table.running() if job.overdue(now, GRACE)]


def must_end(child: Child, now: float) -> list[int]:
    """The same, once the child has had that time: it may have been stopped, or its host asleep."""
    if not any(job.overdue(now, NOTICE) for job in child.table.running()):
        child.late_since = math.inf
        return []
    child.late_since = min(child.late_since, now)
    return overdue(child, now) if now >= child.late_since + GRACE - NOTICE else []
