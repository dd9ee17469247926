"""What queues and sets have in common: jobs in an order, read in pages, acted on one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec

from outrider.clock import now_ms
from outrider.errors import Kill
from outrider.hub import Flow, Hub
from outrider.inspection.record import JobRecord, read
from outrider.status import FailedJob
from outrider.store import place as store
from outrider.store.place import PAGE, SLICE, Entry, Place


class Walk:
    """Reads a place page by page, the job that would be taken first at first.

    What is taken away or put in front meanwhile moves all the others: each page is therefore asked
    for with the room of the last one before it, and goes on after the jobs known from there.
    """

    def __init__(self, hub: Hub, place: Place) -> None:
        self._hub = hub
        self._place = place
        self._position = 0
        self._last: set[bytes] = set()

    def step(self) -> Flow[list[Entry]]:
        """The next jobs, PAGE at most; none at the end."""
        start = max(0, self._position - PAGE)
        found = yield store.page(self._hub.keys, self._place, start, 2 * PAGE)
        if not found and start:
            # More was taken away than a page: what is left lies at the beginning.
            start, self._last = 0, set()
            found = yield store.page(self._hub.keys, self._place, 0, PAGE)
        known = [at for at, entry in enumerate(found, 1) if entry.payload in self._last]
        first = known[-1] if known else 0
        fresh: list[Entry] = found[first : first + PAGE]
        if fresh:
            self._position = start + first + len(fresh)
            self._last = {entry.payload for entry in fresh}
        return fresh


class Collection:
    """Jobs in a place. Iterating gives their records, the one that is taken first at first.

    It goes on page by page, so what comes and goes meanwhile may be seen or not.
    """

    def __init__(self, hub: Hub, place: Place) -> None:
        self._hub = hub
        self._place = place

    def __iter__(self) -> Iterator[JobRecord]:
        walk = Walk(self._hub, self._place)
        while entries := self._hub.perform(walk.step()):
            yield from (read(*entry) for entry in entries)

    async def __aiter__(self) -> AsyncIterator[JobRecord]:
        walk = Walk(self._hub, self._place)
        while entries := await self._hub.aperform(walk.step()):
            for entry in entries:
                yield read(*entry)

    def find(self, jid: str) -> JobRecord | None:
        """The job of this id, or None. Its place is read in pages from the beginning."""
        return self._hub.perform(self._find(jid))

    async def afind(self, jid: str) -> JobRecord | None:
        """The same for asyncio."""
        return await self._hub.aperform(self._find(jid))

    def delete(self, jid: str) -> bool:
        """Delete a job, and tell its batch; False when it is not there.

        A member counts as deleted: its batch can't succeed any more. A dead one stays dead.
        """
        return self._hub.perform(self._remove(jid, ""))

    async def adelete(self, jid: str) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._remove(jid, ""))

    def kill(self, jid: str) -> bool:
        """Move a job to the dead set, and tell its batch; False when it is not there."""
        return self._hub.perform(self._remove(jid, "dead"))

    async def akill(self, jid: str) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._remove(jid, "dead"))

    def clear(self) -> int:
        """Delete as many jobs as there are now, and tell their batches; how many it were.

        It goes in slices. Callbacks that this causes to be pushed are not deleted by it.
        """
        return self._hub.perform(self._clear())

    async def aclear(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(self._clear())

    def _find(self, jid: str) -> Flow[JobRecord | None]:
        walk = Walk(self._hub, self._place)
        while entries := (yield from walk.step()):
            for entry in entries:
                # Others may write a jid with escapes: reading finds these too.
                if jid.encode() in entry.payload or b"\\" in entry.payload:
                    record = read(*entry)
                    if jid and record.jid == jid:
                        return record
        return None

    def _remove(self, jid: str, to: str) -> Flow[bool]:
        record = yield from self._find(jid)
        if record is None:
            return False
        if to == self._place.kind:
            return True
        now = now_ms()
        removed: bool = yield store.remove(
            self._hub.keys,
            place=self._place.kind,
            name=self._place.name,
            payload=record.raw,
            to=to,
            failure=note(record, now) if to else "",
            now=now,
        )
        return removed

    def _clear(self) -> Flow[int]:
        left: int = yield store.size(self._hub.keys, self._place)
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
