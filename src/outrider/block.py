"""Blocks: `with batch.jobs()`, whose jobs are committed together or not at all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import Any, Protocol, Self

from outrider import clock
from outrider.client import Load, open_block, open_outbox, tell
from outrider.context import blocks, running
from outrider.delivery import PARTLY, deliver, insist
from outrider.errors import BatchCancelled, BatchFinished, EnqueueError, NotDurable, StoreError
from outrider.hub import Flow, Hub
from outrider.ids import FIRST_CALLBACK, member_jid
from outrider.payload import Draft
from outrider.staging import Staging
from outrider.status import not_found
from outrider.store import batch as store

NUMBERS = 5000
RESERVE, MOST = 64, 1 << 14


class Filled(Protocol):
    """A batch, as far as a block that fills it knows.

    `numbered` is the first number that no block of a batch yet to be made has taken.
    """

    hub: Hub
    bid: str
    parent: str | None
    exists: bool
    numbered: int

    def fields(self) -> list[str | int | float]:
        """The batch's first fields, as the committing script takes them."""
        ...


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


def check_adder(bid: str) -> None:
    """Raise BatchFinished in a callback of the batch itself: its event has fired."""
    job = running.get()
    if job is not None and job.callback_of == bid:
        raise BatchFinished(f"a callback can't add to batch {bid}, whose event called it")


