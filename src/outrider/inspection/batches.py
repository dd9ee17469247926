"""`app.batches`: the batches that are known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from outrider import cursor
from outrider.batch import Batch
from outrider.errors import ConfigError, CursorError
from outrider.hub import Flow, Hub
from outrider.inspection.collection import check_limit
from outrider.inspection.counted import Counted
from outrider.keys import Keys
from outrider.script import BYTES, Call
from outrider.standing import not_found
from outrider.status import BatchStatus
from outrider.store import batch as store
from outrider.store import look
from outrider.tally import BatchRecord

BatchState = Literal["live", "dead"]
_IDS = 1000


class Listing:
    """Batches that the server lists; iterating reads their statuses one by one."""

    _state: BatchState

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __iter__(self) -> Iterator[BatchStatus]:
        for bid in self._hub.perform(self._listed()):
            status = self._hub.perform(BatchStatus.flow(self._hub, bid))
            if status is not None and _belongs(status, self._state):
                yield status

    async def __aiter__(self) -> AsyncIterator[BatchStatus]:
        for bid in await self._hub.aperform(self._listed()):
            status = await self._hub.aperform(BatchStatus.flow(self._hub, bid))
            if status is not None and _belongs(status, self._state):
                yield status

    def _listed(self) -> Flow[list[str]]:
        """Their ids, read from the longest untouched on: who is touched meanwhile comes again."""
        found: dict[str, None] = {}
        page, score, last = look.Catalogue(True, []), "0", ""
        while page.has_more:
            page = yield _catalogue(self._hub.keys, self._state, score, last, _IDS)
            for one in page.listed:
                found.pop(one.bid, None)
                found[one.bid] = None
                score, last = one.score, one.bid
        return [*reversed(found)] if self._state == "dead" else [*found]


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Some batches. `next` is where the next page begins, None at the end."""

    records: list[BatchRecord]
    next: str | None


class DeadBatches(Listing):
    """Batches that have dead members now, settled or not, the newest death first."""

    _state = "dead"


class Batches(Listing, Counted):
    """All batches by id; iterating gives the statuses of those that are not settled, and these are
    counted.
    """

    _state = "live"

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
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

    def _count(self) -> Call[int]:
        return look.live(self._hub.keys)

    def _page(self, limit: int, after: str | None, state: BatchState) -> Flow[BatchPage]:
        check_limit(limit)
        if state not in get_args(BatchState):
            raise ConfigError(f"state must be live or dead, not {state!r}")
        score, last = ("0", "") if after is None else _mark(after, state)
        found: look.Catalogue = yield _catalogue(
            self._hub.keys, state, score, last, limit, newest=int(state == "dead"), full=1
        )
        records = [
            BatchRecord(one.bid, one.fields, one.expires_at)
            for one in found.listed
            if "v" in one.fields
        ]
        records = [record for record in records if _belongs(record, state)]
        end = found.listed[-1] if found.has_more else None
        return BatchPage(records, end and cursor.write(state, end.score, end.bid))

    def _open(self, bid: str) -> Flow[Batch]:
        fields = yield store.read(self._hub.keys, bid)
        if "v" not in fields:
            raise not_found(bid)
        return Batch(self._hub, bid=bid)


def _belongs(record: BatchRecord, state: BatchState) -> bool:
    """Who has been repaired is still listed among those with dead members."""
    return state == "live" or record.dead > 0


def _catalogue(
    keys: Keys, state: BatchState, score: str, last: str, limit: int, newest: int = 0, full: int = 0
) -> Call[look.Catalogue]:
    return look.catalogue(
        keys,
        dead=int(state == "dead"),
        newest=newest,
        full=full,
        score=score,
        last=last,
        limit=limit,
        bytes=BYTES,
    )


def _mark(after: str, state: BatchState) -> tuple[str, str]:
    of, score, bid = cursor.read(after, tuple[str, str, str])
    if of != state or not cursor.is_number(score) or not bid:
        raise CursorError(f"{after[:100]!r} is no cursor of {state} batches: leave it out to begin")
    return score, bid
