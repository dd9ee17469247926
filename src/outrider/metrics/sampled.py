"""What queues were like over time, and marks."""

from __future__ import annotations

from datetime import datetime

import msgspec

from outrider.store.metrics import Numbers


class QueuePoint(msgspec.Struct, frozen=True):
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


class QueueMetrics(msgspec.Struct, frozen=True):
    """One queue over time, the oldest point first; `step` is the length of each, in seconds.

    There is no point where nobody looked, as no worker was there.
    """

    name: str
    step: int
    points: list[QueuePoint]


class Mark(msgspec.Struct, frozen=True):
    """A moment that somebody has marked, such as a deploy."""

    at: datetime
    label: str
