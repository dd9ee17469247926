"""`app.queues` and `app.stats`: first numbers; the whole inspection API stands on these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from outrider.hub import Flow, Hub
from outrider.store import process, queue, schedule


class Queue:
    """One queue, whether anything was ever pushed to it or not."""

    def __init__(self, hub: Hub, name: str) -> None:
        self._hub = hub
        self.name = name

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    @property
    def size(self) -> int:
        """How many jobs wait."""
        return self._hub.perform(queue.size(self._hub.keys, self.name))

    async def asize(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(queue.size(self._hub.keys, self.name))


class Queues(Mapping[str, Queue]):
    """All queues by name. Any name may be asked for; iterating gives those pushed to."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __getitem__(self, name: str) -> Queue:
        return Queue(self._hub, name)

    def __iter__(self) -> Iterator[str]:
        names: list[str] = self._hub.perform(queue.names(self._hub.keys))
        return iter(names)

    def __len__(self) -> int:
        return len(self._hub.perform(queue.names(self._hub.keys)))


@dataclass(frozen=True, slots=True)
class StatsReading:
    """Numbers of one moment. `processed` counts executions, failed ones included."""

    processed: int
    failed: int
    enqueued: int
    scheduled: int
    retries: int
    dead: int
    processes: int
    busy: int


class Stats:
    """`app.stats`: each attribute reads anew; `read` gives all of one moment."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def read(self) -> StatsReading:
        """All numbers."""
        return self._hub.perform(self._read())

    async def aread(self) -> StatsReading:
        """The same for asyncio."""
        return await self._hub.aperform(self._read())

    def __getattr__(self, name: str) -> int:
        if name not in StatsReading.__slots__:
            raise AttributeError(f"stats has no {name!r}")
        return int(getattr(self.read(), name))

    def _read(self) -> Flow[StatsReading]:
        keys = self._hub.keys
        processed = yield process.counter(keys, "processed")
        failed = yield process.counter(keys, "failed")
        enqueued = 0
        for name in (yield queue.names(keys)):
            enqueued += yield queue.size(keys, name)
        scheduled = yield schedule.size(keys, "schedule")
        retries = yield schedule.size(keys, "retry")
        dead = yield schedule.size(keys, "dead")
        processes = busy = 0
        for identity in (yield process.identities(keys)):
            running = yield process.busy(keys, identity)
            processes += running is not None
            busy += running or 0
        return StatsReading(processed, failed, enqueued, scheduled, retries, dead, processes, busy)
