"""Batches: jobs that belong together, and callbacks for when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Token
from enum import Enum
from types import TracebackType
from typing import Any, Self

import msgspec

from outrider import callbacks, clock
from outrider.client import Load, open_block
from outrider.context import blocks, running
from outrider.errors import BatchFinished, EnqueueError
from outrider.hub import Flow, Hub
from outrider.ids import EVENTS, FIRST_CALLBACK, member_jid, new_bid
from outrider.options import check_queue, clean_tags
from outrider.payload import Draft
from outrider.script import Call
from outrider.status import not_found
from outrider.store import batch as store

MAX_BLOCK = 5000
RESERVE = 64


class Inherit(Enum):
    """The parent of a batch that is given none: the batch that it is made in, if any."""

    INHERIT = "inherit"


INHERIT = Inherit.INHERIT


class Batch:
    """A batch being made or added to.

    Nothing is written before the first block of jobs is committed. `on` may be called at any time.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        bid: str | None = None,
        description: str | None = None,
        callback_queue: str | None = None,
        tags: Sequence[str] = (),
        parent: Inherit | None = INHERIT,
    ) -> None:
        self.hub = hub
        self.bid = bid or new_bid()
        self.description = description
        self.callback_queue = None if callback_queue is None else check_queue(callback_queue)
        self.tags = clean_tags(tags)
        self.exists = bid is not None
        self.parent = None if parent is None or self.exists else surrounding_bid(hub)
        self.numbered = 0
        self._callbacks: dict[str, list[str]] = {event: [] for event in EVENTS}

    def __repr__(self) -> str:
        return f"<Batch {self.bid}>"

    def on(self, event: str, target: Any, /, **options: Any) -> Batch:
        """Call `target` back at an event: complete, success, death or settled.

        `target` is a job of the app (called with status and the options as keywords), a class
        marked `@app.callbacks` (its method on_<event> gets status and the options as a dict), or
        the name of either. For an event that has fired, the callback is pushed at once. Raises
        ConfigError for a wrong event or target, TypeError for options that do not fit.
        """
        self.hub.perform(self._on(event, target, options))
        return self

    async def aon(self, event: str, target: Any, /, **options: Any) -> Batch:
        """The same for asyncio: once the batch exists, `on` writes to the server."""
        await self.hub.aperform(self._on(event, target, options))
        return self

    def jobs(self) -> Block:
        """A block, for `with` or `async with`: jobs enqueued inside belong to the batch.

        All are pushed in one atomic step at its end, and none if it is left by an exception.
        """
        return Block(self)

    def _on(self, event: str, target: Any, options: dict[str, Any]) -> Flow[None]:
        event = callbacks.check_event(event)
        found = self.hub.target(target, event)
        text = callbacks.encode(found, options, self.callback_queue)
        if not self.exists:
            self._callbacks[event].append(text)
            return
        answer = yield store.listen(
            self.hub.keys, bid=self.bid, event=event, callback=text, now=clock.now_ms()
        )
        if answer == store.UNKNOWN:
            raise not_found(self.bid)

    def fields(self) -> list[str | int]:
        """The batch's first fields, as the committing script takes them."""
        fields: list[str | int] = ["n", self.numbered]
        if self.description is not None:
            fields += ["description", self.description]
        if self.tags:
            fields += ["tags", msgspec.json.encode(self.tags).decode()]
        for event, texts in self._callbacks.items():
            if texts:
                fields += [f"callbacks:{event}", len(texts)]
            for index, text in enumerate(texts):
                fields += [f"cb:{event}:{index}", text]
        return fields


def surrounding_bid(hub: Hub) -> str | None:
    """The batch that code here is inside of: an open block's, the running job's or callback's."""
    block = open_block(hub)
    if block is not None:
        return str(block.batch.bid)
    job = running.get()
    return None if job is None or job.app is not hub else job.bid or job.callback_parent


def is_inside(hub: Hub, bid: str) -> bool:
    """Whether the code here is a member of the batch or a callback of its child: it adds always."""
    job = running.get()
    return job is not None and job.app is hub and bid in (job.bid, job.callback_parent)


