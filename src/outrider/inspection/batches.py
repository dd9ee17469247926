"""`app.batches`: the batches that are known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from outrider.batch import Batch
from outrider.hub import Flow, Hub
from outrider.standing import not_found
from outrider.status import BatchStatus
from outrider.store import batch as store


class DeadBatches:
    """Batches that have dead members now, settled or not, the newest death first."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __iter__(self) -> Iterator[BatchStatus]:
        for bid in self._hub.perform(store.with_dead(self._hub.keys)):
            status = self._hub.perform(BatchStatus.flow(self._hub, bid))
            if status is not None and status.dead:
                yield status

    async def __aiter__(self) -> AsyncIterator[BatchStatus]:
        for bid in await self._hub.aperform(store.with_dead(self._hub.keys)):
            status = await self._hub.aperform(BatchStatus.flow(self._hub, bid))
            if status is not None and status.dead:
                yield status


class Batches:
    """All batches by id; iterating gives the statuses of those that are not settled."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.dead = DeadBatches(hub)

    def __getitem__(self, bid: str) -> BatchStatus:
        status = self.get(bid)
        if status is None:
            raise not_found(bid)
        return status

    def get(self, bid: str) -> BatchStatus | None:
        """The status of a batch; None when it is unknown or has expired."""
        return self._hub.perform(BatchStatus.flow(self._hub, bid))

    async def aget(self, bid: str) -> BatchStatus | None:
        """The same for asyncio."""
        return await self._hub.aperform(BatchStatus.flow(self._hub, bid))

    def open(self, bid: str) -> Batch:
        """A batch to add callbacks or jobs to; BatchNotFound when it is unknown."""
        return self._hub.perform(self._open(bid))

    async def aopen(self, bid: str) -> Batch:
        """The same for asyncio."""
        return await self._hub.aperform(self._open(bid))

    def __contains__(self, bid: object) -> bool:
        return isinstance(bid, str) and self.get(bid) is not None

    def __len__(self) -> int:
        return len(self._hub.perform(store.live(self._hub.keys)))

    def __iter__(self) -> Iterator[BatchStatus]:
        for bid in self._hub.perform(store.live(self._hub.keys)):
            if (status := self.get(bid)) is not None:
                yield status

    async def __aiter__(self) -> AsyncIterator[BatchStatus]:
        for bid in await self._hub.aperform(store.live(self._hub.keys)):
            if (status := await self.aget(bid)) is not None:
                yield status

    def _open(self, bid: str) -> Flow[Batch]:
        fields = yield store.read(self._hub.keys, bid)
        if "v" not in fields:
            raise not_found(bid)
        return Batch(self._hub, bid=bid)
