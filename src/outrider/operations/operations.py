"""`app.operations`: what is done to all jobs that match a filter, tracked and cancellable."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import NamedTuple

from outrider.errors import ConfigError, CursorError
from outrider.hub import Flow, Hub
from outrider.operations.operation import Operation, Wish, begin, not_found
from outrider.operations.record import VERBS, Verb, is_sound
from outrider.options import positive_number
from outrider.search.parse import parse
from outrider.store import operation as store
from outrider.store.operation import Fields

__all__ = ["Operation", "OperationPage", "Operations"]

PAGE, MOST = 50, 200
_ID = re.compile("[0-9a-f]{16}")


class OperationPage(NamedTuple):
    """Operations, the newest first, and where the next page begins; None at the end."""

    operations: list[Operation]
    next: str | None


class Operations:
    """All operations of the last days by id; iterating gives them, the newest first."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def start(
        self,
        verb: Verb,
        filter: str,
        *,
        expect: int | None = None,
        as_of: datetime | None = None,
        key: str | None = None,
        by: str = "",
    ) -> Operation:
        """Begin to "delete", "retry" or "kill" all jobs that match a filter (see docs/search.md).

        Workers do it in steps; `run()` does it here. What is deleted lies in `app.trash` for ten
        minutes. To retry means jobs that failed: retrying and dead ones; those of the schedule only
        where the filter names no other state. Jobs that came to where they lie after `as_of` (now)
        are left alone. It ends as failed before it touches more than `expect` jobs. Asked for once
        more with the same `key`, it is not begun again. `by` says who did it. Raises FilterError,
        and ConfigError for a wrong option or a key that was used for something else.
        """
        return self._hub.perform(self._start(Wish(verb, filter, expect, as_of, key, by)))

    async def astart(
        self,
        verb: Verb,
        filter: str,
        *,
        expect: int | None = None,
        as_of: datetime | None = None,
        key: str | None = None,
        by: str = "",
    ) -> Operation:
        """The same for asyncio."""
        return await self._hub.aperform(self._start(Wish(verb, filter, expect, as_of, key, by)))

    def get(self, id: str) -> Operation | None:
        """The operation of this id; None when it is unknown, or forgotten: a week after its end."""
        return self._hub.perform(self._get(id))

    async def aget(self, id: str) -> Operation | None:
        """The same for asyncio."""
        return await self._hub.aperform(self._get(id))

    def __getitem__(self, id: str) -> Operation:
        found = self.get(id)
        if found is None:
            raise not_found(id)
        return found

    def page(self, limit: int = PAGE, after: str | None = None) -> OperationPage:
        """Up to `limit` operations (MOST at most), the newest first; `after` is the `next` of the
        page before.
        """
        return self._hub.perform(self._page(limit, after))

    async def apage(self, limit: int = PAGE, after: str | None = None) -> OperationPage:
        """The same for asyncio."""
        return await self._hub.aperform(self._page(limit, after))

    def __iter__(self) -> Iterator[Operation]:
        after: str | None = ""
        while after is not None:
            found, after = self.page(after=after)
            yield from found

    async def __aiter__(self) -> AsyncIterator[Operation]:
        after: str | None = ""
        while after is not None:
            found, after = await self.apage(after=after)
            for one in found:
                yield one

    def _start(self, wish: Wish) -> Flow[Operation]:
        _check(wish)
        return Operation(self._hub, (yield from begin(self._hub, wish)))

    def _get(self, id: str) -> Flow[Operation | None]:
        fields: Fields = yield store.read(self._hub.keys, id)
        return Operation(self._hub, fields) if is_sound(fields) else None

    def _page(self, limit: int, after: str | None) -> Flow[OperationPage]:
        if after and not _ID.fullmatch(after):
            raise CursorError(f"{after[:100]!r} is no cursor of operations: leave it out to begin")
        found: store.Recent = yield store.recent(
            self._hub.keys, after=after or "", count=min(positive_number("limit", limit), MOST)
        )
        operations = [Operation(self._hub, one) for one in found.operations if is_sound(one)]
        return OperationPage(operations, found.after)


def _check(wish: Wish) -> None:
    verb, filter, expect, as_of, key, by, _ = wish
    if verb not in VERBS or verb == "undo":
        raise ConfigError(f"an operation is to delete, retry or kill, not {verb!r}")
    if not parse(filter).terms:
        raise ConfigError("an operation needs a filter; job:* means all jobs")
    if expect is not None and (type(expect) is not int or expect < 0):
        raise ConfigError(f"expect must be a number of jobs, not {expect!r}")
    if as_of is not None and getattr(as_of, "tzinfo", None) is None:
        raise ConfigError(f"as_of must be an aware datetime (one with a time zone), not {as_of!r}")
    for name, value in (("key", "" if key is None else key), ("by", by)):
        if type(value) is not str:
            raise ConfigError(f"{name} must be a text, not {value!r}")
