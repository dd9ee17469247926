"""What runs of jobs came to, as numbers: counts, sums, and histograms of times."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import accumulate
from typing import Any, Self

import msgspec

# In ms. Those from 20 on are the bounds of Sidekiq, so that charts can be compared.
_BOUNDS = (
    *(1, 2, 5, 10, 20, 30, 45, 65, 100, 150, 225, 335, 500, 750, 1100, 1700, 2500, 3800, 5750),
    *(8500, 13_000, 20_000, 30_000, 45_000, 65_000, 100_000, 150_000, 225_000, 335_000),
)
BOUNDS = tuple(bound / 1000 for bound in _BOUNDS)
"""Upper bounds of the bins of a histogram, in seconds; the last bin, after these, has none."""
BINS = len(BOUNDS) + 1
SUMS = 4
"""Numbers of runs on the server begin with: runs, failed ones, µs that they ran, and had waited.

Then come pairs: twice the number of a bin (and one more where it is of waiting), and a count.
"""
bin_of = partial(bisect_left, BOUNDS)
"""The bin of a histogram that a time in seconds falls in; no `def`, as each job asks for two."""
OTHERS = "other jobs"
"""Under this name is what has no name of its own: unknown jobs, and those beyond 1,000 names."""


class Histogram(msgspec.Struct, frozen=True, gc=False):
    """How many times were how long: `counts` by bin, each up to its bound in BOUNDS, seconds."""

    counts: tuple[int, ...] = (0,) * BINS

    @property
    def count(self) -> int:
        """How many times there are."""
        return sum(self.counts)

    @property
    def p50(self) -> float | None:
        """The median, in seconds; None when there is nothing."""
        return self.quantile(0.5)

    @property
    def p95(self) -> float | None:
        """The time, in seconds, that 95 % did not exceed; None when there is nothing."""
        return self.quantile(0.95)

    @property
    def p99(self) -> float | None:
        """The time, in seconds, that 99 % did not exceed; None when there is nothing."""
        return self.quantile(0.99)

    def quantile(self, share: float) -> float | None:
        """The time, in seconds, that this share (0 to 1) did not exceed; None without any.

        Within its bin it is estimated; of the last bin only the lower bound is known.
        """
        ends = list(accumulate(self.counts))
        if not ends[-1]:
            return None
        rank = share * ends[-1]
        number = bisect_left(ends, max(rank, 0.5))
        low = BOUNDS[number - 1] if number else 0.0
        if number == len(BOUNDS):
            return low
        inside = rank - (ends[number] - self.counts[number])
        return low + (BOUNDS[number] - low) * max(0.0, inside) / self.counts[number]


class Measured(msgspec.Struct, frozen=True, gc=False):
    """What runs came to. `count`: those that ended, `failed` ones among them, as in `app.stats`.

    `seconds` is for how long they ran in all, `waited` for how long they had lain on their queues
    before; `run_times` and `wait_times` say the same as histograms.
    """

    count: int = 0
    failed: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    run_times: Histogram = Histogram()
    wait_times: Histogram = Histogram()

    @classmethod
    def read(cls, numbers: Sequence[int], **more: Any) -> Self:
        """The numbers as they lie on the server; bins that a newer release has are left out."""
        ran, waited = [0] * BINS, [0] * BINS
        pairs = iter(numbers[SUMS:])
        for place, count in zip(pairs, pairs, strict=False):
            if 0 <= place < 2 * BINS:
                (waited if place & 1 else ran)[place >> 1] += count
        sums = numbers if len(numbers) >= SUMS else [*numbers, 0, 0, 0, 0]
        times = Histogram(tuple(ran)), Histogram(tuple(waited))
        return cls(sums[0], sums[1], sums[2] / 1e6, sums[3] / 1e6, *times, **more)


def together(parts: Iterable[Measured]) -> Measured:
    """What all these runs came to."""
    listed = list(parts)
    return Measured(
        sum(one.count for one in listed),
        sum(one.failed for one in listed),
        sum(one.seconds for one in listed),
        sum(one.waited for one in listed),
        _merged([one.run_times for one in listed]),
        _merged([one.wait_times for one in listed]),
    )


def _merged(histograms: list[Histogram]) -> Histogram:
    if not histograms:
        return Histogram()
    return Histogram(tuple(map(sum, zip(*(one.counts for one in histograms), strict=True))))


class Point(Measured, frozen=True, gc=False, kw_only=True):
    """What the runs of a job came to that ended in one minute or hour, which began `at`."""

    at: datetime


class JobMetrics(msgspec.Struct, frozen=True):
    """One job over time, the oldest point first; `step` is the length of each, in seconds.

    There is no point where no run ended.
    """

    name: str
    step: int
    points: list[Point]

    @property
    def total(self) -> Measured:
        """All points together."""
        return together(self.points)
