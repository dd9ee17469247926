"""What queues were like over time, and marks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outrider.store.metrics import Numbers


@dataclass(frozen=True, slots=True)
class QueuePoint:
    """A queue in one minute or hour, which began `at`; it was looked at once a minute.

    `size` and `latency` (seconds that the next job had waited) are means, `largest` and `longest`
    the most that was seen.
    """

    at: datetime
    size: float
    largest: int
    latency: float
    longest: float

    @classmethod
    def read(cls, numbers: Numbers, at: datetime) -> QueuePoint:
        """The numbers as they lie on the server: looks, then sum and most of size and latency."""
        looks, size, largest, latency, longest = (*numbers, 0, 0, 0, 0, 0)[:5]
        looks = max(1, looks)
        return cls(at, size / looks, largest, latency / looks / 1000, longest / 1000)


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """One queue over time, the oldest point first; `step` is the length of each, in seconds.

    There is no point where nobody looked, as no worker was there.
    """

    name: str
    step: int
    points: list[QueuePoint]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that somebody has marked, such as a deploy."""

    at: datetime
    label: str
