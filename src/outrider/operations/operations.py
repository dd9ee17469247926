"""`app.operations`: what is done to all jobs that match a filter, tracked and cancellable."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Generator, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from outrider.clock import now_ms
from outrider.errors import ConfigError, OperationNotFound
from outrider.hub import Flow, Hub
from outrider.operations.driving import drive
from outrider.operations.record import VERBS, Reading, Verb, reading
from outrider.options import positive_number
from outrider.search.parse import parse
from outrider.store import operation as store
from outrider.store.operation import Fields

POLLS = (0.02, 0.05, 0.1, 0.2, 0.5)
PAGE, MOST = 50, 200


class Operation:
    """One operation; it has the attributes of a `Reading`, as they were when it was read last.

    It is performed step by step by any worker, also when the one that began it is gone.
    """

    def __init__(self, hub: Hub, fields: Fields) -> None:
        self._hub = hub
        self.reading = reading(fields)

    def __getattr__(self, name: str) -> Any:
        if name not in Reading.__slots__:
            raise AttributeError(f"an operation has no {name!r}")
        return getattr(self.reading, name)

    def __repr__(self) -> str:
        now = self.reading
        return f"<Operation {now.id}: {now.verb} {now.filter!r}, {now.state}>"

    @property
    def is_over(self) -> bool:
        """Whether it is done, cancelled or failed."""
        return self.reading.state != "running"

    def refresh(self) -> Operation:
        """Read it again; returns itself. Raises OperationNotFound when it is known no more."""
        return self._hub.perform(self._refresh())

    async def arefresh(self) -> Operation:
        """The same for asyncio."""
        return await self._hub.aperform(self._refresh())

    def cancel(self) -> Operation:
        """Do no more of it; what is done stays done. One that is over stays as it is."""
        return self._hub.perform(self._cancel())

    async def acancel(self) -> Operation:
        """The same for asyncio."""
        return await self._hub.aperform(self._cancel())

    def join(self, timeout: float | None = None) -> Operation:
        """Wait until it is over; returns itself. Raises TimeoutError after `timeout` seconds."""
        for seconds in self._waits(timeout):
            time.sleep(seconds)
            self.refresh()
        return self

    async def ajoin(self, timeout: float | None = None) -> Operation:
        """The same for asyncio."""
        for seconds in self._waits(timeout):
            await asyncio.sleep(seconds)
            await self.arefresh()
        return self

    def run(self) -> Operation:
        """Perform it here, where no worker is to do it; returns itself when it is over."""
        return self._hub.perform(self._run())

    async def arun(self) -> Operation:
        """The same for asyncio."""
        return await self._hub.aperform(self._run())

    def undo(self, *, by: str = "") -> Operation:
        """Put back what it has deleted and is still in the trash, as an operation of its own.

        Members and callbacks of batches stay deleted, as their batches were told so; they are
        counted as refused. Raises ConfigError where it has not deleted anything: what was retried
        or killed can't be undone.
        """
        return self._hub.perform(self._undo(by))

    async def aundo(self, *, by: str = "") -> Operation:
        """The same for asyncio."""
        return await self._hub.aperform(self._undo(by))

    def _become(self, fields: Fields) -> Operation:
        if not fields:
            raise _not_found(self.reading.id)
        self.reading = reading(fields)
        return self

    def _refresh(self) -> Flow[Operation]:
        return self._become((yield store.read(self._hub.keys, self.reading.id)))

    def _cancel(self) -> Flow[Operation]:
        return self._become((yield store.halt(self._hub.keys, id=self.reading.id, now=now_ms())))

    def _run(self) -> Flow[Operation]:
        driver = _random_id()
        while not (yield from self._refresh()).is_over:
            yield from drive(self._hub.keys, self.reading.id, driver)
        return self

    def _undo(self, by: str) -> Flow[Operation]:
        if self.reading.verb != "delete":
            raise ConfigError(
                f"operation {self.reading.id} can't be undone: it is to {self.reading.verb}, and "
                "only what was deleted can go back"
            )
        if not (yield from self._refresh()).is_over:
            raise ConfigError(f"operation {self.reading.id} still runs: cancel it first, or wait")
        wish = _Wish("undo", self.reading.filter, None, now_ms(), None, by, self.reading.id)
        return Operation(self._hub, (yield from _begin(self._hub, wish)))

    def _waits(self, timeout: float | None) -> Generator[float, None, None]:
        deadline = None if timeout is None else time.monotonic() + timeout
        polls = iter(POLLS)
        while not self.is_over:
            left = POLLS[-1] if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self!r} is not over after {timeout} s")
            yield min(next(polls, POLLS[-1]), left)


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
        and ConfigError for a wrong verb or a key that was used for something else.
        """
        return self._hub.perform(self._start(_wish(verb, filter, expect, as_of, key, by)))

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
        return await self._hub.aperform(self._start(_wish(verb, filter, expect, as_of, key, by)))

    def get(self, id: str) -> Operation | None:
        """The operation of this id; None when it is unknown, or forgotten: a week after its end."""
        return self._hub.perform(self._get(id))

    async def aget(self, id: str) -> Operation | None:
        """The same for asyncio."""
        return await self._hub.aperform(self._get(id))

    def __getitem__(self, id: str) -> Operation:
        found = self.get(id)
        if found is None:
            raise _not_found(id)
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

    def _start(self, wish: _Wish) -> Flow[Operation]:
        return Operation(self._hub, (yield from _begin(self._hub, wish)))

    def _get(self, id: str) -> Flow[Operation | None]:
        fields: Fields = yield store.read(self._hub.keys, id)
        return Operation(self._hub, fields) if fields else None

    def _page(self, limit: int, after: str | None) -> Flow[OperationPage]:
        found: store.Recent = yield store.recent(
            self._hub.keys, after=after or "", count=min(positive_number("limit", limit), MOST)
        )
        operations = [Operation(self._hub, fields) for fields in found.operations]
        return OperationPage(operations, found.after)


