"""`app.metrics`: runs of jobs by minute and hour, queues over time, and marks."""

from __future__ import annotations

from datetime import datetime

from outrider import clock
from outrider.errors import ConfigError
from outrider.hub import Hub
from outrider.inspection.stats import Stats
from outrider.metrics import looks, prometheus
from outrider.metrics.looks import Range
from outrider.metrics.measured import JobMetrics, Measured
from outrider.metrics.sampled import Mark, QueueMetrics
from outrider.script import Call
from outrider.store import metrics as store

MAX_LABEL = 100


class Metrics:
    """What workers have measured. Each reading is one round trip.

    A range is `minutes=` (up to 480) or `hours=` (up to 168); without one it is an hour, by
    minutes. The minute or hour that is now belongs to it. A run is counted some five seconds after
    its end, in the minute in which that was. Raises ConfigError for another range.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def jobs(
        self, *, minutes: int | None = None, hours: int | None = None
    ) -> dict[str, JobMetrics]:
        """All jobs of which a run has ended, by name, sorted.

        Jobs that are registered nowhere, and those beyond 1,000 names, are "other jobs".
        """
        return self._hub.perform(looks.jobs(self._hub.keys, Range.of(minutes, hours)))

    async def ajobs(
        self, *, minutes: int | None = None, hours: int | None = None
    ) -> dict[str, JobMetrics]:
        """The same for asyncio."""
        return await self._hub.aperform(looks.jobs(self._hub.keys, Range.of(minutes, hours)))

    def job(self, name: str, *, minutes: int | None = None, hours: int | None = None) -> JobMetrics:
        """One job; without points when no run of it has ended."""
        return self._hub.perform(looks.job(self._hub.keys, Range.of(minutes, hours), name))

    async def ajob(
        self, name: str, *, minutes: int | None = None, hours: int | None = None
    ) -> JobMetrics:
        """The same for asyncio."""
        return await self._hub.aperform(looks.job(self._hub.keys, Range.of(minutes, hours), name))

    def queues(
        self, *, minutes: int | None = None, hours: int | None = None
    ) -> dict[str, QueueMetrics]:
        """All queues, as a worker has found them once a minute, by name, sorted."""
        return self._hub.perform(looks.queues(self._hub.keys, Range.of(minutes, hours)))

    async def aqueues(
        self, *, minutes: int | None = None, hours: int | None = None
    ) -> dict[str, QueueMetrics]:
        """The same for asyncio."""
        return await self._hub.aperform(looks.queues(self._hub.keys, Range.of(minutes, hours)))

    def queue(
        self, name: str, *, minutes: int | None = None, hours: int | None = None
    ) -> QueueMetrics:
        """One queue."""
        return self._hub.perform(looks.queue(self._hub.keys, Range.of(minutes, hours), name))

    async def aqueue(
        self, name: str, *, minutes: int | None = None, hours: int | None = None
    ) -> QueueMetrics:
        """The same for asyncio."""
        return await self._hub.aperform(looks.queue(self._hub.keys, Range.of(minutes, hours), name))

    def totals(self) -> dict[str, Measured]:
        """All runs that were ever measured, by job, sorted."""
        return self._hub.perform(looks.totals(self._hub.keys))

    async def atotals(self) -> dict[str, Measured]:
        """The same for asyncio."""
        return await self._hub.aperform(looks.totals(self._hub.keys))

    def marks(self) -> list[Mark]:
        """The newest 1,000 marks, the oldest first."""
        return self._hub.perform(looks.marks(self._hub.keys))

    async def amarks(self) -> list[Mark]:
        """The same for asyncio."""
        return await self._hub.aperform(looks.marks(self._hub.keys))

    def prometheus(self) -> str:
        """All of now and all that was ever measured, in the text format of Prometheus.

        Raises ConfigError when prometheus-client is not installed.
        """
        return prometheus.render(Stats(self._hub).read(), self.totals())

    async def aprometheus(self) -> str:
        """The same for asyncio."""
        return prometheus.render(await Stats(self._hub).aread(), await self.atotals())

    def mark(self, label: str, at: datetime | None = None) -> Mark:
        """Mark a moment, now by default, with up to 100 characters, such as a release.

        The same label within a minute is one mark: each host of a deploy may say it. Raises
        ConfigError for another label, or a datetime without a time zone.
        """
        return _made(label, self._hub.perform(self._marking(label, at)))

    async def amark(self, label: str, at: datetime | None = None) -> Mark:
        """The same for asyncio."""
        return _made(label, await self._hub.aperform(self._marking(label, at)))

    def _marking(self, label: str, at: datetime | None) -> Call[int]:
        text = str(label)
        if text != label or not text.isprintable() or not 0 < len(text) <= MAX_LABEL:
            raise ConfigError(
                f"{label!r} is no label: use 1 to {MAX_LABEL} characters that can be printed"
            )
        if at is not None and at.tzinfo is None:
            raise ConfigError(f"{at!r} has no time zone: give an aware datetime")
        when = clock.now_ms() if at is None else int(at.timestamp() * 1000)
        return store.mark(self._hub.keys, label=label, at=when)


def _made(label: str, at: int) -> Mark:
    return Mark(clock.utc(at / 1000), label)
