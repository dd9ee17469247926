"""`app.trash`: what was deleted, for ten minutes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from outrider.clock import now_ms, utc
from outrider.errors import CursorError, NotRestorable
from outrider.hub import Flow
from outrider.inspection.counted import Counted
from outrider.inspection.record import JobRecord, decode, read
from outrider.options import positive_number
from outrider.script import Call
from outrider.store import trash as store
from outrider.store.place import Place
from outrider.store.trash import LIFE, SLICE, Restored, Rummaged, Trashed

PAGE = 50
_CURSOR = re.compile("[0-9]{1,17}")


@dataclass(frozen=True, slots=True)
class TrashedJob:
    """A deleted job: where it lay, since when it is in the trash, and until when at least.

    `operation` is the id of the one that deleted it, None when somebody deleted it by hand.
    """

    record: JobRecord
    place: Place
    deleted_at: datetime
    expires_at: datetime
    operation: str | None

    @property
    def is_restorable(self) -> bool:
        """Whether it may go back: no member or callback of a batch, or dead before."""
        return self.place.kind == "dead" or not (
            self.record.bid or decode(self.record.raw).get("cb")
        )


class TrashPage(NamedTuple):
    """Deleted jobs, the newest first, and where the next page begins; None at the end."""

    jobs: list[TrashedJob]
    next: str | None


class Trash(Counted):
    """Deleted jobs, the last one first. What `clear()` deletes is not among them."""

    def page(self, limit: int = PAGE, after: str | None = None) -> TrashPage:
        """Up to `limit` jobs (SLICE at most); `after` is the `next` of the page before."""
        return self._hub.perform(self._page(limit, after))

    async def apage(self, limit: int = PAGE, after: str | None = None) -> TrashPage:
        """The same for asyncio."""
        return await self._hub.aperform(self._page(limit, after))

    def __iter__(self) -> Iterator[TrashedJob]:
        after: str | None = "+inf"
        while after is not None:
            found, after = self.page(SLICE, after)
            yield from found

    async def __aiter__(self) -> AsyncIterator[TrashedJob]:
        after: str | None = "+inf"
        while after is not None:
            found, after = await self.apage(SLICE, after)
            for one in found:
                yield one

    def find(self, jid: str) -> TrashedJob | None:
        """The job of this id that was deleted last, or None."""
        return self._hub.perform(self._find_record(jid))

    async def afind(self, jid: str) -> TrashedJob | None:
        """The same for asyncio."""
        return await self._hub.aperform(self._find_record(jid))

    def restore(self, jid: str) -> bool:
        """Put a job back where it lay, on a queue to its front; False when it is not here.

        Raises NotRestorable for a member or callback of a batch: the batch was told that it is
        deleted. One that was deleted from the dead set may go back there.
        """
        return self._hub.perform(self._restore(jid))

    async def arestore(self, jid: str) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._restore(jid))

    def restore_all(self) -> int:
        """Put all back that may go back; how many it were."""
        return self._hub.perform(self._restore_all())

    async def arestore_all(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(self._restore_all())

    def empty(self) -> int:
        """Delete all that lies here now, for good; how many it were."""
        return self._hub.perform(self._empty())

    async def aempty(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(self._empty())

    def _count(self) -> Call[int]:
        return store.size(self._hub.keys)

    def _page(self, limit: int, after: str | None) -> Flow[TrashPage]:
        if after not in (None, "+inf") and not _CURSOR.fullmatch(after or "+"):
            raise CursorError(f"{(after or '')[:100]!r} is no cursor of the trash")
        count = min(positive_number("limit", limit), SLICE)
        page: Rummaged = yield store.rummage(
            self._hub.keys, before=after or "+inf", count=count, operation=""
        )
        return TrashPage([_shown(one) for one in page.jobs], page.before)

    def _find(self, jid: str) -> Flow[Trashed | None]:
        before: str | None = "+inf"
        while jid and before is not None:
            page: Rummaged = yield store.rummage(
                self._hub.keys, before=before, count=SLICE, operation=""
            )
            for one in page.jobs:
                is_likely = jid.encode() in one.payload or b"\\" in one.payload
                if is_likely and read(one.payload).jid == jid:
                    return one
            before = page.before
        return None

    def _find_record(self, jid: str) -> Flow[TrashedJob | None]:
        found = yield from self._find(jid)
        return None if found is None else _shown(found)

    def _restore(self, jid: str) -> Flow[bool]:
        found = yield from self._find(jid)
        if found is None:
            return False
        restored: Restored = yield from self._put_back([found.at])
        if restored.refused:
            raise NotRestorable(
                f"job {jid} can't go back: it is a job of a batch, which was told that it is "
                "deleted; to be able to bring such a job back, kill it instead of deleting it"
            )
        return restored.restored == 1

    def _restore_all(self) -> Flow[int]:
        before: str | None = "+inf"
        number = 0
        while before is not None:
            page: Rummaged = yield store.rummage(
                self._hub.keys, before=before, count=SLICE, operation=""
            )
            restored: Restored = yield from self._put_back([one.at for one in page.jobs])
            number, before = number + restored.restored, page.before
        return number

    def _put_back(self, entries: list[int]) -> Flow[Restored]:
        restored: Restored = yield store.restore(
            self._hub.keys,
            id="",
            step=0,
            driver="",
            entries=entries,
            fields=[],
            ends="",
            now=now_ms(),
        )
        return restored

    def _empty(self) -> Flow[int]:
        before, number, removed = now_ms() + 1, 0, SLICE
        while removed == SLICE:
            removed = yield store.dispose(self._hub.keys, before=before, limit=SLICE)
            number += removed
        return number


def _shown(one: Trashed) -> TrashedJob:
    deleted_at = utc(one.at / 1e6)
    return TrashedJob(
        record=read(one.payload, float(one.score) if one.score else None),
        place=one.place,
        deleted_at=deleted_at,
        expires_at=deleted_at + timedelta(seconds=LIFE),
        operation=one.operation or None,
    )
