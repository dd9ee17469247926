"""What producers send: jobs, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import batch, queue
from tests.simulator.messages.base import Message, in_front, same
from tests.simulator.model import Model
from tests.simulator.payloads import read
from tests.simulator.world import KEYS, Snapshot, Ticket, Wire, digest


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

    def execute(self, model: Model) -> int:
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
    """Jobs of a batch, and the batch itself when `create` holds its fields."""

    bid: str
    create: list[str | int]
    ranges: list[tuple[int, int]]
    now: int

    def call(self) -> Call[Any]:
        home = self.queues[0][0] if self.queues else ""
        part = batch.Part(self.bid, "", self.create, self.ranges, home)
        return batch.commit(
            KEYS,
            batches=[part],
            queues=self.queues,
            scheduled=self.scheduled,
            now=self.now,
        )

    def perform(self, wire: Wire) -> Any:
        return super().perform(wire).answer

    def execute(self, model: Model) -> int:
        if self.create:
            total = sum(count for _, count in self.ranges)
            made = model.create(self.bid, total)
            fields = dict(zip(self.create[::2], self.create[1::2], strict=True))
            for name, callback in fields.items():
                if str(name).startswith("cb:"):
                    made.listen(str(name).split(":")[1], str(callback))
        known = model.batches.get(self.bid)
        if known is None:
            return batch.UNKNOWN
        if "settled" in known.fired:
            return batch.SETTLED
        arrive(model, self.queues, self.scheduled)
        known.add(self.ranges)
        if self.queues and known.queue == "default":
            known.queue = self.queues[0][0]
        model.settle_batch(known)
        return 1


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
        model.settle_batch(known)
        return 1


@dataclass
class Reserve(Message):
    """Numbers for jobs to come."""

    bid: str
    count: int

    def call(self) -> Call[Any]:
        return batch.reserve(KEYS, bid=self.bid, count=self.count)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.batches.get(self.bid)
        if known is None:
            same("an unknown batch reserves nothing", batch.UNKNOWN, answer)
        elif "settled" in known.fired:
            same("a settled batch reserves nothing", batch.SETTLED, answer)
        else:
            same("numbers are reserved once", known.reserved, answer)
            known.reserved += self.count + self.count % 2
