"""`app.queues`: what waits."""

from __future__ import annotations

from outrider import clock
from outrider.hub import Flow, Hub
from outrider.inspection.collection import Collection
from outrider.inspection.names import Named
from outrider.inspection.record import read
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import place, queue
from outrider.store.place import Place


class Queue(Collection):
    """One queue, whether anything was ever pushed to it or not."""

    def __init__(self, hub: Hub, name: str) -> None:
        super().__init__(hub, Place("queue", name))
        self.name = name

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    @property
    def latency(self) -> float:
        """For how many seconds the next job has waited; 0.0 when there is none."""
        return self._hub.perform(latency(self._hub.keys, self.name))

    async def alatency(self) -> float:
        """The same for asyncio."""
        return await self._hub.aperform(latency(self._hub.keys, self.name))

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


class Queues(Named[Queue]):
    """All queues by name. Any name may be asked for; those pushed to are in it."""

    def __getitem__(self, name: str) -> Queue:
        return Queue(self._hub, name)

    def _known(self) -> Call[list[str]]:
        return queue.names(self._hub.keys)


def latency(keys: Keys, name: str) -> Flow[float]:
    """For how many seconds the next job of a queue has waited."""
    first: place.Line = yield place.queued(
        keys, place="queue", name=name, start=0, length=0, marks=[], ahead=1, limit=1, bytes=1
    )
    return waited(first.bundle.text)


def waited(payload: bytes) -> float:
    """For how many seconds a queued job has waited; 0.0 where it does not say."""
    since = read(payload).enqueued_at
    return max(0.0, clock.now() - since.timestamp()) if since else 0.0
