"""Finds members and callbacks of batches that are held nowhere, and tells their batches.

Our own roads out of the system tell the batch; this is for those of others: a queue deleted by
hand, a job killed in another program's console, what a server has forgotten.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from itertools import count

from outrider import words
from outrider.hub import Flow
from outrider.ids import member_jid
from outrider.inspection.collection import note
from outrider.inspection.record import read
from outrider.io import Executor
from outrider.keys import Keys
from outrider.slots import numbers_in
from outrider.store import audit as store
from outrider.store import batch, look
from outrider.store.audit import END, PAGE, Review
from outrider.store.look import SLOTS_PAGE
from outrider.store.place import Place
from outrider.walk import Walk
from outrider.worker.survey import BURIED, HELD, Case, search

log = logging.getLogger("outrider.worker")
PERIOD, AGAIN = 30.0, 10.0
SHARE = 50
CALLS = 20
BATCHES, NUMBERS = 5000, 4_000_000
SLICE = 500
TURN, SLACK = 300_000, 10_000
_ALIVE = frozenset((1, 2))

Missing = dict[int | str, bool]
"""Members by number and callbacks by event:index; whether each lies in the dead set."""


class Audit:
    """One worker at a time audits, a slice a tick, and never more than a fiftieth of the time.

    A round looks at batches in which nothing has moved since the round before. What it does not
    find is looked for a second time `again` seconds later, armed: see docs/internals.md.
    """

    def __init__(
        self,
        executor: Executor,
        keys: Keys,
        identity: str,
        now: Callable[[], int],
        *,
        period: float = PERIOD,
        again: float = AGAIN,
        page: int = PAGE,
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._identity = identity
        self._now = now
        self._period = period
        self._again = again
        self._page = page
        self._counts: dict[str, str] = {}
        self._missing: dict[str, Missing] = {}
        self._flow: Flow[None] | None = None
        self._took = 0.0

    def tick(self) -> float:
        """Go on with a round, or begin one; seconds until the next slice."""
        if self._flow is None:
            if not self._turn(TURN):
                return self._period
            self._flow, self._answer, self._took = self.round(), None, 0.0
        started = time.monotonic()
        try:
            over = self._go_on(self._flow)
        except BaseException:
            self._flow = None
            raise
        self._took += time.monotonic() - started
        if not over:
            return 0.0
        self._flow = None
        rest = max(self._again if self._missing else self._period, SHARE * self._took)
        self._turn(int(rest * 1000) + SLACK)
        return rest

    def _turn(self, life: int) -> bool:
        call = store.turn(self._keys, identity=self._identity, life=life)
        return self._executor.run(call)

    def _go_on(self, flow: Flow[None]) -> bool:
        for _ in range(CALLS):
            try:
                call = flow.send(self._answer)
            except StopIteration:
                return True
            self._answer = self._executor.run(call)
        return False

    # -- one round --------------------------------------------------------------------------------

    def round(self) -> Flow[None]:
        """Look for the first time, or again for what is missing."""
        if self._missing:
            yield from self._look_again()
        else:
            yield from self._look()

    def _look(self) -> Flow[None]:
        wanted: list[Review] = []
        numbers = 0
        for one in (yield from self._idle()):
            if one.children:
                yield from self._orphans(one.bid)
            if one.pending or one.callbacks:
                numbers += one.numbers
                if wanted and (len(wanted) == BATCHES or numbers > NUMBERS):
                    break
                wanted.append(one)
        self._missing = yield from self._search([one.bid for one in wanted])
        for at in range(0, len(wanted), SLICE):
            bids = [one.bid for one in wanted[at : at + SLICE]]
            yield store.audited(self._keys, bids, self._now())

    def _orphans(self, bid: str) -> Flow[None]:
        cursor = yield store.orphans(self._keys, bid=bid, cursor=0, now=self._now())
        while cursor:
            cursor = yield store.orphans(self._keys, bid=bid, cursor=cursor, now=self._now())

    def _idle(self) -> Flow[list[Review]]:
        """Batches that are as they were in the round before, the longest not audited first."""
        before, self._counts = self._counts, {}
        found: list[Review] = []
        cursor = ""
        while cursor != END:
            cursor, batches = yield store.review(self._keys, cursor=cursor or "0")
            self._counts.update((one.bid, one.counts) for one in batches)
            found += [one for one in batches if before.get(one.bid) == one.counts]
        return sorted(found, key=lambda one: one.audited_at)

    def _look_again(self) -> Flow[None]:
        before, self._missing = self._missing, {}
        name = os.urandom(8).hex()
        for bid in before:
            yield store.arm(self._keys, bid=bid, audit=name)
        found = yield from self._search(list(before))
        for bid, missing in found.items():
            twice = {thing: dead for thing, dead in missing.items() if thing in before[bid]}
            yield from self._condemn(bid, name, twice)

    def _search(self, bids: list[str]) -> Flow[dict[str, Missing]]:
        """What is missing of these batches: nothing, where there was too much moving to know."""
        cases: dict[str, Case] = {}
        for bid in bids:
            fields: dict[str, bytes] = yield batch.read(self._keys, bid)
            cases[bid] = Case(int(fields.get("n", 0)), _open_callbacks(fields))
        if not cases or not (yield from search(self._keys, cases, self._page)):
            return {}
        found: dict[str, Missing] = {}
        for bid, case in cases.items():
            missing = yield from self._missing_of(bid, case)
            if missing:
                found[bid] = missing
        return found

    def _missing_of(self, bid: str, case: Case) -> Flow[Missing]:
        seen = case.callbacks.items()
        missing: Missing = {name: mark == BURIED for name, mark in seen if not mark & HELD}
        for page in count():
            states: bytes = yield look.slots(self._keys, bid, page)
            for number in numbers_in(states, page, _ALIVE):
                # Whoever came after the search began has no mark, and is not looked for.
                if number < len(case.members) and not case.members[number] & HELD:
                    missing[number] = case.members[number] == BURIED
            if len(states) < SLOTS_PAGE:
                return missing
        raise AssertionError  # count() has no end

    # -- what is lost -----------------------------------------------------------------------------

    def _condemn(self, bid: str, name: str, missing: Missing) -> Flow[None]:
        members = [thing for thing in missing if isinstance(thing, int)]
        buried = [number for number in members if missing[number]]
        notes = yield from self._notes({member_jid(bid, number) for number in buried})
        callbacks = [
            (thing, "dead" if dead else "deleted")
            for thing, dead in missing.items()
            if isinstance(thing, str)
        ]
        for at in range(0, max(1, len(members), len(callbacks)), SLICE):
            part = members[at : at + SLICE]
            stands = yield store.condemn(
                self._keys,
                bid=bid,
                audit=name,
                lost=[number for number in part if not missing[number]],
                buried=[
                    (number, notes.get(member_jid(bid, number), ""))
                    for number in part
                    if missing[number]
                ],
                callbacks=callbacks[at : at + SLICE],
                last=int(at + SLICE >= max(len(members), len(callbacks))),
                now=self._now(),
            )
            if not stands:
                return
        if missing:
            dead = sum(missing.values())
            log.warning(
                "batch %s: %s held nowhere counted as deleted, %d in the dead set as dead",
                bid,
                words.count(len(missing) - dead, "job"),
                dead,
            )

    def _notes(self, jids: set[str]) -> Flow[dict[str, str]]:
        """What is to be noted of members that lie in the dead set."""
        notes: dict[str, str] = {}
        walk = Walk(self._keys, Place("dead"))
        while jids and (entries := (yield from walk.step())):
            for record in (read(entry.payload) for entry in entries):
                if record.jid in jids:
                    notes[record.jid] = note(record, self._now())
        return notes


def _open_callbacks(fields: dict[str, bytes]) -> list[str]:
    return [
        name.removeprefix("cs:")
        for name, state in fields.items()
        if name.startswith("cs:") and state in (b"queued", b"failing")
    ]