class Block:
    """Jobs that are committed to a batch together.

    A block inside another one is committed with it. What is too much for one script is staged on
    the server in chunks as it comes, where it is nobody's job before the commit.
    """

    def __init__(self, batch: Filled, durability: str | None = None) -> None:
        self.hub = batch.hub
        self.batch = batch
        self.load = Load(durability or batch.hub.durability)
        # Also that of a block without jobs.
        self.load.wishes.add(self.load.durability)
        self.staging = Staging()
        self._first_queue = ""
        self._ranges: list[list[int]] = []
        self._free = 0
        self._inner: list[Block] = []
        self.thread = 0
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
        elif not isinstance(error, StoreError):
            with suppress(StoreError):
                self.hub.perform(self.staging.drop(self.hub))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._end(failed=error is not None)
        if error is None:
            await self.hub.aperform(self._commit())
        elif not isinstance(error, StoreError):
            with suppress(StoreError):
                await self.hub.aperform(self.staging.drop(self.hub))

    def number(self, draft: Draft) -> Flow[None]:
        """Make a draft a member: give it its number in the batch, and so its jid."""
        self._check_open()
        if self._is_full() or self.staging.is_old():
            yield from self._stage()
        if not self._free:
            yield from self._take_numbers()
        self._check_open()
        first, used = self._ranges[-1]
        if first + used >= FIRST_CALLBACK:
            raise EnqueueError(f"batch {self.batch.bid} is full")
        draft.bid = self.batch.bid
        draft.jid = member_jid(draft.bid, first + used)

    def _is_full(self, more: Load | None = None) -> bool:
        # An outbox stages what it has when its job has ended: until then nothing may lapse.
        return open_outbox(self.hub) is None and self.staging.is_full(self.load, more)

    def _check_open(self) -> None:
        if self._ended:
            raise EnqueueError(f"the block of batch {self.batch.bid} has ended already")

    def _take_numbers(self) -> Flow[None]:
        bid = self.batch.bid
        if self.batch.exists:
            used = sum(count for _, count in self._ranges)
            free, inside = min(max(RESERVE, used * 2), MOST), is_inside(self.hub, bid)
            reserve = store.reserve(self.hub.keys, bid=bid, count=free, inside=inside)
            first = yield from insist(self.hub, reserve, f"adding to batch {bid}")
            check(first, bid)
        else:
            free, first = NUMBERS, self.batch.numbered
            self.batch.numbered += NUMBERS
        # Other tasks may have come in between: only now does anything change.
        self._free = free
        if not self._ranges or sum(self._ranges[-1]) != first:
            self._ranges.append([first, 0])

    def _stage(self) -> Flow[None]:
        load, self.load = self.load, Load(self.load.durability)
        self.load.wishes |= load.wishes
        self.load.events = load.events
        around = [block.staging for block in blocks.get() if block.hub is self.hub]
        yield from self.staging.send(self.hub, load, around)

    def add(self, draft: Draft, payload: str, now: float) -> None:
        """Take a numbered and encoded draft in."""
        self._ranges[-1][1] += 1
        self._free -= 1
        self._first_queue = self._first_queue or draft.queue
        self.load.add(draft, payload, now)

    def _begin(self) -> None:
        if self._token is not None or self._ended:
            raise EnqueueError("a block is used once: call batch.jobs() again")
        check_adder(self.batch.bid)
        self.thread = threading.get_ident()
        self._token = blocks.set((*blocks.get(), self))

    def _end(self, *, failed: bool) -> None:
        self._ended = True
        if self._token is not None:
            blocks.reset(self._token)
        for first, count in self._ranges[-1:]:
            # The next block of the same new batch goes on behind the last number used.
            if first + count + self._free == self.batch.numbered:
                self.batch.numbered = first if failed else first + count + count % 2

    def _commit(self) -> Flow[None]:
        outer = open_block(self.hub)
        if outer is not None:
            yield from outer.take_in(self)
            return
        outbox = open_outbox(self.hub)
        if outbox is not None:
            outbox.take_in(self)
            return
        if self.staging.counts and self.load.count:
            yield from self._stage()
        filled = self.all()
        parts = [block.part() for block in filled]
        commit = store.commit(
            self.hub.keys,
            batches=parts,
            queues=self.load.groups(),
            scheduled=self.load.scheduled,
            staged=list(self.staging.counts.items()),
            now=clock.now_ms(),
        ).lasting(self.load.durable)
        needs = _needs_server(parts, self.staging)
        try:
            if needs:
                committed = yield from insist(self.hub, commit, needs, self.staging.kept)
            else:
                committed = yield from deliver(self.hub, commit, self.staging.kept)
        except NotDurable:
            self._handed_over(filled)
            raise
        if committed.answer != 1:
            yield from self.staging.drop(self.hub)
        check(committed.answer, committed.bid)
        self._handed_over(filled)

    def _handed_over(self, filled: Sequence[Block]) -> None:
        for block in filled:
            block.batch.exists = True
        tell(self.hub, self.load)

    def take_in(self, inner: Block) -> Flow[None]:
        """Commit another block, and those inside it, together with this one."""
        if self.load.count and self._is_full(inner.load):
            yield from self._stage()
        self._check_open()
        self.load.merge(inner.load)
        self.staging.merge(inner.staging)
        self._inner += inner.all()

    def all(self) -> list[Block]:
        """This block and those inside it, the outer before the inner."""
        return [self, *self._inner]

    def part(self) -> store.Part:
        """What this block adds to its batch."""
        batch = self.batch
        fields = [] if batch.exists else batch.fields()
        ranges = [(first, count) for first, count in self._ranges if count]
        parent = batch.parent or ""
        inside = is_inside(self.hub, parent if fields else batch.bid)
        return store.Part(batch.bid, parent, fields, ranges, self._first_queue, inside)


def check(answer: int, bid: str) -> None:
    """Raise what a refusal means: BatchNotFound, BatchFinished or BatchCancelled."""
    if answer == store.UNKNOWN:
        raise not_found(bid)
    if answer == store.LAPSED:
        raise EnqueueError(
            "the block has lapsed, and nothing was pushed: its first jobs are kept ready for "
            f"{store.LIFE // 60} minutes after the last one"
        )
    if answer == store.SETTLED:
        raise BatchFinished(f"batch {bid} is settled: nothing can be added any more")
    if answer == store.CANCELLED:
        raise BatchCancelled(f"batch {bid}, or one above it, is cancelled: nothing can be added")


def _needs_server(parts: Sequence[store.Part], staging: Staging) -> str:
    """What of a commit can't be kept in a push buffer; "" for new roots."""
    made: set[str] = set()
    for part in parts:
        if not part.fields:
            return f"adding to batch {part.bid}"
        if part.parent and part.parent not in made:
            return f"a batch inside batch {part.parent}"
        made.add(part.bid)
    return PARTLY if staging.sent else ""
