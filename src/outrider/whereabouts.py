"""Where the jobs of batches lie, as far as can be found in bounded work."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import msgspec

from outrider.hub import Flow, Hub
from outrider.ids import FIRST_CALLBACK
from outrider.store import look, queue
from outrider.words import printable

LIMIT = 10_000
PAGE = 500
WORKERS = 100


class _Head(msgspec.Struct):
    jid: str = ""


@dataclass
class Heap:
    """Jobs of one batch that lie in one place; `next_at` in seconds where that has a time."""

    count: int = 0
    next_at: float | None = None


@dataclass
class Found:
    """What was found: by batch and whether they are callbacks, a heap for each place."""

    bids: set[str]
    wanted: int
    limit: int
    looked: int = 0
    heaps: dict[tuple[str, bool], dict[str, Heap]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        """Whether all is found, or enough was looked at."""
        return len(self._seen) >= self.wanted or self.looked >= self.limit

    def note(self, payload: bytes, place: str, at: float | None = None) -> None:
        """Look at one payload, if that is still of use."""
        if self.is_over:
            return
        self.looked += 1
        try:
            jid = msgspec.json.decode(payload, type=_Head).jid
            number = int(jid[16:], 16)
        except (msgspec.MsgspecError, ValueError):
            return
        if len(jid) != 24 or jid[:16] not in self.bids or jid in self._seen:
            return
        self._seen.add(jid)
        heaps = self.heaps.setdefault((jid[:16], number >= FIRST_CALLBACK), {})
        heap = heaps.setdefault(place, Heap())
        heap.count += 1
        if at is not None:
            heap.next_at = at if heap.next_at is None else min(at, heap.next_at)


def find(hub: Hub, bids: set[str], wanted: int, limit: int = LIMIT) -> Flow[Found]:
    """Look for `wanted` jobs of these batches among the first `limit` that lie anywhere."""
    found = Found(bids, wanted, limit)
    yield from _claims(hub, found)
    for name, place in (("retry", "retrying"), ("schedule", "scheduled")):
        for page in count():
            if found.is_over:
                break
            timed: list[tuple[bytes, float]] = yield look.due(hub.keys, name, page, PAGE)
            for payload, at in timed:
                found.note(payload, place, at)
            if len(timed) < PAGE:
                break
    names: list[str] = [] if found.is_over else (yield queue.names(hub.keys))
    for name in names:
        yield from _queue(hub, found, name)
    names = [] if found.is_over else (yield look.moving(hub.keys))
    for name in names:
        yield from _moving(hub, found, name)
    return found


def _claims(hub: Hub, found: Found) -> Flow[None]:
    identities: list[str] = yield look.workers(hub.keys, WORKERS)
    for identity in identities:
        place = f"running on {printable(identity.partition(':')[0])}"
        children: list[str] = [] if found.is_over else (yield look.children(hub.keys, identity))
        for child in children:
            held: list[bytes] = yield look.claims(hub.keys, identity, child)
            for payload in held:
                found.note(payload, place)


def _queue(hub: Hub, found: Found, name: str) -> Flow[None]:
    place = ""
    for page in count():
        if found.is_over:
            return
        held: list[bytes] = yield look.queued(hub.keys, name, page, PAGE)
        if held and not place:
            is_paused: bool = yield queue.is_paused(hub.keys, name)
            place = f"queued on {printable(name)}" + (", which is paused" if is_paused else "")
        for payload in held:
            found.note(payload, place)
        if len(held) < PAGE:
            return


def _moving(hub: Hub, found: Found, name: str) -> Flow[None]:
    home = printable(name[17:])
    place = "on the way to " + (f"queue {home}" if home else "the schedule")
    for page in count():
        held: list[bytes] = [] if found.is_over else (yield look.staged(hub.keys, name, page, PAGE))
        for payload in held:
            found.note(payload, place)
        if len(held) < PAGE:
            return
