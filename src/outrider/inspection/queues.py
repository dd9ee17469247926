"""`app.queues`: what waits."""

from __future__ import annotations

from dataclasses import dataclass

from outrider import clock
from outrider.hub import Flow
from outrider.inspection.names import Named
from outrider.inspection.pausable import Pausable
from outrider.inspection.record import read
from outrider.keys import Keys
from outrider.script import Call, Look
from outrider.store import pauses, place, queue
from outrider.store.place import Line


@dataclass(frozen=True, slots=True)
class QueueReading:
    """One queue at one moment: jobs that wait, for how many seconds the next one has waited, and
    whether it is paused."""

    size: int
    latency: float
    paused: bool


class Queue(Pausable):
    """One queue, whether anything was ever pushed to it or not."""

    def read(self) -> QueueReading:
        """Size, latency and whether it is paused, in one round trip."""
        return self._hub.perform(self._look())

    async def aread(self) -> QueueReading:
        """The same for asyncio."""
        return await self._hub.aperform(self._look())

    @property
    def latency(self) -> float:
        """For how many seconds the next job has waited; 0.0 when there is none."""
        return self._hub.perform(latency(self._hub.keys, self.name))

    async def alatency(self) -> float:
        """The same for asyncio."""
        return await self._hub.aperform(latency(self._hub.keys, self.name))

    def _look(self) -> Look[QueueReading]:
        keys = self._hub.keys
        return Look(
            [_first(keys, self.name), pauses.is_paused(keys, self._place)],
            lambda found: QueueReading(found[0].total, waited(found[0].bundle.text), found[1]),
        )


class Queues(Named[Queue]):
    """All queues by name. Any name may be asked for; those pushed to are in it."""

    def __getitem__(self, name: str) -> Queue:
        return Queue(self._hub, "queue", name)

    def _known(self) -> Call[list[str]]:
        return queue.names(self._hub.keys)


def latency(keys: Keys, name: str) -> Flow[float]:
    """For how many seconds the next job of a queue has waited."""
    first: Line = yield _first(keys, name)
    return waited(first.bundle.text)


def _first(keys: Keys, name: str) -> Call[Line]:
    return place.queued(
        keys, place="queue", name=name, start=0, length=0, marks=[], ahead=1, limit=1, bytes=1
    )


def waited(payload: bytes) -> float:
    """For how many seconds a queued job has waited; 0.0 where it does not say."""
    since = read(payload).enqueued_at
    return max(0.0, clock.now() - since.timestamp()) if since else 0.0
