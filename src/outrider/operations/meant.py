"""Which jobs an operation is for: where they lie, which match, and which came too late."""

from __future__ import annotations

import re

from outrider.hub import Flow
from outrider.inspection.record import STATES, seconds
from outrider.keys import Keys
from outrider.operations.record import Reading
from outrider.search.filter import Filter
from outrider.search.seen import Seen
from outrider.store import held, queue
from outrider.store.place import Entry, Place

# What is moved on by us lies later in this order, so that it is met there.
ORDER = ("schedule", "retry", "queue", "held", "dead")
_BATCH = re.compile(rb'"(?:bid|cb)":"([^"]+)"')
_SINCE = {
    "schedule": ("created_at",),
    "retry": ("retried_at", "failed_at"),
    "queue": ("enqueued_at", "created_at"),
    "held": ("enqueued_at", "created_at"),
}


def places(keys: Keys, operation: Reading, wanted: Filter) -> Flow[list[Place]]:
    """Where jobs may lie that it is for, in the order in which they are gone through."""
    queues: list[str] = yield queue.names(keys)
    names: list[str] = yield held.names(keys)
    found = [one for one in wanted.places(queues, names) if _is_for(operation, wanted, one)]
    return sorted(found, key=rank)


def rank(place: Place) -> tuple[int, str]:
    """Its position in that order."""
    return ORDER.index(place.kind), place.name


def _is_for(operation: Reading, wanted: Filter, place: Place) -> bool:
    if operation.verb == "kill":
        return place.kind != "dead"
    if operation.verb == "retry":
        # What is delayed has not failed: it is meant only by who says so.
        is_named = "queued" not in wanted.states
        return place.kind in ("retry", "dead") or (place.kind == "schedule" and is_named)
    return True


def is_meant(operation: Reading, wanted: Filter, place: Place, entry: Entry) -> bool:
    """Whether a job there matches, and did not come later."""
    if entry.is_coming:
        return False
    name = place.name if place.kind == "queue" else None
    seen = Seen(entry.payload, STATES[place.kind], name, entry.score)
    return wanted.holds(seen) and not _is_later(operation, place, seen)


def _is_later(operation: Reading, place: Place, seen: Seen) -> bool:
    since = seconds(seen.at) if place.kind == "dead" else seen.time(*_SINCE[place.kind])
    return since is not None and since > operation.as_of.timestamp()


def batches_of(payload: bytes) -> set[bytes]:
    """The batch that a job is of, if any: of most it is seen at a glance that they are of none."""
    if b'"bid":"' not in payload and b'"cb":"' not in payload:
        return set()
    found = _BATCH.search(payload)
    return {found[1]} if found else set()
