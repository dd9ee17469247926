"""Walking through a place page by page, while jobs come, go, and move."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from outrider import cursor
from outrider.errors import CursorError
from outrider.hub import Flow
from outrider.keys import Keys
from outrider.script import BYTES, portion
from outrider.script import FIRST as START
from outrider.store import place as store
from outrider.store.bundle import Bundle, Sieve
from outrider.store.place import PAGE, PAGE_BYTES, Entry, Line, Mark, Place, Times

FIRST, STRIDE = 100, 250
"""How many jobs are read at first, as many want only the first few; and how many then, where all
are gone through. As many as fill a page take the server a millisecond where they are small, since
it hands each of them to Lua; these take a third of that, and are a step of an operation.
"""
_MOST_AHEAD = 64
"""What a cursor may ask to be read at once: it may have been forged."""
_MARKS = 8
_BACKWARDS = (1, 2, 3, 5, 9, 17, 33)
_LONGEST_ID = 64
_MOST = 1 << 53
_LIKE_AN_ID = re.compile(rb'"jid"\s*:\s*"([^"\\]*)"')


class Walk:
    """Reads a queue, a held list or a set, the job that would be taken first at first.

    Jobs on their way to a queue come behind all that lie there, and keep their position when they
    arrive. Those on their way to the schedule are told among the others, by their time. `after` is
    a `cursor` of an earlier walk there. `looked` is how many jobs were looked at, `size` how many
    bytes were read.
    """

    def __init__(self, keys: Keys, place: Place, after: str | None = None) -> None:
        self._road: _Along | _ByTime = (_Along if place.is_list else _ByTime)(keys, place)
        self._count = FIRST
        self.looked = 0
        self.size = 0
        self.is_over = False
        if after is not None:
            self._road.resume(after)

    def step(self, needles: Sequence[bytes] = (), *, literally: bool = False) -> Flow[list[Entry]]:
        """The next jobs that may hold all these bytes, of one page or more; none at the end.

        Who has an escape in it may hold anything, unless bytes are meant `literally`.
        """
        found: list[Entry] = []
        while not found and not self.is_over:
            found = yield from self.page(needles, literally=literally)
        return found

    def page(
        self,
        needles: Sequence[bytes] = (),
        *,
        literally: bool = False,
        count: int | None = None,
        sieve: Sieve | None = None,
    ) -> Flow[list[Entry]]:
        """The same of one page, in one round trip: up to `count` jobs are looked at, PAGE at most.

        Fewer where they are large. None does not mean that there are no more: `is_over` does.
        A `sieve` says which of them may be wanted.
        """
        asked = self._count if count is None else count
        bundle: Bundle = yield from self._road.read(asked)
        self._count = STRIDE
        self.is_over = self._road.is_over
        self.size += len(bundle.text)
        if sieve is None:
            numbered = bundle.holding(needles, literally=literally)
        else:
            numbered = bundle.sifted(sieve)
        fresh = [pair for pair in numbered if pair[0] >= self._road.known]
        self.looked += len(bundle) - self._road.known
        return [self._road.entry(number, payload) for number, payload in fresh]

    def took(self, entries: Sequence[Entry]) -> None:
        """These, of the page read now, were taken away."""
        if entries:
            self._road.took(entries)

    def left_after(self, last: Entry) -> int:
        """How many jobs come after `last` in the page read now."""
        return self._road.left_after(last)

    def cursor(self, last: Entry | None = None) -> str:
        """Where another walk goes on: after `last`, of the page read now, or after all of it."""
        return self._road.cursor(last)


class _Along:
    """The way along a line, by positions. A cursor is position, length, how many jobs may be read
    at once, and ids of the last ones.

    Between two pages jobs are taken, deleted and pushed: ids say where it goes on, and where some
    of them have gone, what the last two pages held says what is known already.
    """

    def __init__(self, keys: Keys, place: Place) -> None:
        self._keys, self._place = keys, place
        self._position = self._length = self.known = 0
        self._ahead = START
        self._marks: list[Mark] = []
        self._before: list[Mark] = []
        self._pages: list[Bundle] = []
        self._line = Line(0, True, 0, 0, Bundle())
        self.is_over = False

    def resume(self, after: str) -> None:
        *numbers, self._marks = cursor.read(after, tuple[int, int, int, list[Mark]])
        if not all(0 <= one < _MOST for one in (*numbers, *(more for _, more in self._marks))):
            raise CursorError(f"{after[:100]!r} is no cursor: its position can't be")
        self._position, self._length, ahead = numbers
        self._ahead = min(ahead, _MOST_AHEAD)

    def read(self, count: int) -> Flow[Bundle]:
        line: Line = yield store.queued(
            self._keys,
            place=self._place.kind,
            name=self._place.name,
            start=self._position,
            length=self._length,
            marks=self._marks,
            ahead=self._ahead,
            limit=count,
            bytes=PAGE_BYTES,
        )
        bundle = line.bundle
        self.known = 0 if line.follows else self._known(bundle.cut())
        self._line, self._before = line, self._marks
        self._position, self._length = line.first + len(bundle), line.total
        self._marks = self._marked(len(bundle))
        self._ahead = _ahead(bundle)
        self._pages = [*self._pages, bundle][-2:]
        self.is_over = self._position >= line.total
        return bundle

    def took(self, entries: Sequence[Entry]) -> None:
        gone = {entry.at - self._line.first for entry in entries}
        page = self._pages.pop().cut()
        left = Bundle.of([payload for number, payload in enumerate(page) if number not in gone])
        self._pages.append(left)
        self._line = self._line._replace(bundle=left)
        self._position, self._length = self._position - len(gone), self._length - len(gone)
        self._marks = self._marked(len(left))

    def _known(self, payloads: list[bytes]) -> int:
        """How many of these come before what is new: up to the last that was seen."""
        seen = {payload for page in self._pages for payload in page.cut()}
        return max((at for at, one in enumerate(payloads, 1) if one in seen), default=0)

    def entry(self, number: int, payload: bytes) -> Entry:
        return Entry(payload, None, self._line.first + number, number >= self._line.lying)

    def left_after(self, last: Entry) -> int:
        return self._position - 1 - last.at

    def cursor(self, last: Entry | None) -> str:
        ahead = min(self._ahead, _MOST_AHEAD)
        if last is None:
            return cursor.write(self._position, self._length, ahead, self._marks)
        marks = self._marked(last.at + 1 - self._line.first)
        return cursor.write(last.at + 1, self._length, ahead, marks)

    def _marked(self, end: int) -> list[Mark]:
        """By what the first so many of this page will be known: near their end more of them, for
        the next ones to go are mostly neighbours."""
        marks: list[Mark] = []
        unknown = count = 0
        for at in range(end - 1, -1, -1):
            jid = _id_of(self._line.bundle[at])
            count, unknown = count + bool(jid), unknown + (not jid)
            if jid and count in _BACKWARDS:
                marks.append((jid, unknown))
            if count == _BACKWARDS[-1]:
                break
        older = [(jid, more + unknown) for jid, more in self._before]
        return [*marks, *older][:_MARKS]


class _ByTime:
    """The way through a set, by time, and at one time by bytes.

    A cursor is score and id, which number that was among those of its score that lay there, and
    whether its id is the beginning of its bytes, as it is with all of ours: then nobody is sought.
    """

    def __init__(self, keys: Keys, place: Place) -> None:
        self._keys, self._place = keys, place
        self._after = ("-inf", "", 0, False)
        self._payload = b""
        self._ahead = START
        self._start = self._after
        self._times = Times([], [], False, Bundle())
        self.known = 0
        self.is_over = False

    def resume(self, after: str) -> None:
        self._after = cursor.read(after, tuple[str, str, int, bool])
        score, jid, ties, is_ours = self._after
        if not cursor.is_number(score) or not 0 <= ties < _MOST:
            raise CursorError(f"{after[:100]!r} is no cursor: its time can't be")
        self._payload = _ours(jid) + b"\xff" if is_ours else b""

    def read(self, count: int) -> Flow[Bundle]:
        score, jid, ties, _ = self._start = self._after
        times: Times = yield store.timed(
            self._keys,
            place=self._place.kind,
            score=score,
            payload=self._payload,
            jid=jid,
            ties=0 if self._payload else ties,
            ahead=self._ahead,
            limit=count,
            bytes=PAGE_BYTES,
        )
        self._times = times = times.first(count)
        self.is_over = not times.has_more
        if times.scores:
            self._payload = times.bundle[len(times.scores) - 1]
            self._after = self._mark(len(times.scores) - 1, self._payload)
            self._ahead = _ahead(times.bundle)
        return times.bundle

    def took(self, entries: Sequence[Entry]) -> None:
        """Nothing: who comes next is known by time and bytes, wherever the last one is now."""

    def entry(self, number: int, payload: bytes) -> Entry:
        times = self._times
        return Entry(payload, times.scores[number], number, times.coming[number])

    def left_after(self, last: Entry) -> int:
        return len(self._times.scores) - 1 - last.at

    def cursor(self, last: Entry | None) -> str:
        return cursor.write(*(self._after if last is None else self._mark(last.at, last.payload)))

    def _mark(self, number: int, payload: bytes) -> tuple[str, str, int, bool]:
        scores, coming = self._times.scores, self._times.coming
        score, first = scores[number], number
        while first > 0 and scores[first - 1] == score:
            first -= 1
        ties = (number + 1 - first) - sum(coming[first : number + 1])
        if first == 0 and repr(score) == self._start[0]:
            ties += self._start[2]
        jid = _id_of(payload)
        return repr(score), jid, ties, bool(jid) and payload.startswith(_ours(jid))


def _ahead(bundle: Bundle) -> int:
    """How many may be read at once after these: as many as fill a page."""
    return portion(len(bundle), len(bundle.text) * BYTES // PAGE_BYTES, PAGE)


class _Named(msgspec.Struct):
    jid: str = ""


def _id_of(payload: bytes) -> str:
    """The id of a job; "" where scripts could not find it by that: it has none, or one that is
    escaped, stands behind something that looks like it, or is too long to be carried.
    """
    seen = _LIKE_AN_ID.search(payload)
    try:
        jid = msgspec.json.decode(payload, type=_Named).jid if seen else ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return jid if seen and seen[1] == jid.encode() and len(jid) <= _LONGEST_ID else ""


def _ours(jid: str) -> bytes:
    """How our own payloads of this id begin."""
    return f'{{"jid":"{jid}"'.encode()