class _Wish(NamedTuple):
    """What somebody asks for; `as_of` in ms."""

    verb: Verb
    filter: str
    expect: int | None
    as_of: int
    key: str | None
    by: str
    undoes: str = ""


def _wish(
    verb: Verb,
    filter: str,
    expect: int | None,
    as_of: datetime | None,
    key: str | None,
    by: str,
) -> _Wish:
    if verb not in VERBS or verb == "undo":
        raise ConfigError(f"an operation is to delete, retry or kill, not {verb!r}")
    if not parse(filter).terms:
        raise ConfigError("an operation needs a filter; job:* means all jobs")
    when = now_ms() if as_of is None else int(as_of.timestamp() * 1000)
    return _Wish(verb, filter, expect, when, key, by)


def _begin(hub: Hub, wish: _Wish) -> Flow[Fields]:
    id = _random_id() if wish.key is None else _id_of(wish.key)
    begun: Fields = {
        "v": "1",
        "id": id,
        "verb": wish.verb,
        "filter": wish.filter,
        "as_of": str(wish.as_of),
        "expect": "" if wish.expect is None else str(wish.expect),
        "by": wish.by,
        "undoes": wish.undoes,
        "state": "running",
        "step": "0",
        "started_at": str(now_ms()),
    }
    words: list[str | int] = [word for pair in begun.items() for word in pair]
    fields: Fields = yield store.begin(hub.keys, id=id, fields=words, now=now_ms())
    asked = (wish.verb, wish.filter)
    if (fields["verb"], fields["filter"]) != asked:
        raise ConfigError(
            f"the key {wish.key!r} was used to {fields['verb']} {fields['filter']!r}: "
            "another operation needs another key"
        )
    return fields


def _random_id() -> str:
    return os.urandom(8).hex()


def _id_of(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def _not_found(id: str) -> OperationNotFound:
    return OperationNotFound(f"operation {id} is unknown: it never was, or ended over a week ago")
