"""Cancelling batches and all below them, in bounded steps.

The marks come first, down the tree: from then on no member is claimed. So the members that run are
among those that are held after them, and all others that wait or fail can be cancelled slice by
slice. Payloads that lie on a queue are dropped when a worker meets them; one scan of schedule and
retry removes those there. What is under way stays noted until all is done, so it may be done again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from outrider import clock
from outrider.errors import UnreadablePayload
from outrider.hub import Flow
from outrider.keys import Keys
from outrider.payload import decode
from outrider.script import FIRST, portion
from outrider.store import life as store
from outrider.store import process

SLICE = 500
PAGE = 250
Slices = dict[tuple[str, int], list[int]]
"""Numbers of members by their batch and their slice."""


def cancel(keys: Keys, bid: str, *, running: bool = False) -> Flow[int]:
    """Cancel a batch and its descendants: 1, 0 when it is settled, -1 when it is unknown.

    With `running` async members that run are interrupted.
    """
    marked: store.Marked = yield store.cancel(
        keys, bid=bid, running=int(running), now=clock.now_ms()
    )
    if marked.answer == 1:
        yield from _finish(keys, {bid: marked})
    return marked.answer


def finish(keys: Keys, bids: Iterable[str]) -> Flow[None]:
    """Do, or do again, what follows the marks of these batches."""
    marked: dict[str, store.Marked] = {}
    for bid in bids:
        marked[bid] = yield store.cancel(keys, bid=bid, running=0, now=clock.now_ms())
    yield from _finish(keys, marked)


def _finish(keys: Keys, marked: dict[str, store.Marked]) -> Flow[None]:
    marks = yield from _descend(keys, marked)
    running = yield from _running(keys, marks)
    for bid in marks:
        slot, left = 0, 1
        while left:
            left = yield store.cancel_members(
                keys,
                bid=bid,
                first=slot * SLICE,
                count=SLICE,
                running=running.get((bid, slot), []),
                now=clock.now_ms(),
            )
            slot += 1
    for name in ("schedule", "retry"):
        cursor, count, more = 0, FIRST, True
        while more:
            cursor, size = yield store.purge(keys, name=name, cursor=cursor, count=count)
            count, more = portion(count, size, PAGE), cursor != 0
    for bid, mark in marks.items():
        yield store.cancelled(keys, bid=bid, mark=mark)


def _descend(keys: Keys, todo: dict[str, store.Marked]) -> Flow[dict[str, str]]:
    """Mark all below these batches; bid -> the mark that it goes by."""
    marks: dict[str, str] = {}
    while todo:
        bid, marked = todo.popitem()
        marks[bid] = marked.mark
        cursor, more = 0, True
        while more:
            cursor, children = yield store.kids(keys, bid, cursor)
            for child in children:
                below: store.Marked = yield store.cancel(
                    keys, bid=child, running=int(marked.running), now=clock.now_ms()
                )
                if below.answer == 1 and child not in marks:
                    todo[child] = below
            more = cursor != 0
    return marks


def _running(keys: Keys, bids: Iterable[str]) -> Flow[Slices]:
    """The members of these batches that workers hold."""
    wanted, found = set(bids), defaultdict(list)
    for identity in (yield process.workers(keys)):
        for child in (yield process.children(keys, identity)):
            cursor, more = 0, True
            while more:
                cursor, payloads = yield process.claims(keys, f"{identity}:{child}", cursor)
                for payload in payloads:
                    member = _member(payload)
                    if member and member[0] in wanted:
                        found[member[0], member[1] // SLICE].append(member[1])
                more = cursor != 0
    return found


def _member(payload: bytes) -> tuple[str, int] | None:
    """Batch and number of a member; other clients may have written its fields anew."""
    if b'"bid"' not in payload:
        return None
    try:
        job = decode(payload)
        return None if job.bid is None else (job.bid, int(job.jid[-8:], 16))
    except (UnreadablePayload, ValueError):
        return None
