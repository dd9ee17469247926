"""Bringing back what is dead of a batch, and hurrying what waits for its next attempt.

Nothing on the server lists the dead of one batch, so both sets are scanned; each step is bounded,
and jobs of others are passed over on the server. What the scan meets twice, because it has run and
failed again meanwhile, is not brought back twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from outrider import clock
from outrider.errors import BatchCancelled, UnreadablePayload
from outrider.hub import Flow, Hub
from outrider.payload import by_hand, decode
from outrider.script import FIRST, portion
from outrider.standing import not_found
from outrider.store import batch as batches
from outrider.store import place as store

BYTES = 1 << 22
PAGE = 500
_Pair = tuple[str, str]


def retry_failed(hub: Hub, bid: str) -> Flow[int]:
    """Put its dead and retrying members and callbacks on their queues; how many it were."""
    yield from _bring(hub, bid, "retry", [])  # where none of it is allowed, nothing is searched
    number, seen = 0, set[str]()
    # What dies while the first set is scanned is met in the second.
    for name in ("retry", "dead"):
        cursor, count, more = "0", FIRST, True
        while more:
            page: store.Sought = yield store.seek(
                hub.keys, name=name, bid=bid, cursor=cursor, count=count
            )
            for jobs in _slices(_fresh(page.payloads, seen)):
                number += yield from _bring(hub, bid, name, jobs)
            cursor, more = page.cursor, page.cursor != "0"
            count = portion(count, page.size, PAGE)
    return number


def _fresh(payloads: list[bytes], seen: set[str]) -> Iterator[_Pair]:
    """Those not seen before, each as it lies there and as it goes on."""
    for payload in payloads:
        try:
            job = decode(payload)
            pair = payload.decode(), by_hand(payload, job.retry_count)
        except (UnreadablePayload, UnicodeDecodeError):
            continue
        if job.jid not in seen:
            seen.add(job.jid)
            yield pair


def _slices(jobs: Iterator[_Pair]) -> Iterator[list[_Pair]]:
    """As many at a time as one request may carry."""
    some: list[_Pair] = []
    size = 0
    for job in jobs:
        if some and (len(some) == store.SLICE or size + len(job[0]) > BYTES):
            yield some
            some, size = [], 0
        some.append(job)
        size += len(job[0])
    if some:
        yield some


def _bring(hub: Hub, bid: str, name: str, jobs: list[_Pair]) -> Flow[int]:
    answer: int = yield store.bringback(
        hub.keys, bid=bid, place=name, jobs=jobs, now=clock.now_ms()
    )
    if answer == batches.UNKNOWN:
        raise not_found(bid)
    if answer == batches.CANCELLED:
        raise BatchCancelled(
            f"the jobs of batch {bid} can't be retried: it, or one above it, is cancelled"
        )
    return answer