class Block:
    """Jobs that are committed to a batch together.

    A block inside another one is committed with it.
    """

    def __init__(self, batch: Batch) -> None:
        self.hub = batch.hub
        self.batch = batch
        self.load = Load()
        self._first_queue = ""
        self._ranges: list[list[int]] = []
        self._free = 0
        self._inner: list[Block] = []
        self._token: Token[tuple[Any, ...]] | None = None
        self._ended = False

    def __enter__(self) -> Self:
        self._begin()
        return self

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._end(failed=error is not None)
        if error is None:
            self.hub.perform(self._commit())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._end(failed=error is not None)
        if error is None:
            await self.hub.aperform(self._commit())

    def number(self, draft: Draft) -> Flow[None]:
        """Make a draft a member: give it its number in the batch, and so its jid."""
        if self._ended:
            raise EnqueueError(f"the block of batch {self.batch.bid} has ended already")
        if self.load.count >= MAX_BLOCK:
            raise EnqueueError(f"a block holds at most {MAX_BLOCK:,} jobs: open another one")
        if not self._free:
            if self.batch.exists:
                free, first = RESERVE, (yield self._reserve())
                _check(first, self.batch.bid)
            else:
                free, first = MAX_BLOCK, self.batch.numbered
                self.batch.numbered += MAX_BLOCK
            # Other tasks may have come in between: only now does anything change.
            self._free = free
            self._ranges.append([first, 0])
        first, used = self._ranges[-1]
        if first + used >= FIRST_CALLBACK:
            raise EnqueueError(f"batch {self.batch.bid} is full")
        draft.bid = self.batch.bid
        draft.jid = member_jid(draft.bid, first + used)

    def _reserve(self) -> Call[int]:
        bid = self.batch.bid
        inside = is_inside(self.hub, bid)
        return store.reserve(self.hub.keys, bid=bid, count=RESERVE, inside=inside)

    def add(self, draft: Draft, payload: str, now: float) -> None:
        """Take a numbered and encoded draft in."""
        self._ranges[-1][1] += 1
        self._free -= 1
        self._first_queue = self._first_queue or draft.queue
        self.load.add(draft, payload, now)

    def _begin(self) -> None:
        if self._token is not None or self._ended:
            raise EnqueueError("a block is used once: call batch.jobs() again")
        job = running.get()
        if job is not None and job.callback_of == self.batch.bid:
            raise BatchFinished(
                f"a callback can't add to batch {self.batch.bid}, whose event called it"
            )
        self._token = blocks.set((*blocks.get(), self))

    def _end(self, *, failed: bool) -> None:
        self._ended = True
        if self._token is not None:
            blocks.reset(self._token)
        for first, count in self._ranges:
            # The next block of the same new batch goes on behind the last number used.
            if first + MAX_BLOCK == self.batch.numbered:
                self.batch.numbered = first if failed else first + count + count % 2

    def _commit(self) -> Flow[None]:
        outer = open_block(self.hub)
        if outer is not None:
            outer.take_in(self)
            return
        parts = [self, *self._inner]
        if sum(block.load.count for block in parts) > MAX_BLOCK:
            raise EnqueueError(
                f"nested blocks hold at most {MAX_BLOCK:,} jobs together: nothing was pushed"
            )
        load = Load()
        for block in parts:
            load.merge(block.load)
        committed = yield store.commit(
            self.hub.keys,
            batches=[block.part() for block in parts],
            queues=load.groups(),
            scheduled=load.scheduled,
            now=clock.now_ms(),
        )
        _check(committed.answer, committed.bid)
        for block in parts:
            block.batch.exists = True

    def take_in(self, inner: Block) -> None:
        """Commit another block, and those inside it, together with this one."""
        if self._ended:
            raise EnqueueError(f"the block of batch {self.batch.bid} has ended already")
        self._inner += [inner, *inner._inner]

    def part(self) -> store.Part:
        """What this block adds to its batch."""
        batch = self.batch
        fields = [] if batch.exists else batch.fields()
        ranges = [(first, count) for first, count in self._ranges if count]
        parent = batch.parent or ""
        inside = is_inside(self.hub, parent if fields else batch.bid)
        return store.Part(batch.bid, parent, fields, ranges, self._first_queue, inside)


def _check(answer: int, bid: str) -> None:
    if answer == store.UNKNOWN:
        raise not_found(bid)
    if answer == store.SETTLED:
        raise BatchFinished(f"batch {bid} is settled: nothing can be added any more")
