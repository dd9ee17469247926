"""`app.queues` and `app.stats`: first numbers; the whole inspection API stands on these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outrider.client import Flow
from outrider.store import process, queue, schedule

if TYPE_CHECKING:
    from outrider.app import App


class Queue:
    """One queue, whether anything was ever pushed to it or not."""

    def __init__(self, app: App, name: str) -> None:
        self._app = app
        self.name = name

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    @property
    def size(self) -> int:
        """How many jobs wait."""
        return self._app.perform(queue.size(self._app.keys, self.name))

    async def asize(self) -> int:
        """The same for asyncio."""
        return await self._app.aperform(queue.size(self._app.keys, self.name))


class Queues(Mapping[str, Queue]):
    """All queues by name. Any name may be asked for; iterating gives those pushed to."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __getitem__(self, name: str) -> Queue:
        return Queue(self._app, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._app.perform(queue.names(self._app.keys)))

    def __len__(self) -> int:
        return len(self._app.perform(queue.names(self._app.keys)))


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

    def __init__(self, app: App) -> None:
        self._app = app

    def read(self) -> StatsReading:
        """All numbers."""
        return self._app.perform(self._read())

    async def aread(self) -> StatsReading:
        """The same for asyncio."""
        return await self._app.aperform(self._read())

    def __getattr__(self, name: str) -> int:
        if name not in StatsReading.__slots__:
            raise AttributeError(f"stats has no {name!r}")
        return int(getattr(self.read(), name))

    def _read(self) -> Flow[StatsReading]:
        keys = self._app.keys
        processed = yield process.counter(keys, "processed")
        failed = yield process.counter(keys, "failed")
        sizes = []
        for name in (yield queue.names(keys)):
            sizes.append((yield queue.size(keys, name)))
        sets = []
        for kind in ("schedule", "retry", "dead"):
            sets.append((yield schedule.size(keys, kind)))  # type: ignore[arg-type]
        busy = []
        for identity in (yield process.identities(keys)):
            busy.append((yield process.busy(keys, identity)))
        alive = [number for number in busy if number is not None]
        return StatsReading(processed, failed, sum(sizes), *sets, len(alive), sum(alive))
