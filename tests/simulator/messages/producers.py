"""What producers send: jobs, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import batch, queue
from tests.simulator.messages.base import Message, in_front, same
from tests.simulator.model import Model
from tests.simulator.payloads import read
from tests.simulator.world import KEYS, Snapshot, Ticket, Violation, Wire, digest


class Laned(Message):
    """A request in a producer lane: only the first delivery of the newest one does anything."""

    ticket: Ticket

    def perform(self, wire: Wire) -> Any:
        return wire.run(self.call(), self.ticket)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        seen = digest(self.call())
        said = model.lane_says(*self.ticket, seen)
        if said is None:
            said = self.execute(model)
            if said == 1:
                model.lanes[self.ticket.lane] = (self.ticket.number, seen)
        same("a lane executes each request once", said, answer)
        in_front(before, after, [])

    def execute(self, model: Model) -> Any:
        """Move the model on by a first delivery, and give the answer to it."""
        raise NotImplementedError


@dataclass
class Push(Laned):
    """Plain jobs, put on queues and into the schedule."""

    ticket: Ticket
    queues: list[queue.QueueGroup]
    scheduled: list[str | float]

    def call(self) -> Call[Any]:
        return queue.push(KEYS, queues=self.queues, scheduled=self.scheduled)

    def execute(self, model: Model) -> int:
        arrive(model, self.queues, self.scheduled)
        return 1


@dataclass
class Commit(Push):
    """Jobs of batches, and new batches, where a part has fields. `by` is the job that adds."""

    parts: list[batch.Part]
    now: int
    by: bytes = b""

    def call(self) -> Call[Any]:
        return batch.commit(
            KEYS,
            batches=self.parts,
            queues=self.queues,
            scheduled=self.scheduled,
            staged=[],
            now=self.now,
        )

    def perform(self, wire: Wire) -> Any:
        committed = super().perform(wire)
        return committed if committed.bid else committed.answer

    def execute(self, model: Model) -> Any:
        made: set[str] = set()
        for part in self.parts:
            asked = part.parent if part.fields else part.bid
            hold = bool(part.hold and not part.fields)
            said = 1 if not asked or asked in made else model.refuses(asked, part.inside, hold)
            if said != 1:
                if said == batch.SETTLED and self.by and model.is_live(read(self.by), asked):
                    raise Violation("who lives in a batch may add to it", (self.by, asked))
                return batch.Committed(said, asked)
            if part.fields:
                made.add(part.bid)
        for part in self.parts:
            self._add(model, part)
        arrive(model, self.queues, self.scheduled)
        model.settle(bid for part in self.parts for bid in (part.bid, part.parent))
        return 1

    def _add(self, model: Model, part: batch.Part) -> None:
        if part.fields and part.bid not in model.batches:
            made = model.create(part.bid, part.parent)
            for name, callback in zip(part.fields[::2], part.fields[1::2], strict=True):
                if str(name).startswith("cb:"):
                    made.listen(str(name).split(":")[1], str(callback))
                elif name in {"success_ratio", "success_count", "cancel_when_dead"}:
                    made.goals[str(name)] = float(callback)
        known = model.batches[part.bid]
        known.add(part.ranges)
        if part.hold:
            known.held.setdefault(part.hold, model.virtual + 600_000)
        if part.first_queue and not known.queue:
            known.queue = part.first_queue


def arrive(model: Model, queues: list[queue.QueueGroup], scheduled: list[str | float]) -> None:
    """Expect new jobs in their places."""
    for _, payloads in queues:
        for payload in payloads:
            model.put(read(payload.encode()).id, "queue")
    for delayed in scheduled[1::2]:
        model.put(read(str(delayed).encode()).id, "schedule")


@dataclass
class Listen(Laned):
    """One more callback."""

    ticket: Ticket
    bid: str
    event: str
    callback: str
    now: int

    def call(self) -> Call[Any]:
        return batch.listen(
            KEYS, bid=self.bid, event=self.event, callback=self.callback, now=self.now
        )

    def execute(self, model: Model) -> int:
        known = model.batches.get(self.bid)
        if known is None:
            return batch.UNKNOWN
        known.listen(self.event, self.callback)
        model.settle([self.bid])
        return 1


@dataclass
class Reserve(Message):
    """Numbers for jobs to come."""

    bid: str
    count: int
    inside: bool = False

    def call(self) -> Call[Any]:
        return batch.reserve(KEYS, bid=self.bid, count=self.count, inside=self.inside)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        said = model.refuses(self.bid, self.inside)
        if said != 1:
            same("an unknown or settled batch reserves nothing", said, answer)
        else:
            known = model.batches[self.bid]
            same("numbers are reserved once", known.reserved, answer)
            known.reserved += self.count + self.count % 2
