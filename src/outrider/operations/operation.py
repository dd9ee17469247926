"""One operation: how it stands, and what can be asked of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Generator
from datetime import datetime
from typing import Any, NamedTuple

from outrider.clock import now_ms
from outrider.errors import ConfigError, OperationNotFound
from outrider.hub import Flow, Hub
from outrider.operations.driving import drive
from outrider.operations.record import Reading, Verb, reading
from outrider.store import operation as store
from outrider.store.operation import Fields

POLLS = (0.02, 0.05, 0.1, 0.2, 0.5)


class Wish(NamedTuple):
    """What somebody asks for; without `as_of` it is as of now."""

    verb: Verb
    filter: str
    expect: int | None
    as_of: datetime | None
    key: str | None
    by: str
    undoes: str = ""


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
            raise not_found(self.reading.id)
        self.reading = reading(fields)
        return self

    def _refresh(self) -> Flow[Operation]:
        return self._become((yield store.read(self._hub.keys, self.reading.id)))

    def _cancel(self) -> Flow[Operation]:
        return self._become((yield store.halt(self._hub.keys, id=self.reading.id, now=now_ms())))

    def _run(self) -> Flow[Operation]:
        driver = _random_id()
        while not (yield from self._refresh()).is_over:
            yield from drive(self._hub.keys, self.reading.id, driver, now_ms)
        return self

    def _undo(self, by: str) -> Flow[Operation]:
        if self.reading.verb != "delete":
            raise ConfigError(
                f"operation {self.reading.id} can't be undone: it is to {self.reading.verb}, and "
                "only what was deleted can go back"
            )
        if not (yield from self._refresh()).is_over:
            raise ConfigError(f"operation {self.reading.id} still runs: cancel it first, or wait")
        wish = Wish("undo", self.reading.filter, None, None, None, by, self.reading.id)
        return Operation(self._hub, (yield from begin(self._hub, wish)))

    def _waits(self, timeout: float | None) -> Generator[float, None, None]:
        deadline = None if timeout is None else time.monotonic() + timeout
        polls = iter(POLLS)
        while not self.is_over:
            left = POLLS[-1] if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self!r} is not over after {timeout} s")
            yield min(next(polls, POLLS[-1]), left)


def begin(hub: Hub, wish: Wish) -> Flow[Fields]:
    """Begin it, unless its key has begun it before; how it stands."""
    id = _random_id() if wish.key is None else _id_of(wish.key)
    now = now_ms()
    begun: Fields = {
        "v": "1",
        "id": id,
        "verb": wish.verb,
        "filter": wish.filter,
        "as_of": str(now if wish.as_of is None else int(wish.as_of.timestamp() * 1000)),
        "expect": "" if wish.expect is None else str(wish.expect),
        "by": wish.by,
        "undoes": wish.undoes,
        "state": "running",
        "step": "0",
        "started_at": str(now),
    }
    words: list[str | int] = [word for pair in begun.items() for word in pair]
    fields: Fields = yield store.begin(hub.keys, id=id, fields=words, now=now)
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


def not_found(id: str) -> OperationNotFound:
    """The error that says so."""
    return OperationNotFound(f"operation {id} is unknown: it never was, or ended over a week ago")
