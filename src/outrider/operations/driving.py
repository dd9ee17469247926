"""Performing an operation: a flow that goes from place to place, a page and a step at a time.

All that is done and counted is on the server, and each step there counts once. Who takes over from
one that died begins the place anew in which that was: what it has done lies there no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec

from outrider import payload
from outrider.errors import StoreFull, StoreUnavailable
from outrider.hub import Flow
from outrider.inspection.collection import note
from outrider.inspection.record import read
from outrider.keys import Keys
from outrider.operations.meant import batches_of, is_meant, places, rank
from outrider.operations.record import is_sound, reading
from outrider.search.filter import Filter
from outrider.search.parse import parse
from outrider.store import operation as store
from outrider.store import place as lines
from outrider.store import queue, trash
from outrider.store.operation import STEP, STEP_BATCHES, Aim, Fields
from outrider.store.place import Entry, Place
from outrider.walk import Walk

BYTES = 1 << 18
SILENCE = 0.2
"""For how many seconds nothing is said where nothing matches: so long a cancelling is not heard."""
BEHIND = 60_000
"""By how many ms the clock of who performs one may be behind that of who began it."""
DEPTH, FEWEST = 5_000_000, 25
NOWHERE = Place("dead")
"""Of a step without jobs."""
_ACTS = {"delete": "trash", "kill": "dead", "retry": "queue"}


class _Over(Exception):
    """It is over, or somebody else performs it."""


class _TooMany(Exception):
    """More jobs match than were expected."""


class _Mark(msgspec.Struct):
    """The place that is gone through, and what had been counted when that began."""

    place: Place | None = None
    scanned: int = 0
    matched: int = 0
    done: int = 0
    refused: int = 0


def drive(keys: Keys, id: str, driver: str, now: Callable[[], int]) -> Flow[None]:
    """Perform an operation until it is over, or somebody else does it.

    `driver` is a name for who does, `now` his clock, in ms. What fails for other reasons than that
    the server is away or full ends it as failed.
    """
    fields: Fields = yield store.read(keys, id)
    if fields.get("state") != "running":
        return
    if not is_sound(fields):  # damaged: nobody can tell to what it was to be done
        yield store.halt(keys, id=id, now=now())
        return
    course = _Course(keys, driver, now, fields)
    try:
        yield from course.run()
    except _Over:
        return
    except (StoreUnavailable, StoreFull):
        raise
    except Exception as error:  # whatever it was: the next worker would meet it too
        yield from course.fail(str(error) or type(error).__name__)


class _Course:
    """An operation under way, as one driver sees it."""

    def __init__(self, keys: Keys, driver: str, now: Callable[[], int], fields: Fields) -> None:
        self._keys = keys
        self._driver = driver
        self._clock = now
        self._step = int(fields["step"])
        self._operation = reading(fields)
        self._mark = msgspec.json.decode(fields.get("mark") or "{}", type=_Mark)
        # Those that were refused in this place still lie there, and will be counted again.
        self._refused = self._mark.refused
        self._fields: dict[str, str | int] = {"refused": self._refused}
        self._count_anew()
        self._spoke = time.monotonic()

    def run(self) -> Flow[None]:
        """Go on with it to its end."""
        if self._operation.verb == "undo":
            yield from self._undo()
            return
        wanted = parse(self._operation.filter, self._operation.as_of.timestamp())
        begun = self._mark.place
        for place in (yield from places(self._keys, self._operation, wanted)):
            if begun is None or rank(place) >= rank(begun):
                yield from self._through(place, wanted)
        yield from self._do(ends="done")

    def fail(self, error: str) -> Flow[None]:
        """End it, and say why."""
        self._fields["error"] = error[:500]
        try:
            yield from self._do(ends="failed")
        except _Over:
            return

    def _count_anew(self) -> None:
        """What was done in this place lies there no more: all else will be counted again."""
        gone = self._operation.done - self._mark.done
        self._scanned = self._mark.scanned + gone
        self._matched = self._mark.matched + gone

    # -- one place --------------------------------------------------------------------------------

    def _through(self, place: Place, wanted: Filter) -> Flow[None]:
        """Do it to all there. A line may move so far while a page is dealt with that some of that
        are missed: then it is gone through again, as long as that does something.
        """
        while True:
            done = self._operation.done
            self._mark = _Mark(place, self._scanned, self._matched, done, self._refused)
            self._fields["mark"] = msgspec.json.encode(self._mark).decode()
            missed = yield from self._pass(place, wanted)
            if not missed or self._operation.done == done:
                return
            self._count_anew()

    def _pass(self, place: Place, wanted: Filter) -> Flow[bool]:
        """Go through a place once; whether any were missed in a line."""
        yield from self._arrive(place)
        length: int = (yield lines.lying(self._keys, place)) if place.is_list else 0
        walk = Walk(self._keys, place)
        missed = False
        while not walk.is_over:
            before = walk.looked
            entries = yield from walk.page(sieve=wanted.sift)
            self._scanned += walk.looked - before
            meant = [one for one in entries if is_meant(self._operation, wanted, place, one)]
            self._matched += len(meant)
            dealt = self._dealt
            yield from self._act(place, meant, length)
            missed |= place.is_list and self._dealt - dealt < len(meant)
            walk.took(meant)
        return missed

    @property
    def _dealt(self) -> int:
        return self._operation.done + self._refused

    def _arrive(self, place: Place) -> Flow[None]:
        """Have what is on its way there now arrive, a slice a step."""
        names = set((yield queue.moving(self._keys)))
        while {name for name in names if place.is_goal(name)}:
            yield queue.move_slice(self._keys)
            yield from self._do()
            names &= set((yield queue.moving(self._keys)))

    def _act(self, place: Place, meant: list[Entry], length: int) -> Flow[None]:
        """Do it to those of a page; where nothing matches, the server hears how far it is."""
        expect, taken = self._operation.expect, 0
        for some in self._slices(place, meant, length):
            if expect is not None and self._dealt + len(some) > expect:
                raise _TooMany(f"more jobs match than the {expect:,} that were expected")
            aims, words = [], bytearray()
            for entry in some:
                becomes = self._changed(place, entry.payload)
                dies = self._is_kill and batches_of(entry.payload)
                text = note(read(entry.payload), self._now()) if dies else ""
                # Those of this page that were taken before lay in front of it.
                aims.append(Aim(len(entry.payload), len(becomes), entry.at - taken, text))
                words += entry.payload + becomes
            yield from self._do(place, aims, bytes(words))
            taken += len(some)
        if not meant and time.monotonic() - self._spoke > SILENCE:
            yield from self._do()

    @property
    def _is_kill(self) -> bool:
        return self._operation.verb == "kill"

    def _slices(self, place: Place, meant: list[Entry], length: int) -> Iterator[list[Entry]]:
        """As many at a time as a script may take."""
        some: list[Entry] = []
        batches: set[bytes] = set()
        size = 0
        for entry in meant:
            own = batches_of(entry.payload)
            batches |= own
            size += len(entry.payload)
            most = self._most(place, entry, length)
            if some and (len(some) >= most or len(batches) > STEP_BATCHES or size > BYTES):
                yield some
                some, batches, size = [], own, len(entry.payload)
            some.append(entry)
        if some:
            yield some

    def _most(self, place: Place, entry: Entry, length: int) -> int:
        """How many, where this one is among them: what lies deep costs the server the way to it."""
        if not place.is_list:
            return STEP
        depth = max(1, min(entry.at, length - entry.at))
        return max(FEWEST, min(STEP, DEPTH // depth))

    def _changed(self, place: Place, text: bytes) -> bytes:
        """What a job becomes on its queue; nothing where it can't go there."""
        if self._operation.verb != "retry":
            return b""
        if place.kind == "schedule":
            return text
        try:
            return payload.by_hand(text, payload.decode(text).retry_count).encode()
        except (ValueError, RecursionError):
            return b""

    # -- the trash --------------------------------------------------------------------------------

    def _undo(self) -> Flow[None]:
        """Put back what the operation that it undoes has deleted, the last first."""
        before: str | None = "+inf"
        while before is not None:
            page: trash.Rummaged = yield trash.rummage(
                self._keys,
                before=before,
                count=trash.SLICE,
                operation=self._operation.undoes or "",
            )
            before = page.before
            self._scanned += len(page.jobs)
            self._matched += len(page.jobs)
            restored: trash.Restored = yield trash.restore(
                self._keys,
                id=self._operation.id,
                step=self._step,
                driver=self._driver,
                entries=[one.at for one in page.jobs],
                fields=self._counts(),
                ends="" if before else "done",
                now=self._now(),
            )
            self._heed(restored.fields)

    # -- steps ------------------------------------------------------------------------------------

    def _do(
        self,
        place: Place = NOWHERE,
        aims: list[Aim] | None = None,
        payloads: bytes = b"",
        ends: str = "",
    ) -> Flow[None]:
        fields: Fields = yield store.operate(
            self._keys,
            id=self._operation.id,
            step=self._step,
            driver=self._driver,
            act=_ACTS.get(self._operation.verb, ""),
            place=place.kind,
            name=place.name,
            aims=aims or [],
            payloads=payloads,
            fields=self._counts(),
            ends=ends,
            now=self._now(),
        )
        self._heed(fields)

    def _now(self) -> int:
        """Callbacks that a step causes come later than all jobs that it is for."""
        now, later = self._clock(), round(self._operation.as_of.timestamp() * 1000) + 1
        return later if now < later <= now + BEHIND else now

    def _counts(self) -> list[str | int]:
        fields = {**self._fields, "scanned": self._scanned, "matched": self._matched}
        self._fields = {}
        return [word for pair in fields.items() for word in pair]

    def _heed(self, fields: Fields) -> None:
        self._step += 1
        self._spoke = time.monotonic()
        # One that was sent twice was done once: it is ours if it says so.
        is_ours = fields.get("driver") == self._driver and int(fields["step"]) == self._step
        if not is_ours or fields["state"] != "running":
            raise _Over
        self._operation = reading(fields)
        self._refused = self._operation.refused
