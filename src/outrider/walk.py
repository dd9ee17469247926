"""Walking through a place page by page, while jobs come, go, and move."""

from __future__ import annotations

from collections.abc import Sequence

from outrider.hub import Flow
from outrider.keys import Keys
from outrider.store import place as store
from outrider.store.place import PAGE, Entry, Line, Place


class Walk:
    """Reads a queue, a held list or a set, the job that would be taken first at first.

    Jobs on their way to a queue come behind all that lie there, and keep their position when they
    arrive. Those on their way to the schedule are told among the others, by their time.
    """

    def __init__(self, keys: Keys, place: Place) -> None:
        self._keys = keys
        self._place = place
        self._position = 0
        self._pages: list[list[bytes]] = []
        self._after = ("-inf", b"")

    def step(self) -> Flow[list[Entry]]:
        """The next jobs, PAGE at most; none at the end."""
        return self._along() if self._place.is_list else self._by_time()

    def _by_time(self) -> Flow[list[Entry]]:
        score, payload = self._after
        found: list[Entry] = yield store.timed(
            self._keys, place=self._place.kind, score=score, payload=payload, count=PAGE
        )
        if found:
            self._after = (repr(found[-1].score), found[-1].payload)
        return found

    def _along(self) -> Flow[list[Entry]]:
        line: Line = yield store.queued(
            self._keys,
            place=self._place.kind,
            name=self._place.name,
            start=self._position,
            last=self._pages[-1][-1] if self._pages else b"",
            count=PAGE,
        )
        found = [
            Entry(payload, None, line.first + place, place >= line.lying)
            for place, payload in enumerate(line.payloads)
        ]
        fresh = (found if line.follows else self._unseen(found))[:PAGE]
        if fresh:
            self._position = fresh[-1].at + 1
            self._pages = [*self._pages, [entry.payload for entry in fresh]][-2:]
        return fresh

    def took(self, entries: Sequence[Entry]) -> None:
        """Those of the last page were taken away: what comes next begins so much earlier."""
        if self._place.is_list and entries:
            gone = {entry.at for entry in entries}
            first = self._position - len(self._pages[-1])
            page = [one for at, one in enumerate(self._pages.pop(), first) if at not in gone]
            self._position -= len(gone)
            if page:
                self._pages.append(page)

    def _unseen(self, found: list[Entry]) -> list[Entry]:
        """What follows the last that is known of the last two pages."""
        seen = {payload for page in self._pages for payload in page}
        known = [place for place, entry in enumerate(found, 1) if entry.payload in seen]
        return found[known[-1] :] if known else found
