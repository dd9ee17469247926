"""Where the jobs of batches lie, as far as can be found in bounded work."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from outrider.hub import Flow, Hub
from outrider.ids import FIRST_CALLBACK
from outrider.store import held, pauses, process, queue
from outrider.store.place import Place
from outrider.walk import Walk
from outrider.words import printable

LIMIT = 10_000
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
    yield from _place(hub, found, Place("retry"), "retrying", "")
    yield from _place(hub, found, Place("schedule"), "scheduled", "on the way to the schedule")
    names: list[str] = [] if found.is_over else (yield queue.names(hub.keys))
    for name in names:
        place = Place("queue", name)
        is_paused: bool = False if found.is_over else (yield pauses.is_paused(hub.keys, place))
        which = printable(name) + (", which is paused" if is_paused else "")
        yield from _place(hub, found, place, f"queued on {which}", f"on the way to queue {which}")
    yield from _held(hub, found)
    return found


def _held(hub: Hub, found: Found) -> Flow[None]:
    names: list[str] = [] if found.is_over else (yield held.names(hub.keys))
    for name in names:
        place = Place("held", name)
        is_paused: bool = False if found.is_over else (yield pauses.is_paused(hub.keys, place))
        words = f"held because the job {printable(name)} is paused"
        yield from _place(
            hub, found, place, words if is_paused else "on the way back to a queue", ""
        )


def _claims(hub: Hub, found: Found) -> Flow[None]:
    identities: list[str] = yield process.workers(hub.keys)
    for identity in identities[:WORKERS]:
        place = f"running on {printable(identity.partition(':')[0])}"
        children: list[str] = [] if found.is_over else (yield process.children(hub.keys, identity))
        for child in children:
            cursor, more = 0, True
            while more and not found.is_over:
                cursor, held = yield process.claims(hub.keys, f"{identity}:{child}", cursor)
                more = cursor != 0
                for payload in held:
                    found.note(payload, place)


def _place(hub: Hub, found: Found, place: Place, words: str, coming: str) -> Flow[None]:
    """Look through a queue or set; `coming` are the words for what is on its way there."""
    walk = Walk(hub.keys, place)
    while not found.is_over and (entries := (yield from walk.step())):
        for entry in entries:
            found.note(entry.payload, coming if entry.is_coming else words, entry.score)
