"""What large blocks send: chunks that are staged, commits of them, and what moves them on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from outrider.script import Call
from outrider.store import batch, place, queue
from outrider.store.place import Place
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.producers import Commit, Laned
from tests.simulator.model import Model
from tests.simulator.payloads import read
from tests.simulator.world import KEYS, Snapshot, Ticket, Wire

PLACES = {True: "queue", False: "schedule"}


def goal(snapshot: Snapshot, name: str) -> list[bytes]:
    """What lies where staged jobs of this name are to go."""
    _, colon, home = name.partition(":")
    return snapshot.queues.get(home, []) if colon else [*snapshot.scored("schedule")]


def arrive(model: Model, name: str, payloads: list[bytes]) -> None:
    """Jobs that were on their way have come to their queue, or into the schedule."""
    for payload in payloads:
        model.take(read(payload).id, "moving")
        model.put(read(payload).id, PLACES[":" in name])


@dataclass
class Stage(Laned):
    """Jobs of a block that is not committed: they are in no place yet."""

    ticket: Ticket
    block: str
    queues: list[queue.QueueGroup]
    scheduled: list[str | float]

    def sent(self) -> dict[str, list[str]]:
        """What goes where."""
        staged = {f"{self.block}:{name}": jobs for name, jobs in self.queues}
        delayed = [str(job) for job in self.scheduled[1::2]]
        return staged | ({self.block: delayed} if delayed else {})

    def call(self) -> Call[Any]:
        return batch.stage(
            KEYS,
            block=self.block,
            queues=self.queues,
            scheduled=self.scheduled,
            names=list(self.sent()),
            life=batch.LIFE,
        )

    def execute(self, model: Model) -> int:
        for name, jobs in self.sent().items():
            model.staged[name] = model.staged.get(name, 0) + len(jobs)
        return 1


@dataclass
class CommitStaged(Commit):
    """A block of which all was staged before."""

    staged: list[tuple[str, int]] = field(default_factory=list)
    done: bool = field(default=False, repr=False)

    def call(self) -> Call[Any]:
        return batch.commit(
            KEYS,
            batches=self.parts,
            queues=self.queues,
            scheduled=self.scheduled,
            staged=self.staged,
            now=self.now,
        )

    def execute(self, model: Model) -> Any:
        if any(model.staged.get(name, 0) != count for name, count in self.staged):
            return batch.LAPSED
        said = super().execute(model)
        self.done = said == 1
        return said

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        self.done = False
        super().expect(model, before, after, answer)
        if self.done:
            for name, _ in self.staged:
                del model.staged[name]
                jobs = before.staged[name]
                for payload in jobs:
                    model.put(read(payload).id, "moving")
                # Where nothing lies, they are in their place at once.
                if not goal(before, name):
                    arrive(model, name, jobs)


@dataclass
class Move(Message):
    """The oldest of what is on its way goes on, a slice of it."""

    limit: int
    bytes: int

    def call(self) -> Call[Any]:
        return queue.move(KEYS, limit=self.limit, bytes=self.bytes)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        names = [name for _, name in sorted((at, n) for n, at in before.scored("o:moving").items())]
        if not names:
            same("nothing is left to move", 0, answer)
            return
        name = names[0].decode()
        jobs, there = before.staged[name], goal(before, name)
        oldest = jobs[::-1] if ":" in name else jobs
        taken = 0
        while there and taken < min(self.limit, len(jobs)):
            if sum(map(len, oldest[:taken])) >= self.bytes:
                break
            taken += 1
        moved = oldest[:taken] if there else oldest
        arrive(model, name, moved)
        if ":" in name:
            same("what is moved lies behind", [*moved[::-1], *there], goal(after, name))
        same("moving comes to its end", len(names) - (moved == oldest), answer)


@dataclass
class Waiting(Message):
    """Somebody asks for the size of a queue, or of the schedule."""

    where: Place

    def call(self) -> Call[Any]:
        return place.size(KEYS, self.where)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        own, name = self.where.kind == "queue", self.where.name
        queued = len(before.queues.get(name, [])) + before.moving(name)
        delayed = len(before.scored("schedule")) + len(before.delayed())
        same("the size of a place", queued if own else delayed, answer)


@dataclass
class Lapse(Message):
    """The time of something staged has come."""

    name: str

    def perform(self, wire: Wire) -> Any:
        return wire.command("DEL", KEYS("staged", self.name))

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.staged.pop(self.name, None)
