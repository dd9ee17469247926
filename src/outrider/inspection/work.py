"""`app.work`: the jobs that run now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime

import msgspec

from outrider import clock
from outrider.hub import Flow
from outrider.inspection.counted import Counted
from outrider.inspection.processes import roll_call
from outrider.inspection.record import JobRecord, State, moment, read
from outrider.keys import Keys
from outrider.store import board
from outrider.store.board import Boards

_LIMIT = 1000
_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RunRecord(JobRecord):
    """One running job, with what its payload said when it was taken.

    `process` is the identity of the worker, `slot` its place there: `child-slot`, with Ruby a
    thread. `started_at` is in whole seconds, by the clock of the worker's host.
    """

    process: str = ""
    slot: str = ""
    started_at: datetime | None = None

    @property
    def state(self) -> State:
        """Always running."""
        return "running"

    @property
    def attempt(self) -> int:
        """1 at the first run, 2 at the first retry, and so on."""
        return 1 if self.retry_count is None else self.retry_count + 2

    @property
    def elapsed(self) -> float:
        """For how many seconds it has run, by the clock here."""
        since = self.started_at
        return max(0.0, clock.now() - since.timestamp()) if since else 0.0


class Work(Counted):
    """The jobs that run now, on all workers, ours and Ruby's.

    Workers show what has run for half a second, within another, and what is shorter with each beat
    of 5 s (Ruby's: 10 s for all), so one that is shown may have ended. Iterating goes on page by
    page.
    """

    def __iter__(self) -> Iterator[RunRecord]:
        tour = Tour(self._hub.keys)
        while page := self._hub.perform(tour.step()):
            yield from page

    async def __aiter__(self) -> AsyncIterator[RunRecord]:
        tour = Tour(self._hub.keys)
        while page := await self._hub.aperform(tour.step()):
            for run in page:
                yield run

    def find(self, jid: str) -> RunRecord | None:
        """The run of the job of this id, or None."""
        return self._hub.perform(self._find(jid))

    async def afind(self, jid: str) -> RunRecord | None:
        """The same for asyncio."""
        return await self._hub.aperform(self._find(jid))

    def _count(self) -> Flow[int]:
        listed = yield from roll_call(self._hub.keys)
        return sum(one.shown for one in listed if one.says is not None)

    def _find(self, jid: str) -> Flow[RunRecord | None]:
        tour = Tour(self._hub.keys)
        while page := (yield from tour.step()):
            for run in page:
                if jid and run.jid == jid:
                    return run
        return None


class Tour:
    """Goes from worker to worker, and reads what they show."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._left: list[str] | None = None
        self._cursor = "0"
        self._told: set[tuple[str, str]] = set()

    def step(self) -> Flow[list[RunRecord]]:
        """The next page; empty at the end."""
        if self._left is None:
            listed = yield from roll_call(self._keys)
            self._left = [one.identity for one in listed if one.says is not None and one.shown]
        page: list[RunRecord] = []
        while self._left and not page:
            found: Boards = yield board.boards(
                self._keys,
                identities=self._left[: board.PAGE],
                cursor=self._cursor,
                limit=_LIMIT,
                bytes=_BYTES,
            )
            del self._left[: found.done]
            self._cursor = found.cursor
            # A board that is written anew meanwhile may be told from the beginning.
            new = [entry for entry in found.entries if entry[:2] not in self._told]
            self._told.update(entry[:2] for entry in new)
            page = [_read(*entry) for entry in new]
        return page


class _Entry(msgspec.Struct):
    """What a board says of a slot; nothing is promised of any of it."""

    payload: msgspec.Raw = msgspec.Raw(b"")
    run_at: msgspec.Raw = msgspec.Raw(b"")


def _read(process: str, slot: str, text: bytes) -> RunRecord:
    # Ours and today's Sidekiq have the payload as a text, old ones as an object.
    payload, started_at = text, None
    with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        entry = msgspec.json.decode(text.decode("utf-8", "replace"), type=_Entry)
        said = bytes(entry.payload)
        payload = msgspec.json.decode(said, type=str).encode() if said[:1] == b'"' else said
        started_at = moment(msgspec.json.decode(entry.run_at))
    job = read(payload)
    known = {field.name: getattr(job, field.name) for field in fields(JobRecord)}
    return RunRecord(**known, process=process, slot=slot, started_at=started_at)
