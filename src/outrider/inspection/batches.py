"""`app.batches`: the batches that are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from outrider import cursor
from outrider.batch import Batch
from outrider.errors import ConfigError, CursorError
from outrider.hub import Flow, Hub
from outrider.inspection.collection import check_limit
from outrider.script import BYTES, Call
from outrider.standing import not_found
from outrider.status import BatchStatus
from outrider.store import batch as store
from outrider.store import look
from outrider.tally import BatchRecord

BatchState = Literal["live", "dead"]


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


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Some batches. `next` is where the next page begins, None at the end."""

    records: list[BatchRecord]
    next: str | None


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

    def page(
        self, limit: int = 50, after: str | None = None, state: BatchState = "live"
    ) -> BatchPage:
        """Up to `limit` batches (1,000 at most), in one round trip, with the numbers of each.

        They come after the page whose `next` is given as `after`. `state` is "live": not settled,
        the longest untouched first; or "dead": with dead members now, the newest death first. What
        is touched between two pages may come again ("live"), or be missed ("dead"): it has changed
        its place. Raises CursorError for what is no cursor of this.
        """
        return self._hub.perform(self._page(limit, after, state))

    async def apage(
        self, limit: int = 50, after: str | None = None, state: BatchState = "live"
    ) -> BatchPage:
        """The same for asyncio."""
        return await self._hub.aperform(self._page(limit, after, state))

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

    def _page(self, limit: int, after: str | None, state: BatchState) -> Flow[BatchPage]:
        check_limit(limit)
        if state not in get_args(BatchState):
            raise ConfigError(f"state must be live or dead, not {state!r}")
        score, last = ("0", "") if after is None else _mark(after, state)
        found: look.Catalogue = yield look.catalogue(
            self._hub.keys,
            dead=int(state == "dead"),
            score=score,
            last=last,
            limit=limit,
            bytes=BYTES,
        )
        records = [
            BatchRecord(one.bid, one.fields, one.expires_at)
            for one in found.listed
            if "v" in one.fields
        ]
        if state == "dead":
            records = [record for record in records if record.dead]
        end = found.listed[-1] if found.has_more else None
        return BatchPage(records, end and cursor.write(state, end.score, end.bid))

    def _open(self, bid: str) -> Flow[Batch]:
        fields = yield store.read(self._hub.keys, bid)
        if "v" not in fields:
            raise not_found(bid)
        return Batch(self._hub, bid=bid)


def _mark(after: str, state: BatchState) -> tuple[str, str]:
    of, score, bid = cursor.read(after, tuple[str, str, str])
    if of != state or not cursor.is_number(score) or not bid:
        raise CursorError(f"{after[:100]!r} is no cursor of {state} batches: leave it out to begin")
    return score, bid
