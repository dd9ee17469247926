"""Cancelling a batch and all below it, in bounded steps.

The mark comes first: from then on no member is claimed. So the members that run are among those
that are held after it, and all others that wait or fail can be cancelled slice by slice. Payloads
that lie on a queue are dropped when a worker meets them; those in schedule and retry are removed.
"""

from __future__ import annotations

from outrider import clock
from outrider.errors import UnreadablePayload
from outrider.hub import Flow
from outrider.keys import Keys
from outrider.payload import decode
from outrider.store import batch as batches
from outrider.store import life as store
from outrider.store import process

SLICE = 500


def cancel(keys: Keys, bid: str) -> Flow[int]:
    """Cancel a batch and its descendants: 1, 0 when it is settled, -1 when it is unknown."""
    answer = yield store.cancel(keys, bid=bid, now=clock.now_ms())
    if answer == 1:
        yield from finish(keys, bid)
    return int(answer)


def finish(keys: Keys, bid: str) -> Flow[None]:
    """Do, or do again, what follows the mark of a batch."""
    todo = [bid]
    while todo:
        one = todo.pop()
        mark = yield store.mark(keys, one)
        for child in (yield batches.children(keys, one)):
            if (yield store.cancel(keys, bid=child, now=clock.now_ms())) == 1:
                todo.append(child)  # noqa: PERF401 - a comprehension cannot yield to us
        running = yield from _running(keys, one)
        first, left = 0, SLICE
        while left:
            left = yield store.cancel_members(
                keys, bid=one, first=first, count=SLICE, running=running, now=clock.now_ms()
            )
            first += SLICE
        for name in ("schedule", "retry"):
            cursor = yield store.purge(keys, name=name, bid=one, cursor=0)
            while cursor:
                cursor = yield store.purge(keys, name=name, bid=one, cursor=cursor)
        yield store.cancelled(keys, bid=one, mark=mark)


def _running(keys: Keys, bid: str) -> Flow[list[int]]:
    """Numbers of the members that workers hold."""
    found: list[int] = []
    for identity in (yield process.workers(keys)):
        for child in (yield process.children(keys, identity)):
            cursor, more = 0, True
            while more:
                cursor, payloads = yield process.claims(keys, f"{identity}:{child}", cursor)
                numbers = (_number(payload, bid) for payload in payloads)
                found += [number for number in numbers if number is not None]
                more = cursor != 0
    return found


def _number(payload: bytes, bid: str) -> int | None:
    """The number of a member of this batch; other clients may have written its fields anew."""
    if bid.encode() not in payload:
        return None
    try:
        job = decode(payload)
        return int(job.jid[-8:], 16) if job.bid == bid else None
    except (UnreadablePayload, ValueError):
        return None
