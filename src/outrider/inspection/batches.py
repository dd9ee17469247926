"""`app.batches`: the batches that are known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from outrider.batch import Batch
from outrider.client import Flow
from outrider.status import BatchStatus, not_found
from outrider.store import batch as store

if TYPE_CHECKING:
    from outrider.app import App


class Batches:
    """All batches by id; iterating gives the statuses of those that are not settled."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __getitem__(self, bid: str) -> BatchStatus:
        status = self.get(bid)
        if status is None:
            raise not_found(bid)
        return status

    def get(self, bid: str) -> BatchStatus | None:
        """The status of a batch; None when it is unknown or has expired."""
        return self._app.perform(BatchStatus.flow(self._app, bid))

    async def aget(self, bid: str) -> BatchStatus | None:
        """The same for asyncio."""
        return await self._app.aperform(BatchStatus.flow(self._app, bid))

    def open(self, bid: str) -> Batch:
        """A batch to add callbacks or jobs to; BatchNotFound when it is unknown."""
        return self._app.perform(self._open(bid))

    async def aopen(self, bid: str) -> Batch:
        """The same for asyncio."""
        return await self._app.aperform(self._open(bid))

    def __contains__(self, bid: object) -> bool:
        return isinstance(bid, str) and self.get(bid) is not None

    def __len__(self) -> int:
        return len(self._app.perform(store.live(self._app.keys)))

    def __iter__(self) -> Iterator[BatchStatus]:
        for bid in self._app.perform(store.live(self._app.keys)):
            if (status := self.get(bid)) is not None:
                yield status

    async def __aiter__(self) -> AsyncIterator[BatchStatus]:
        for bid in await self._app.aperform(store.live(self._app.keys)):
            if (status := await self.aget(bid)) is not None:
                yield status

    def _open(self, bid: str) -> Flow[Batch]:
        fields = yield store.read(self._app.keys, bid)
        if "v" not in fields:
            raise not_found(bid)
        return Batch(self._app, bid=bid)
