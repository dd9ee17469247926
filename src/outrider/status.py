"""The status of a batch: reading it, waiting for it, and what can be asked of it besides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from outrider import waiting
from outrider.errors import BatchUnfinished
from outrider.explain import explain
from outrider.forgetting import forget
from outrider.hub import Flow, Hub
from outrider.ids import member_jid
from outrider.reviving import retry_failed
from outrider.slots import pending
from outrider.standing import CallbackState, FailedJob, Standing, not_found
from outrider.store import look
from outrider.waiting import ALL, GAP, MILESTONES, POLL, Kind, Milestone, Watch

__all__ = ["BatchEvent", "BatchStatus", "CallbackState", "FailedJob", "not_found"]

PAGE = 1000


class BatchEvent(NamedTuple):
    """Something that happened to a batch, and how it stood then."""

    kind: Kind
    status: BatchStatus


class BatchStatus(Standing):
    """How a batch stands. Numbers are of its own jobs; times are aware datetimes or None.

    Made by `app.batches[bid]`; `refresh` reads it again.
    """

    def __init__(self, hub: Hub, bid: str, picture: look.Picture) -> None:
        super().__init__(bid, picture)
        self.hub = hub

    @classmethod
    def flow(cls, hub: Hub, bid: str) -> Flow[BatchStatus | None]:
        """Read a batch, in one round trip; None when it is unknown."""
        picture = yield look.picture(hub.keys, bid=bid)
        return cls(hub, bid, picture) if "v" in picture.fields else None

    def refresh(self) -> BatchStatus:
        """Read it again; returns itself. Raises BatchNotFound when it has expired meanwhile."""
        return self._become(self.hub.perform(self.flow(self.hub, self.bid)))

    async def arefresh(self) -> BatchStatus:
        """Read it again; returns itself. Raises BatchNotFound when it has expired meanwhile."""
        return self._become(await self.hub.aperform(self.flow(self.hub, self.bid)))

    def _become(self, other: BatchStatus | None) -> BatchStatus:
        if other is None:
            raise not_found(self.bid)
        self.see(other.picture)
        return self

    # -- waiting ----------------------------------------------------------------------------------

    def join(self, timeout: float | None = None, until: Milestone = "complete") -> BatchStatus:
        """Wait until the batch is complete, successful or settled; returns itself.

        Raises TimeoutError after `timeout` seconds, BatchFailed when success can't come any more
        or the batch is settled without it, BatchNotFound when it is forgotten meanwhile, and
        RuntimeError in a job or callback of the batch or of one below it: it waits for these.
        """
        self.hub.perform(waiting.not_from_inside(self.hub, self.bid))
        with self.hub.listener(self.bid) as listener:
            for seconds in waiting.waits(self, timeout, until):
                if seconds:
                    listener.wait(seconds, MILESTONES)
                self.refresh()
                self.hub.perform(waiting.check_below(self.hub, self, until))
        return self

    async def ajoin(
        self, timeout: float | None = None, until: Milestone = "complete"
    ) -> BatchStatus:
        """The same for asyncio."""
        await self.hub.aperform(waiting.not_from_inside(self.hub, self.bid))
        async with self.hub.async_listener(self.bid) as listener:
            for seconds in waiting.waits(self, timeout, until):
                if seconds:
                    await listener.wait(seconds, MILESTONES)
                await self.arefresh()
                await self.hub.aperform(waiting.check_below(self.hub, self, until))
        return self

    def watch(self) -> Iterator[BatchEvent]:
        """Events until the batch is settled: `progress`, at most 20 a second, and each milestone.

        It begins with how it stands now and what has come already. This status is kept up to date;
        each event has one of its own.
        """
        watch = Watch()
        with self.hub.listener(self.bid) as listener:
            while not watch.is_over:
                # Milestones are told at once; of progress, what comes within the gap is one event.
                _ = listener.wait(GAP, MILESTONES) or listener.wait(POLL, ALL)
                for kind in watch.news(self.refresh()):
                    yield BatchEvent(kind, self._copy())

    async def awatch(self) -> AsyncIterator[BatchEvent]:
        """The same for asyncio."""
        watch = Watch()
        async with self.hub.async_listener(self.bid) as listener:
            while not watch.is_over:
                _ = await listener.wait(GAP, MILESTONES) or await listener.wait(POLL, ALL)
                for kind in watch.news(await self.arefresh()):
                    yield BatchEvent(kind, self._copy())

    def _copy(self) -> BatchStatus:
        copy = BatchStatus(self.hub, self.bid, self.picture)
        copy.pace = self.pace
        return copy

    # -- its end ----------------------------------------------------------------------------------

    def delete(self, force: bool = False) -> None:
        """Forget the batch and those below it: nothing of them can be read any more.

        Its jobs are not deleted: those in the dead set run as plain jobs when they are brought
        back. Raises BatchUnfinished while anything of it may still move; with `force` it is
        cancelled then, and forgotten once it is settled and its last callback has ended.
        Deleting what is forgotten already does nothing.
        """
        self._deleted(self.hub.perform(forget(self.hub.keys, self.bid, force=force)))

    async def adelete(self, force: bool = False) -> None:
        """The same for asyncio."""
        self._deleted(await self.hub.aperform(forget(self.hub.keys, self.bid, force=force)))

    def _deleted(self, done: bool) -> None:
        if not done:
            raise BatchUnfinished(
                f"batch {self.bid} is not settled, or a callback of it has not ended: wait for it, "
                "or cancel and forget it by delete(force=True)"
            )

    # -- its members ------------------------------------------------------------------------------

    def pending_jids(self, limit: int = PAGE) -> list[str]:
        """Ids of members that are waiting, failing or dead now: the first `limit`.

        Raises BatchNotFound when it is forgotten meanwhile.
        """
        return self.hub.perform(self._pending_jids(limit))

    async def apending_jids(self, limit: int = PAGE) -> list[str]:
        """The same for asyncio."""
        return await self.hub.aperform(self._pending_jids(limit))

    def _pending_jids(self, limit: int) -> Flow[list[str]]:
        numbers = yield from pending(self.hub, self.bid, limit)
        if not numbers and (yield from self.flow(self.hub, self.bid)) is None:
            raise not_found(self.bid)
        return [member_jid(self.bid, number) for number in numbers]

    def retry_failed(self) -> int:
        """Bring back its dead jobs and callbacks, and run those now that wait for a retry.

        Only of this batch, not of those below it. A try by hand does not count as an attempt, and
        clears the deadline. Returns how many were put on their queues; what the dead set keeps no
        longer, or never did (`retry=False`), can't be. Both sets are searched through. Raises
        BatchNotFound, and BatchCancelled when the batch or one above it is cancelled.
        """
        return self.hub.perform(retry_failed(self.hub, self.bid))

    async def aretry_failed(self) -> int:
        """The same for asyncio."""
        return await self.hub.aperform(retry_failed(self.hub, self.bid))

    def explain(self) -> str:
        """In words, what the batch waits for: how many jobs, where, and of which children.

        Looks for them in bounded work, and says so where it ended.
        """
        return self.hub.perform(explain(self.hub, self.bid))

    async def aexplain(self) -> str:
        """The same for asyncio."""
        return await self.hub.aperform(explain(self.hub, self.bid))
