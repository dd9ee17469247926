"""Numbers over time."""

from __future__ import annotations

import msgspec


class Day(msgspec.Struct, kw_only=True):
    """Executions that ended on one day, in UTC."""

    date: str
    processed: int
    failed: int
    expired: int


class History(msgspec.Struct, kw_only=True):
    """Days, the oldest first."""

    days: list[Day]


class Measured(msgspec.Struct, kw_only=True):
    """What runs came to: those that ended, failed ones among them, and times in seconds."""

    count: int
    failed: int
    seconds: float
    waited: float
    run_p50: float | None
    run_p95: float | None
    wait_p50: float | None
    wait_p95: float | None


class JobTotal(msgspec.Struct, kw_only=True):
    """What the runs of one job came to."""

    name: str
    total: Measured


class JobTotals(msgspec.Struct, kw_only=True):
    """All jobs of which a run has ended."""

    jobs: list[JobTotal]


class Point(Measured, kw_only=True):
    """The runs that ended in one minute or hour, which began `at`."""

    at: float


class JobSeries(msgspec.Struct, kw_only=True):
    """One job over time; `step` is the length of each point, in seconds.

    `run_times` and `wait_times` count the runs of all points by bin: up to each of `bounds`,
    seconds, and in the last one all that is more.
    """

    name: str
    step: int
    total: Measured
    points: list[Point]
    bounds: list[float]
    run_times: list[int]
    wait_times: list[int]


class QueuePoint(msgspec.Struct, kw_only=True):
    """A queue in one minute or hour: means, and the most that was seen. Latencies in seconds."""

    at: float
    size: float
    largest: int
    latency: float
    longest: float


class QueueSeries(msgspec.Struct, kw_only=True):
    """One queue over time; `step` is the length of each point, in seconds."""

    name: str
    step: int
    points: list[QueuePoint]


class QueueMetrics(msgspec.Struct, kw_only=True):
    """All queues over time."""

    queues: list[QueueSeries]


class Mark(msgspec.Struct, kw_only=True):
    """A moment that somebody has marked, such as a deploy."""

    at: float
    label: str


class Marks(msgspec.Struct, kw_only=True):
    """The newest marks, the oldest first."""

    marks: list[Mark]
