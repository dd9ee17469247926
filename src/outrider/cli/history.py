"""The readings of the last minute, and the rates that follow from them."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from outrider.cli.reading import Reading

KEPT = 61
RECENT = 5  # a rate is that of so many seconds: those of one second jump
_BARS = " ▁▂▃▄▅▆▇█"


class History:
    """Of readings that were taken one after the other."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque(maxlen=KEPT)

    def note(self, reading: Reading) -> None:
        """Another reading."""
        self._readings.append(reading)

    @property
    def now(self) -> Reading:
        """The last reading."""
        return self._readings[-1]

    @property
    def _before(self) -> Reading:
        return self._readings[max(0, len(self._readings) - 1 - RECENT)]

    def rate(self, counter: str) -> float:
        """By how much one of the counters grows in a second."""
        return _rate(self._before, self.now, counter)

    def growth(self, queue: str) -> float:
        """By how many jobs a queue grows in a second; less than 0 where it shrinks."""
        seconds = self.now.at - self._before.at
        before = self._before.stats.queues.get(queue)
        if not seconds or before is None:
            return 0.0
        return (self.now.stats.queues[queue].size - before.size) / seconds

    def picture(self) -> str:
        """How many jobs ran in each second of the last minute, as bars."""
        each = [_rate(before, after, "processed") for before, after in pairwise(self._readings)]
        most = max(each, default=0.0) or 1.0
        # The smallest bar is for few, none for nothing.
        return "".join(_BARS[-int(-rate * 8 // most)] for rate in each)


def _rate(before: Reading, after: Reading, counter: str) -> float:
    if after.at == before.at:
        return 0.0
    grown: float = getattr(after.stats, counter) - getattr(before.stats, counter)
    return max(0.0, grown / (after.at - before.at))  # less where somebody reset them
