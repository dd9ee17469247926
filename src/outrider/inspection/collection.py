"""What queues and sets have in common: jobs in an order, read in pages, acted on one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import msgspec

from outrider.clock import now_ms
from outrider.errors import ConfigError, Kill
from outrider.events import MAX_NAME, JobEvent
from outrider.hub import Flow, Hub
from outrider.inspection.counted import Counted
from outrider.inspection.record import JobRecord, read
from outrider.script import Call
from outrider.status import FailedJob
from outrider.store import place as store
from outrider.store import queue
from outrider.store.place import PAGE, SLICE, Entry, Place
from outrider.walk import Walk


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs of a place. `next` is where the next page begins, None at the end.

    It is a text for URLs, made of positions, times and ids.
    """

    records: list[JobRecord]
    next: str | None


class Collection(Counted):
    """Jobs in a place. Iterating gives their records, the one that is taken first at first.

    Jobs of large blocks that are still on their way there belong to it. Iterating goes on page by
    page, so what comes and goes meanwhile may be seen or not.
    """

    def __init__(self, hub: Hub, place: Place) -> None:
        super().__init__(hub)
        self._place = place

    def __iter__(self) -> Iterator[JobRecord]:
        walk = Walk(self._hub.keys, self._place)
        while entries := self._hub.perform(walk.step()):
            yield from map(self._read, entries)

    async def __aiter__(self) -> AsyncIterator[JobRecord]:
        walk = Walk(self._hub.keys, self._place)
        while entries := await self._hub.aperform(walk.step()):
            for entry in entries:
                yield self._read(entry)

    def page(self, limit: int = 50, after: str | None = None) -> Page:
        """Up to `limit` jobs (1,000 at most), in one round trip: fewer where they are large.

        They come after the page whose `next` is given as `after`, or from the beginning. A page
        costs the same at any depth. Of what is taken, deleted or pushed between two pages nobody
        else is hidden, or shown twice, as long as some of the last that were shown are there and
        not more than 300 jobs both went before them and came behind. Raises CursorError for what is
        no cursor of this.
        """
        return self._hub.perform(self._page(limit, after))

    async def apage(self, limit: int = 50, after: str | None = None) -> Page:
        """The same for asyncio."""
        return await self._hub.aperform(self._page(limit, after))

    def find(self, jid: str) -> JobRecord | None:
        """The job of this id, or None. Its place is read in pages from the beginning."""
        return self._hub.perform(self._record(jid))

    async def afind(self, jid: str) -> JobRecord | None:
        """The same for asyncio."""
        return await self._hub.aperform(self._record(jid))

    def delete(self, jid: str) -> bool:
        """Delete a job, and tell its batch; False when it is not there.

        It lies in `app.trash` for ten minutes. A member counts as deleted: its batch can't succeed
        any more. A dead one stays dead.
        """
        return self._hub.perform(self._remove(jid, "trash"))

    async def adelete(self, jid: str) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._remove(jid, "trash"))

    def kill(self, jid: str) -> bool:
        """Move a job to the dead set, and tell its batch; False when it is not there."""
        return self._hub.perform(self._remove(jid, "dead"))

    async def akill(self, jid: str) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._remove(jid, "dead"))

    def clear(self) -> int:
        """Delete as many jobs as there are now, for good, and tell their batches; how many it were.

        It goes in slices, after what is on its way has arrived. Callbacks that this causes to be
        pushed are not deleted by it.
        """
        return self._hub.perform(self._clear())

    async def aclear(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(self._clear())

    def _count(self) -> Call[int]:
        return store.size(self._hub.keys, self._place)

    def _read(self, entry: Entry) -> JobRecord:
        return read(entry.payload, entry.score, self._place)

    def _page(self, limit: int, after: str | None) -> Flow[Page]:
        check_limit(limit)
        walk = Walk(self._hub.keys, self._place, after)
        entries = yield from walk.page(count=limit)
        return Page([*map(self._read, entries)], None if walk.is_over else walk.cursor())

    def _record(self, jid: str) -> Flow[JobRecord | None]:
        found: Entry | None = yield from self._find(jid)
        return None if found is None else self._read(found)

    def _find(self, jid: str) -> Flow[Entry | None]:
        walk = Walk(self._hub.keys, self._place)
        while jid and (entries := (yield from walk.step([jid.encode()]))):
            for entry in entries:
                if read(entry.payload).jid == jid:
                    return entry
        return None

    def _remove(self, jid: str, to: str) -> Flow[bool]:
        # One that is found, and then not there, was taken or is far from there: it is sought again.
        while found := (yield from self._find(jid)):
            if to == self._place.kind:
                return True
            now = now_ms()
            removed = yield store.remove(
                self._hub.keys,
                place=self._place.kind,
                name=self._place.name,
                payload=found.payload,
                at=found.at,
                to=to,
                failure=note(read(found.payload), now) if to == "dead" else "",
                now=now,
            )
            if removed:
                tell(self._hub, "job.killed" if to == "dead" else "job.deleted", found.payload)
                return True
        return False

    def _arrive(self) -> Flow[None]:
        """Have all that is on its way here now arrive."""
        names = set((yield queue.moving(self._hub.keys)))
        while {name for name in names if self._place.is_goal(name)}:
            yield queue.move_slice(self._hub.keys)
            names &= set((yield queue.moving(self._hub.keys)))

    def _clear(self) -> Flow[int]:
        # What arrived later would lie behind callbacks pushed meanwhile, and these are to stay.
        yield from self._arrive()
        left: int = yield store.lying(self._hub.keys, self._place)
        cleared = 0
        while left > 0:
            slice_of = store.clear(
                self._hub.keys,
                place=self._place.kind,
                name=self._place.name,
                limit=min(left, SLICE),
                now=now_ms(),
            )
            deleted = yield slice_of
            cleared, left = cleared + deleted, left - deleted if deleted else 0
        return cleared


def check_limit(limit: int) -> None:
    """Raise ConfigError unless a page may have so many."""
    if not 1 <= limit <= PAGE:
        raise ConfigError(f"limit must be 1 to {PAGE:,}, not {limit!r}")


def tell(hub: Hub, name: str, payload: bytes) -> None:
    """Tell what somebody has done to a job."""
    if hub.events.of[name]:
        found = read(payload)
        event = JobEvent(
            name,
            now_ms() / 1000,
            found.jid[:MAX_NAME],
            found.job[:MAX_NAME],
            found.queue[:MAX_NAME],
            found.bid and found.bid[:MAX_NAME],
            1 if found.retry_count is None else found.retry_count + 2,
            kept=name == "job.killed",
        )
        hub.events.tell(event)


def note(record: JobRecord, now: int) -> str:
    """What is noted of a member that is moved to the dead set; `now` in ms."""
    failed = FailedJob(
        jid=record.jid,
        job=record.job,
        error_class=record.error_class or f"{Kill.__module__}.{Kill.__qualname__}",
        error_message=record.error_message or "killed by hand",
        failed_at=now / 1000,
    )
    return msgspec.json.encode(failed).decode()
