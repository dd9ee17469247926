"""`app.batches`: the batches that are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator

from outrider.batch import Batch
from outrider.hub import Flow, Hub
from outrider.script import Call
from outrider.standing import not_found
from outrider.status import BatchStatus
from outrider.store import batch as store


class Listing(ABC):
    """Batches that the server lists; iterating reads their statuses one by one."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    @abstractmethod
    def _listed(self) -> Call[list[str]]:
        """Their ids."""

    def _belongs(self, status: BatchStatus) -> bool:  # noqa: ARG002 - what is listed, as a rule
        return True

    def __iter__(self) -> Iterator[BatchStatus]:
        for bid in self._hub.perform(self._listed()):
            status = self._hub.perform(BatchStatus.flow(self._hub, bid))
            if status is not None and self._belongs(status):
                yield status

    async def __aiter__(self) -> AsyncIterator[BatchStatus]:
        for bid in await self._hub.aperform(self._listed()):
            status = await self._hub.aperform(BatchStatus.flow(self._hub, bid))
            if status is not None and self._belongs(status):
                yield status


class DeadBatches(Listing):
    """Batches that have dead members now, settled or not, the newest death first."""

    def _listed(self) -> Call[list[str]]:
        return store.with_dead(self._hub.keys)

    def _belongs(self, status: BatchStatus) -> bool:
        return status.dead > 0


class Batches(Listing):
    """All batches by id; iterating gives the statuses of those that are not settled."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self.dead = DeadBatches(hub)

    def _listed(self) -> Call[list[str]]:
        return store.live(self._hub.keys)

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
        return len(self._hub.perform(self._listed()))

    def _open(self, bid: str) -> Flow[Batch]:
        fields = yield store.read(self._hub.keys, bid)
        if "v" not in fields:
            raise not_found(bid)
        return Batch(self._hub, bid=bid)
