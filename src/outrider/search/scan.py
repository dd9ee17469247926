"""Searching: from place to place and page by page, in bounded steps that say how far they came."""

from __future__ import annotations

import time
from dataclasses import dataclass

from outrider import cursor
from outrider.hub import Flow, Hub
from outrider.inspection.record import STATES, JobRecord, read
from outrider.inspection.work import RunRecord, Tour
from outrider.options import positive_number
from outrider.search.filter import Filter
from outrider.search.parse import parse
from outrider.search.seen import KINDS, Seen
from outrider.store import overview
from outrider.store.overview import Overview
from outrider.store.place import Entry, Place
from outrider.walk import STRIDE, Walk

BYTES = 1 << 27
"""How many bytes of payloads one search reads, whatever it may scan: about a second's work."""

_Mark = tuple[int, str, str]
"""A place by rank and name, and the cursor of its walk; of what runs, worker and slot."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Jobs that were found, and how far the search came.

    It looked at `scanned` jobs, of the `total` that lie where it has to look, in `seconds`. `next`
    is where the next search goes on; None when it has come to the end.
    """

    records: list[JobRecord]
    scanned: int
    total: int
    next: str | None
    seconds: float


def search(
    hub: Hub, wanted: str | Filter, limit: int, after: str | None, most: int
) -> Flow[SearchPage]:
    """The first `limit` jobs that a filter means, among the next `most` after a cursor."""
    begun = time.monotonic()
    meant = parse(wanted) if isinstance(wanted, str) else wanted
    positive_number("limit", limit)
    positive_number("most", most)
    scan = _Scan(hub, meant, limit, most)
    yield from scan.run((0, "", "") if after is None else cursor.read(after, tuple[int, str, str]))
    return SearchPage(scan.records, scan.scanned, scan.total, scan.next, time.monotonic() - begun)


class _Scan:
    """One search, and what has come of it."""

    def __init__(self, hub: Hub, meant: Filter, limit: int, most: int) -> None:
        self._hub, self._meant, self._limit, self._most = hub, meant, limit, most
        self._size = 0
        self.records: list[JobRecord] = []
        self.scanned = self.total = 0
        self.next: str | None = None

    @property
    def _is_over(self) -> bool:
        is_enough = len(self.records) >= self._limit or self.scanned >= self._most
        return is_enough or self._size * self._meant.effort >= BYTES

    def run(self, mark: _Mark) -> Flow[None]:
        sizes = yield from self._sizes()
        queues = [one.name for one in sizes if one.kind == "queue"]
        places = self._meant.places(queues, [one.name for one in sizes if one.kind == "held"])
        self.total = sum(sizes[one] for one in places)
        if "running" in self._meant.states:
            yield from self._running(mark)
        for one in places:
            here = (KINDS.index(one.kind) + 1, one.name)
            if here < mark[:2] or self._has_all or not sizes[one]:
                continue
            if self._is_over:
                self.next = self.next or cursor.write(*here, "")
                break
            yield from self._place(one, here, mark[2] if here == mark[:2] else "")

    def _sizes(self) -> Flow[dict[Place, int]]:
        """How many jobs lie in each place, as far as they may be wanted."""
        states = self._meant.states
        following = overview.BEGIN if "queued" in states else overview.NOWHERE
        page: Overview = yield overview.sizes(self._hub.keys, following)
        sizes = {Place("retry"): page.retries, Place("dead"): page.dead}
        sizes[Place("schedule")] = page.scheduled
        while True:
            sizes |= {Place("queue", one.name): one.size for one in page.queues}
            if page.next_queues == overview.NOWHERE:
                break
            page = yield overview.sizes(self._hub.keys, page.next_queues)
        return sizes | {Place("held", one.name): one.size for one in page.held}

    @property
    def _has_all(self) -> bool:
        """Whether no more can be found, as an id is that of one job."""
        wanted = self._meant.jids
        return bool(wanted) and wanted <= {record.jid for record in self.records}

    def _running(self, mark: _Mark) -> Flow[None]:
        """Workers show in no order, so all they show is read each time: it is never very much."""
        found: list[RunRecord] = []
        tour = Tour(self._hub.keys)
        while page := (yield from tour.step()):
            self.total += len(page)
            found += (run for run in page if mark < (0, run.process, run.slot))
        found.sort(key=lambda run: (run.process, run.slot))
        for number, run in enumerate(found, 1):
            self.scanned += 1
            if self._meant.matches(run):
                self.records.append(run)
            if self._is_over and number < len(found):
                self.next = cursor.write(0, run.process, run.slot)
                return

    def _place(self, one: Place, here: tuple[int, str], after: str) -> Flow[None]:
        walk = Walk(self._hub.keys, one, after or None)
        state, lies_in = STATES[one.kind], one.name if one.kind == "queue" else None
        looked = size = 0
        while not walk.is_over:
            entries: list[Entry] = yield from walk.page(
                count=min(STRIDE, self._most - self.scanned), sieve=self._meant.sift
            )
            self.scanned, looked = self.scanned + walk.looked - looked, walk.looked
            self._size, size = self._size + walk.size - size, walk.size
            for entry in entries:
                if not self._meant.holds(Seen(entry.payload, state, lies_in, entry.score)):
                    continue
                self.records.append(read(entry.payload, entry.score, one))
                if len(self.records) == self._limit:
                    left = walk.left_after(entry)
                    self.scanned -= left
                    self.next = cursor.write(*here, walk.cursor(entry)) if left else None
                    break
            if self._is_over and not walk.is_over:
                self.next = self.next or cursor.write(*here, walk.cursor())
                return
