"""How fast the jobs of a batch get done, by the readings of one status."""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
GAP = 1.0
ENOUGH = 10


class Pace:
    """Jobs a second: of the last minute's readings, once these have seen ENOUGH jobs done.

    A batch may have waited for a worker for a day before its first job ran, or stood still for a
    deploy; whoever watches it wants to know how it goes now.
    """

    def __init__(self) -> None:
        self._readings: deque[tuple[float, int]] = deque()

    def note(self, at: float, done: int) -> None:
        """So many were done at this moment, in seconds."""
        if self._readings and at - self._readings[-1][0] < GAP:
            return
        self._readings.append((at, done))
        while at - self._readings[0][0] > WINDOW:
            self._readings.popleft()

    def now(self, at: float, done: int) -> float | None:
        """The pace up to a reading; None when too little was seen."""
        since, before = self._readings[0] if self._readings else (at, done)
        return (done - before) / (at - since) if done - before >= ENOUGH and at > since else None
