"""Metrics: jobs and queues over time, days, and marks."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict

from outrider.metrics.measured import BOUNDS
from outrider.metrics.measured import Measured as Found
from outrider.web.endpoint import endpoint
from outrider.web.shapes.base import Asked
from outrider.web.shapes.series import (
    Day,
    History,
    JobSeries,
    JobTotal,
    JobTotals,
    Mark,
    Marks,
    Measured,
    Point,
    QueueMetrics,
    QueuePoint,
    QueueSeries,
)
from outrider.web.showing import short
from outrider.web.visit import Visit

MOST_QUEUES = 200


class Over(Asked, kw_only=True):
    """For how long back: one of both, or an hour by minutes."""

    minutes: Annotated[int, Meta(ge=1, le=480)] | UnsetType = UNSET
    hours: Annotated[int, Meta(ge=1, le=168)] | UnsetType = UNSET

    @property
    def range(self) -> dict[str, int]:
        """As `app.metrics` takes it."""
        given = {"minutes": self.minutes, "hours": self.hours}
        return {name: value for name, value in given.items() if isinstance(value, int)}


class OneOver(Over, kw_only=True):
    """A job by its name, and for how long back."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class Days(Asked, kw_only=True):
    """How many days back, today included."""

    days: Annotated[int, Meta(ge=1, le=1830)] = 30


class Label(Asked, kw_only=True):
    """What to call this moment."""

    label: Annotated[str, Meta(min_length=1, max_length=100)]


@endpoint("GET", "/stats/history")
async def history(visit: Visit, ask: Days) -> History:
    """Executions by UTC day, today last; they are kept for five years."""
    found = await visit.app.stats.ahistory(ask.days)
    return History(
        days=[
            Day(
                date=str(one.date),
                processed=one.processed,
                failed=one.failed,
                expired=one.expired,
            )
            for one in found
        ]
    )


@endpoint("GET", "/metrics/jobs")
async def job_metrics(visit: Visit, ask: Over) -> JobTotals:
    """What the runs of each job came to in that time, by name."""
    found = await visit.app.metrics.ajobs(**ask.range)
    return JobTotals(
        jobs=[JobTotal(name=short(name), total=_measured(one.total)) for name, one in found.items()]
    )


@endpoint("GET", "/metrics/jobs/{name}")
async def one_job_metrics(visit: Visit, ask: OneOver) -> JobSeries:
    """The runs of one job over time; without points when none has ended."""
    found = await visit.app.metrics.ajob(ask.name, **ask.range)
    total = found.total
    return JobSeries(
        name=found.name,
        step=found.step,
        total=_measured(total),
        points=[Point(at=one.at.timestamp(), **_numbers(one)) for one in found.points],
        bounds=list(BOUNDS),
        run_times=list(total.run_times.counts),
        wait_times=list(total.wait_times.counts),
    )


@endpoint("GET", "/metrics/queues")
async def queue_metrics(visit: Visit, ask: Over) -> QueueMetrics:
    """Sizes and latencies of queues over time, by name: of the first 200."""
    found = list((await visit.app.metrics.aqueues(**ask.range)).values())[:MOST_QUEUES]
    return QueueMetrics(
        queues=[
            QueueSeries(
                name=short(one.name),
                step=one.step,
                points=[
                    QueuePoint(**{**asdict(point), "at": point.at.timestamp()})
                    for point in one.points
                ],
            )
            for one in found
        ]
    )


@endpoint("GET", "/marks")
async def marks(visit: Visit) -> Marks:
    """The newest marks, the oldest first."""
    found = await visit.app.metrics.amarks()
    return Marks(marks=[Mark(at=one.at.timestamp(), label=one.label) for one in found])


@endpoint("POST", "/marks", needs="marks.make")
async def make_mark(visit: Visit, body: Label) -> Mark:
    """Mark this moment, such as a deploy; the same label within a minute is one mark."""
    made = await visit.app.metrics.amark(body.label)
    return Mark(at=made.at.timestamp(), label=made.label)


def _measured(found: Found) -> Measured:
    return Measured(**_numbers(found))


def _numbers(found: Found) -> dict[str, Any]:
    return {
        **{name: getattr(found, name) for name in ("count", "failed", "seconds", "waited")},
        "run_p50": found.run_times.p50,
        "run_p95": found.run_times.p95,
        "wait_p50": found.wait_times.p50,
        "wait_p95": found.wait_times.p95,
    }
