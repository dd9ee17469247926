"""`app.queues` and `app.stats`: what waits, and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from outrider import clock
from outrider.hub import Flow, Hub
from outrider.inspection.collection import Collection
from outrider.inspection.processes import roll_call, whole
from outrider.inspection.record import read
from outrider.keys import Keys
from outrider.store import place, process, queue
from outrider.store.place import Place


class Queue(Collection):
    """One queue, whether anything was ever pushed to it or not."""

    def __init__(self, hub: Hub, name: str) -> None:
        super().__init__(hub, Place("queue", name))
        self.name = name

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    @property
    def size(self) -> int:
        """How many jobs wait."""
        return self._hub.perform(place.size(self._hub.keys, self._place))

    async def asize(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(place.size(self._hub.keys, self._place))

    @property
    def latency(self) -> float:
        """For how many seconds the next job has waited; 0.0 when there is none."""
        return self._hub.perform(_latency(self._hub.keys, self.name))

    async def alatency(self) -> float:
        """The same for asyncio."""
        return await self._hub.aperform(_latency(self._hub.keys, self.name))

    @property
    def paused(self) -> bool:
        """Whether workers take no jobs from it."""
        return self._hub.perform(queue.is_paused(self._hub.keys, self.name))

    async def apaused(self) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(queue.is_paused(self._hub.keys, self.name))

    def pause(self) -> None:
        """Let workers take no jobs from it; what they have goes on."""
        self._hub.perform(place.pause(self._hub.keys, self.name))

    async def apause(self) -> None:
        """The same for asyncio."""
        await self._hub.aperform(place.pause(self._hub.keys, self.name))

    def resume(self) -> None:
        """Let workers take jobs from it again."""
        self._hub.perform(place.resume(self._hub.keys, self.name))

    async def aresume(self) -> None:
        """The same for asyncio."""
        await self._hub.aperform(place.resume(self._hub.keys, self.name))


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
    """Numbers of one moment. `processed` counts executions, failed ones included.

    `expired` counts jobs and callbacks whose time had passed before their first run. `latency` is
    the longest of all queues, in seconds.
    """

    processed: int
    failed: int
    expired: int
    enqueued: int
    scheduled: int
    retries: int
    dead: int
    processes: int
    busy: int
    latency: float


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

    @property
    def latency(self) -> float:
        """For how many seconds the job has waited that waits longest at the head of its queue."""
        return self.read().latency

    async def alatency(self) -> float:
        """The same for asyncio."""
        return (await self.aread()).latency

    def __getattr__(self, name: str) -> int:
        if name not in StatsReading.__slots__:
            raise AttributeError(f"stats has no {name!r}")
        return int(getattr(self.read(), name))

    def _read(self) -> Flow[StatsReading]:
        keys = self._hub.keys
        processed = yield process.counter(keys, "processed")
        failed = yield process.counter(keys, "failed")
        expired = yield process.counter(keys, "expired")
        enqueued, latency = 0, 0.0
        for name in (yield queue.names(keys)):
            enqueued += yield place.size(keys, Place("queue", name))
            latency = max(latency, (yield from _latency(keys, name)))
        scheduled = yield place.size(keys, Place("schedule"))
        retries = yield place.size(keys, Place("retry"))
        dead = yield place.size(keys, Place("dead"))
        living = [one.says for one in (yield from roll_call(keys)) if one.says is not None]
        processes, busy = len(living), sum(whole(says.get("busy")) for says in living)
        return StatsReading(
            processed, failed, expired, enqueued, scheduled, retries, dead, processes, busy, latency
        )


def _latency(keys: Keys, name: str) -> Flow[float]:
    first: place.Line = yield place.queued(
        keys, place="queue", name=name, start=0, length=0, marks=[], count=1
    )
    since = read(first.bundle.text).enqueued_at
    return max(0.0, clock.now() - since.timestamp()) if since else 0.0
