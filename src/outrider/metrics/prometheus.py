"""What Prometheus asks for: all that was ever measured, and how things stand, as its text.

The numbers lie on the server, so whoever answers, and however often he starts anew, they go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from outrider.errors import ConfigError
from outrider.inspection.stats import StatsReading
from outrider.metrics.measured import BOUNDS, Histogram, Measured

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Each is a series of its own for each job: these are enough to tell 20 ms from 100.
_SHOWN = (0.001, 0.005, 0.02, 0.1, 0.5, 2.5, 13.0, 65.0, 335.0)
MOST_QUEUES = 1000


def render(stats: StatsReading, totals: dict[str, Measured]) -> str:
    """The text. Raises ConfigError when prometheus-client is not installed."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ModuleNotFoundError:
        raise ConfigError(
            "metrics for Prometheus need prometheus-client: pip install 'outrider[prometheus]'"
        ) from None
    registry = CollectorRegistry()
    registry.register(_Given([*_jobs(totals), *_queues(stats), *_all(stats)]))
    return generate_latest(registry).decode()


class _Given:
    """A collector of what was collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _jobs(totals: dict[str, Measured]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    runs = CounterMetricFamily("outrider_job_runs", "Runs that have ended.", labels=["job"])
    failed = CounterMetricFamily("outrider_job_failures", "Runs that have failed.", labels=["job"])
    ran = HistogramMetricFamily(
        "outrider_job_run_seconds", "For how long jobs have run.", labels=["job"]
    )
    waited = HistogramMetricFamily(
        "outrider_job_wait_seconds", "For how long jobs had lain on their queues.", labels=["job"]
    )
    for name, one in totals.items():
        runs.add_metric([name], one.count)
        failed.add_metric([name], one.failed)
        ran.add_metric([name], _buckets(one.run_times), one.seconds)
        waited.add_metric([name], _buckets(one.wait_times), one.waited)
    yield from (runs, failed, ran, waited)


def _buckets(times: Histogram) -> list[Any]:
    upto = dict(zip(BOUNDS, accumulate(times.counts), strict=False))
    return [*((str(bound), upto[bound]) for bound in _SHOWN), ("+Inf", times.count)]


def _queues(stats: StatsReading) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    size = GaugeMetricFamily("outrider_queue_jobs", "Jobs that wait on a queue.", labels=["queue"])
    latency = GaugeMetricFamily(
        "outrider_queue_latency_seconds",
        "For how long the next job of a queue has waited.",
        labels=["queue"],
    )
    paused = GaugeMetricFamily(
        "outrider_queue_paused", "Whether workers take no jobs from a queue.", labels=["queue"]
    )
    for name, one in islice(stats.queues.items(), MOST_QUEUES):
        size.add_metric([name], one.size)
        latency.add_metric([name], one.latency)
        paused.add_metric([name], one.paused)
    yield from (size, latency, paused)


def _all(stats: StatsReading) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    counters = (
        ("runs", "All runs, failed ones included.", stats.processed),
        ("failures", "All runs that have failed.", stats.failed),
        ("expired", "Jobs whose time had passed before their first run.", stats.expired),
    )
    for name, text, number in counters:
        yield CounterMetricFamily(f"outrider_{name}", text, value=number)
    gauges = (
        ("enqueued", "Jobs that wait on all queues.", stats.enqueued),
        ("scheduled", "Jobs that wait for their time.", stats.scheduled),
        ("retries", "Failed jobs that wait for their next attempt.", stats.retries),
        ("dead", "Jobs in the dead set.", stats.dead),
        ("held", "Jobs that are paused by their name.", stats.held),
        ("processes", "Workers that live.", stats.processes),
        ("busy", "Jobs that run.", stats.busy),
    )
    for name, text, number in gauges:
        yield GaugeMetricFamily(f"outrider_{name}", text, value=number)
