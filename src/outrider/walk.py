"""Walking through a place page by page, while jobs come, go, and move."""

from __future__ import annotations

from outrider.hub import Flow, Hub
from outrider.store import place as store
from outrider.store.place import PAGE, Entry, Line, Place


class Walk:
    """Reads a queue or a set, the job that would be taken first at first.

    Jobs on their way to a queue come behind all that lie there, and keep their position when they
    arrive. Those on their way into the schedule are told among the others, by their time.
    """

    def __init__(self, hub: Hub, place: Place) -> None:
        self._hub = hub
        self._place = place
        self._position = 0
        self._last: set[bytes] = set()
        self._after = ("-inf", b"")

    def step(self) -> Flow[list[Entry]]:
        """The next jobs, PAGE at most; none at the end."""
        return self._along() if self._place.kind == "queue" else self._by_time()

    def _by_time(self) -> Flow[list[Entry]]:
        score, payload = self._after
        found: list[Entry] = yield store.timed(
            self._hub.keys, place=self._place.kind, score=score, payload=payload, count=PAGE
        )
        if found:
            self._after = (repr(found[-1].score), found[-1].payload)
        return found

    def _along(self) -> Flow[list[Entry]]:
        """A page with the room of the last one before it; it goes on after those known from there.

        What is taken away in front, or pushed before those on their way, moves all that follow.
        """
        start = max(0, self._position - PAGE)
        found = yield from self._page(start, 2 * PAGE)
        if not found and start:
            # More was taken away than a page: what is left lies at the beginning.
            self._last = set()
            found = yield from self._page(0, PAGE)
        known = [at for at, entry in enumerate(found, 1) if entry.payload in self._last]
        first = known[-1] if known else 0
        fresh = found[first : first + PAGE]
        if fresh:
            self._position = fresh[-1].at + 1
            self._last = {entry.payload for entry in fresh}
        return fresh

    def _page(self, start: int, count: int) -> Flow[list[Entry]]:
        line: Line = yield store.queued(
            self._hub.keys, queue=self._place.name, start=start, count=count
        )
        return [
            Entry(payload, None, start + place, place >= line.lying)
            for place, payload in enumerate(line.payloads)
        ]
