"""Histograms and what is made of the numbers on the server."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.metrics.measured import (
    BINS,
    BOUNDS,
    SUMS,
    Histogram,
    JobMetrics,
    Measured,
    Point,
    bin_of,
    together,
)

TIMES = st.floats(0, 1000)


def histogram(times: list[float]) -> Histogram:
    counts = [0] * BINS
    for time in times:
        counts[bin_of(time)] += 1
    return Histogram(tuple(counts))


def test_bounds_belong_to_their_bins() -> None:
    """A bin has its upper bound, and the last one has none."""
    assert [bin_of(bound) for bound in BOUNDS] == [*range(len(BOUNDS))]
    assert [bin_of(bound * 1.001) for bound in BOUNDS] == [*range(1, BINS)]
    assert (bin_of(0.0), bin_of(1e9)) == (0, BINS - 1)
    assert list(BOUNDS) == sorted(BOUNDS)


@given(st.lists(TIMES, min_size=1, max_size=60), st.sampled_from([0.0, 0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_in_the_bin_of_the_true_one(times: list[float], share: float) -> None:
    """As exact as the bins are; of the last one the lower bound is given."""
    true = sorted(times)[max(0, math.ceil(share * len(times)) - 1)]
    number = bin_of(true)
    found = histogram(times).quantile(share)
    assert found is not None
    low = BOUNDS[number - 1] if number else 0.0
    high = BOUNDS[number] if number < len(BOUNDS) else low
    assert low <= found <= high + 1e-9


def test_quantiles() -> None:
    """In between they are estimated by rank."""
    assert Histogram().p50 is None
    many = histogram([0.015] * 100)
    assert (many.p50, many.p95, many.p99) == pytest.approx((0.015, 0.0195, 0.0199))
    assert histogram([0.001] * 98 + [400.0] * 2).p99 == 335.0


def test_numbers_of_the_server_are_read() -> None:
    """Bins of a newer release, and halves of pairs, are left out."""
    numbers = [7, 2, 1_500_000, 250_000, 0, 4, 1, 5, 2 * (BINS - 1), 3, 999, 9, -1, 9, 4]
    found = Measured.read(numbers)
    assert (found.count, found.failed, found.seconds, found.waited) == (7, 2, 1.5, 0.25)
    assert found.run_times.counts == (4, *[0] * (BINS - 2), 3)
    assert found.wait_times.counts == (5, *[0] * (BINS - 1))
    assert Measured.read([1]) == Measured(1)
    assert SUMS == 4


def test_points_add_up() -> None:
    """A job's total is that of its points."""
    at = datetime(2026, 11, 22, tzinfo=UTC)
    points = [Point.read([1, 0, 10_000, 0, 6, 1], at=at), Point.read([2, 1, 0, 0, 6, 2], at=at)]
    job = JobMetrics("a", 60, points)
    assert (job.total.count, job.total.failed, job.total.seconds) == (3, 1, 0.01)
    assert job.total.run_times.count == 3
    assert points[0].at == at
    assert together([]) == Measured()
