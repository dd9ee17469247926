"""Holding batches open, and cancelling them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import batch, life
from tests.simulator.messages.base import Message, in_front, same
from tests.simulator.messages.trash import disposed
from tests.simulator.model import CANCELLED, FAILING, WAITING, Model
from tests.simulator.payloads import Job, read
from tests.simulator.world import KEYS, Snapshot, Violation, Wire


def end_hold(model: Model, bid: str, hold: str, well: bool) -> None:
    """A hold ends; `settle` must follow."""
    known = model.batches.get(bid)
    if known:
        stood = known.held.pop(hold, None) is not None
        known.barred = not well and (stood or known.barred)


@dataclass
class Release(Message):
    """A hold ends."""

    bid: str
    hold: str
    well: bool
    now: int

    def call(self) -> Call[Any]:
        well = int(self.well)
        return life.release(KEYS, bid=self.bid, hold=self.hold, well=well, now=self.now)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        end_hold(model, self.bid, self.hold, self.well)
        model.settle([self.bid])


@dataclass
class Renew(Message):
    """A hold goes on."""

    bid: str
    hold: str

    def call(self) -> Call[Any]:
        return life.renew(KEYS, bid=self.bid, hold=self.hold)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.batches.get(self.bid)
        stands = known is not None and self.hold in known.held
        same("a renewal says whether the hold stands", stands, answer)
        if known and stands:
            known.held[self.hold] = model.virtual + 600_000


@dataclass
class Age(Message):
    """A hold gets older than its holder thinks: ten minutes pass for it alone."""

    bid: str
    hold: str

    def perform(self, wire: Wire) -> Any:
        return wire.command("ZINCRBY", KEYS("holds"), -600_001, f"{self.bid}:{self.hold}")

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.batches[self.bid].held[self.hold] -= 600_001


@dataclass
class Upkeep(Message):
    """A worker ends holds that have lapsed, takes over cancellings, hears whom to interrupt."""

    limit: int
    since: int
    heard: int
    now: int

    def call(self) -> Call[Any]:
        return life.upkeep(KEYS, limit=self.limit, since=self.since, heard=self.heard, now=self.now)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        ends = sorted(
            (end, bid, hold)
            for bid, known in model.batches.items()
            for hold, end in known.held.items()
            if end < model.virtual
        )[: self.limit]
        for _, bid, hold in ends:
            end_hold(model, bid, hold, well=False)
        model.settle(bid for _, bid, _ in ends)
        marks = before.scored("o:cancelling").items()
        undone = sorted((score, bid.decode()) for bid, score in marks if score <= self.since)
        taken = [bid for _, bid in undone][: self.limit]
        for bid in taken:
            same("one worker alone", self.now, after.scored("o:cancelling")[bid.encode()])
        news = self._news(model)
        heard = news[-1][0] if news else None
        idle = self._idle(model)
        gone = disposed(model, before, after, self.now - 600_000, self.limit)
        expected = (len(ends), taken, [bid for _, bid in news], heard, idle, gone)
        same("upkeep", expected, tuple(answer))

    def _idle(self, model: Model) -> list[str]:
        """The operation that nobody has performed for longest, if its time is over."""
        running = [
            (one.lease, id) for id, one in model.operations.items() if one.state == "running"
        ]
        idle = [id for lease, id in sorted(running) if lease <= self.now][:1]
        for id in idle:
            model.operations[id].lease = self.now + 5000
        return idle

    def _news(self, model: Model) -> list[tuple[int, str]]:
        asked = sorted((mark, bid) for bid, mark in model.interrupts.items())
        for _, bid in [one for one in asked if one[0] < model.virtual][: self.limit]:
            del model.interrupts[bid]
        left = sorted((mark, bid) for bid, mark in model.interrupts.items())
        return [one for one in left if one[0] > self.heard][: self.limit]


@dataclass
class Cancel(Message):
    """A batch is marked, and its running members are to be interrupted perhaps."""

    bid: str
    running: bool
    now: int

    def call(self) -> Call[Any]:
        return life.cancel(KEYS, bid=self.bid, running=int(self.running), now=self.now)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.batches.get(self.bid)
        if known is None:
            same("an unknown batch is not cancelled", batch.UNKNOWN, answer.answer)
            return
        settled = "settled" in known.fired & known.holds(model.kids(known))
        same("a settled batch is not cancelled", int(not settled), answer.answer)
        if not settled:
            self._mark(model, before, after)
        mark = after.scored("o:cancelling").get(self.bid.encode())
        marks = ("" if mark is None else f"{mark:.0f}", known.interrupted)
        same("cancel says what is under way", marks, (answer.mark, answer.running))

    def _mark(self, model: Model, before: Snapshot, after: Snapshot) -> None:
        known = model.batches[self.bid]
        old, new = (one.scored("o:cancelling").get(self.bid.encode()) for one in (before, after))
        if self.running:
            model.interrupt(self.bid)
        if not known.cancelled or (self.running and not known.interrupted):
            if old == new:
                raise Violation("who finishes sees that there is more to do", self.bid)
            model.cancelling.add(self.bid)
        known.cancelled = True
        known.interrupted = known.interrupted or self.running
        model.settle([self.bid])


@dataclass
class CancelMembers(Message):
    """A slice of members of a batch that is marked."""

    bid: str
    first: int
    count: int
    running: list[int]
    now: int

    def call(self) -> Call[Any]:
        return life.cancel_members(
            KEYS,
            bid=self.bid,
            first=self.first,
            count=self.count,
            running=self.running,
            now=self.now,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.batches.get(self.bid)
        if known is None or not known.cancelled:
            same("only a cancelled batch loses members", 0, answer)
            return
        for number in set(range(self.first, self.first + self.count)) - set(self.running):
            if known.slots.get(number) in {WAITING, FAILING}:
                model.change(Job("", True, (self.bid, number)), CANCELLED)
        model.settle([self.bid])
        left = max(0, known.reserved - self.first - self.count)
        same("a slice says what is left", left, answer)


@dataclass
class Purge(Message):
    """Members of all cancelled batches leave `schedule` or `retry`."""

    name: str

    def call(self) -> Call[Any]:
        return life.purge(KEYS, name=self.name, cursor=0, count=250)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        for payload in before.scored(self.name):
            job = read(payload)
            if model.is_cancelled(job):
                model.take(job.id, self.name)
                if payload in after.scored(self.name) and not answer[0]:
                    raise Violation("a scan finds all", payload)
        if not answer[0] and answer[1] < sum(map(len, before.scored(self.name))):
            raise Violation("a scan tells its size", answer)
        in_front(before, after, [])


@dataclass
class Done(Message):
    """The cancelling of a batch is done, if its mark is the one that it was begun by."""

    bid: str
    mark: str

    def call(self) -> Call[Any]:
        return life.cancelled(KEYS, bid=self.bid, mark=self.mark)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        score = before.scored("o:cancelling").get(self.bid.encode())
        stands = score is not None and f"{score:.0f}" == self.mark
        same("done is done unless more has come", stands, answer)
        if stands:
            model.cancelling.discard(self.bid)
