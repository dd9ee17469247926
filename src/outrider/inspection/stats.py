"""`app.stats`: numbers of now, and of the days before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from outrider import clock
from outrider.errors import ConfigError
from outrider.hub import Flow, Hub
from outrider.inspection.processes import whole
from outrider.inspection.queues import QueueReading, latency, waited
from outrider.store import overview as store
from outrider.store.overview import NOWHERE, Overview

MOST_DAYS = 5 * 366
"""How long counts of a day are kept."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of one moment. `processed` counts executions, failed ones included.

    `expired` counts jobs and callbacks whose time had passed before their first run. `held` are
    jobs that are paused by their name. `latency` is the longest of all queues, in seconds.
    """

    processed: int
    failed: int
    expired: int
    enqueued: int
    scheduled: int
    retries: int
    dead: int
    held: int
    processes: int
    busy: int
    latency: float


@dataclass(frozen=True, slots=True)
class StatsReading(Numbers):
    """Numbers of one moment, and each queue by its name, sorted."""

    queues: dict[str, QueueReading] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Day:
    """What was counted on one UTC day. `processed` counts executions, failed ones included."""

    date: date
    processed: int
    failed: int
    expired: int


class Stats:
    """`app.stats`: each attribute reads anew; `read` gives all of one moment."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def read(self) -> StatsReading:
        """All numbers, in one round trip; one more for each further 250 queues or workers."""
        return self._hub.perform(self._read())

    async def aread(self) -> StatsReading:
        """The same for asyncio."""
        return await self._hub.aperform(self._read())

    @property
    def latency(self) -> float:
        """For how many seconds the job has waited that waits longest at the head of its queue."""
        return self.read().latency

    async def alatency(self) -> float:
        """The same for asyncio."""
        return (await self.aread()).latency

    @property
    def queues(self) -> dict[str, QueueReading]:
        """Each queue by its name: its size, latency and whether it is paused, all at once."""
        return self.read().queues

    async def aqueues(self) -> dict[str, QueueReading]:
        """The same for asyncio."""
        return (await self.aread()).queues

    def history(self, days: int = 30) -> list[Day]:
        """What was counted on the last `days` UTC days, five years at most; today is the last.

        Days before anything was counted are there, with zeros. Raises ConfigError for fewer than
        one day, or more than are kept.
        """
        return self._hub.perform(self._history(days))

    async def ahistory(self, days: int = 30) -> list[Day]:
        """The same for asyncio."""
        return await self._hub.aperform(self._history(days))

    def __getattr__(self, name: str) -> int:
        if name not in Numbers.__slots__:
            raise AttributeError(f"stats has no {name!r}")
        return int(getattr(self.read(), name))

    def _read(self) -> Flow[StatsReading]:
        first: Overview = yield store.page(self._hub.keys)
        views = {view.name: view for view in first.queues}
        busy, page = dict(first.busy), first
        while page.next_queues != NOWHERE or page.next_workers != NOWHERE:
            page = yield store.page(self._hub.keys, page.next_queues, page.next_workers)
            views |= {view.name: view for view in page.queues}
            busy |= page.busy
        queues: dict[str, QueueReading] = {}
        for name, view in sorted(views.items()):
            # One that was too large to be looked at with all the others is asked for by itself.
            is_unseen = view.size > 0 and not view.first
            since = (yield from latency(self._hub.keys, name)) if is_unseen else waited(view.first)
            queues[name] = QueueReading(view.size, since, view.paused)
        processed, failed, expired = first.counted
        return StatsReading(
            processed,
            failed,
            expired,
            sum(queue.size for queue in queues.values()),
            first.scheduled,
            first.retries,
            first.dead,
            sum(one.size for one in first.held),
            len(busy),
            sum(map(whole, busy.values())),
            max((queue.latency for queue in queues.values()), default=0.0),
            queues,
        )

    def _history(self, days: int) -> Flow[list[Day]]:
        if not 1 <= days <= MOST_DAYS:
            raise ConfigError(f"days must be 1 to {MOST_DAYS:,}, not {days!r}")
        today = clock.utc(clock.now()).date()
        dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
        found: list[Day] = []
        for at in range(0, days, store.DAYS):
            part = dates[at : at + store.DAYS]
            counts = yield store.days(self._hub.keys, [one.isoformat() for one in part])
            found += (Day(one, *count) for one, count in zip(part, counts, strict=True))
        return found
