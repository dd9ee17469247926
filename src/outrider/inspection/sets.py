"""`app.scheduled`, `app.retries`, `app.dead`: the time-ordered sets."""

from __future__ import annotations

import msgspec

from outrider import payload
from outrider.clock import now_ms
from outrider.errors import BatchCancelled, UnreadablePayload
from outrider.hub import Flow, Hub
from outrider.inspection.collection import Collection, tell
from outrider.inspection.record import JobRecord, read
from outrider.store import place as store
from outrider.store.place import Entry, Place, SetName
from outrider.walk import Walk


class JobSet(Collection):
    """Jobs by time, the earliest first: due then, or in `app.dead` dead since."""

    def __init__(self, hub: Hub, name: SetName) -> None:
        super().__init__(hub, Place(name))

    def __repr__(self) -> str:
        return f"<JobSet {self._place.kind}>"

    def scan(self, text: str) -> list[JobRecord]:
        """All jobs whose payload holds this text anywhere."""
        return self._hub.perform(self._scan(text.encode()))

    async def ascan(self, text: str) -> list[JobRecord]:
        """The same for asyncio."""
        return await self._hub.aperform(self._scan(text.encode()))

    def retry(self, jid: str) -> bool:
        """Put a job on its queue now; False when it is not there.

        A try by hand does not count as one of its attempts, and clears its deadline. Raises
        BatchCancelled for a dead job of a cancelled batch, UnreadablePayload for what is no job.
        """
        return self._hub.perform(self._retry(jid))

    async def aretry(self, jid: str) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._retry(jid))

    def enqueue(self, jid: str) -> bool:
        """The same as `retry`."""
        return self.retry(jid)

    async def aenqueue(self, jid: str) -> bool:
        """The same for asyncio."""
        return await self.aretry(jid)

    def retry_all(self) -> int:
        """Put all jobs on their queues that may be; how many it were.

        Left are those that are no jobs, and dead ones of cancelled batches.
        """
        return self._hub.perform(self._retry_all())

    async def aretry_all(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(self._retry_all())

    def _scan(self, text: bytes) -> Flow[list[JobRecord]]:
        found: list[JobRecord] = []
        walk = Walk(self._hub.keys, self._place)
        while entries := (yield from walk.step([text], literally=True)):
            found += map(self._read, entries)
        return found

    def _retry(self, jid: str) -> Flow[bool]:
        found: Entry | None = yield from self._find(jid)
        return found is not None and (yield from self._requeue(read(found.payload)))

    def _retry_all(self) -> Flow[int]:
        left: int = yield store.size(self._hub.keys, self._place)
        walk, count = Walk(self._hub.keys, self._place), 0
        while left > 0 and (entries := (yield from walk.step())):
            for entry in entries[:left]:
                try:
                    count += yield from self._requeue(read(entry.payload))
                except (BatchCancelled, UnreadablePayload):
                    continue
            left -= len(entries)
        return count

    def _requeue(self, record: JobRecord) -> Flow[bool]:
        answer: int = yield store.requeue(
            self._hub.keys,
            place=self._place.kind,
            payload=record.raw,
            changed=self._changed(record),
            now=now_ms(),
        )
        if answer == store.CANCELLED:
            raise BatchCancelled(
                f"job {record.jid} can't be retried: its batch {record.bid}, or one above it, "
                "is cancelled"
            )
        if answer == store.NO_JOB:
            raise UnreadablePayload(f"{record.text[:100]!r} is no job")
        if answer == 1:
            tell(self._hub, "job.requeued", record.raw)
        return answer == 1

    def _changed(self, record: JobRecord) -> bytes:
        """The payload as it goes on; of a scheduled job nothing is to be reset."""
        if self._place.kind == "schedule":
            return record.raw
        try:
            return payload.by_hand(record.raw, record.retry_count).encode()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadablePayload(f"{record.text[:100]!r} is no job: {error}") from None
