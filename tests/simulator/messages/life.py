"""The life of workers: leases, children, and the return of what they held."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from outrider.script import Call
from outrider.store import process
from tests.simulator.messages.base import Message, in_front, same, within
from tests.simulator.model import Child, Model
from tests.simulator.payloads import read, told
from tests.simulator.world import KEYS, Snapshot, Violation, Wire, pairs

CARD_LIFE = 60
SHOWN = ("", ":work", ":workers", "-signals")


@dataclass
class Beat(Message):
    """A worker says that it lives."""

    identity: str
    life: int
    register: int
    override: int
    work: list[tuple[str, str, int, int]] = field(default_factory=list)
    heard: str = ""

    def call(self) -> Call[Any]:
        return process.beat(
            KEYS,
            identity=self.identity,
            life=self.life,
            register=self.register,
            fields=["info", "{}"],
            work=self.work,
            heard=self.heard,
            override=self.override,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.tick(self.override)
        alive = bool(self.register) or self.identity in model.leases
        signals = before.rest.get(f"{self.identity}-signals", []) if alive else []
        if signals and signals[-1].decode() == self.heard:
            signals = signals[:-1]
        signal = signals[-1].decode() if signals else ""
        same("a beat says whether the lease stands", (alive, self.override, signal), tuple(answer))
        if alive:
            waiting = after.rest.get(f"{self.identity}-signals", [])
            same("a signal waits until it was heard", signals, waiting)
            model.leases[self.identity] = model.virtual + self.life
            if self.identity in before.owners:
                model.started[self.identity] = {(child, token) for _, child, token, _ in self.work}
            card = dict(pairs(after.rest[self.identity]))
            same("a beat says when it was", f"{self.override / 1000:.3f}", card[b"beat"].decode())
            if not 0 < after.ttl[self.identity] <= CARD_LIFE:
                raise Violation("what a worker says of itself expires", self.identity)
            board = after.rest.get(f"{self.identity}:work", [])
            shown = {slot.decode(): json.loads(job)["payload"] for slot, job in pairs(board)}
            same("running jobs are shown", self._running(before), shown)
            copy = after.rest.get(f"{self.identity}:workers", [])
            same("running jobs are shown twice", dict(pairs(board)), dict(pairs(copy)))

    def _running(self, before: Snapshot) -> dict[str, str]:
        return {
            slot: before.held((self.identity, child))[token].decode()
            for slot, child, token, _ in self.work
            if token in before.held((self.identity, child))
        }


@dataclass
class Enlist(Message):
    """A child may claim from now on."""

    child: tuple[str, str]

    def call(self) -> Call[Any]:
        return process.enlist(KEYS, identity=self.child[0], child=self.child[1])

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        same("only a worker that lives has children", self.child[0] in model.leases, answer)
        if answer:
            model.children.setdefault(self.child, Child())


Marks = dict[tuple[str, int], str]


def give_back(
    model: Model, before: Snapshot, after: Snapshot, identity: str, marks: Marks, now: int = 0
) -> list[int]:
    """Expect the claims of one worker that are gone on their queues; how many of each child.

    `marks` says of child and token what the payload is told.
    """
    backs = []
    for key in [key for key in before.claims if key[0] == identity]:
        old = before.held(key)
        back = sorted(old.keys() - after.held(key).keys(), reverse=True)
        same("the newest claims go back first", sorted(old, reverse=True)[: len(back)], back)
        for token in back:
            job = read(old[token])
            if (known := model.batch_of(job)) and known.cancelled:
                model.cancelling.add(known.bid)
            model.take(job.id, "claim")
            model.put(job.id, "queue")
            blame = "!" if marks.get((key[1], token)) == "blamed" else ""
            model.tell("job.recovered", job, f"{token}{blame}")
        backs.append([told(old[token], marks.get((key[1], token), ""), now) for token in back])
    in_front(before, after, backs)
    return [len(back) for back in backs if back]


def forget_worker(model: Model, identity: str) -> None:
    """A worker is gone with all its children."""
    model.leases.pop(identity, None)
    model.started.pop(identity, None)
    model.newer.discard(identity)
    for key in [key for key in model.children if key[0] == identity]:
        del model.children[key]


def fence_children(model: Model, after: Snapshot, identity: str) -> None:
    """Which children a slice has reached is the server's choice."""
    left = after.owners.get(identity, {})
    for key in [key for key in model.children if key[0] == identity]:
        said = left.get(key[1])
        if said is None:
            del model.children[key]
        elif said == b"gone":
            model.children[key].gone = True


@dataclass
class Check(Message):
    """A child compares notes with the server."""

    child: tuple[str, str]
    life: int
    override: int

    def call(self) -> Call[Any]:
        identity, child = self.child
        return process.check(
            KEYS, identity=identity, child=child, life=self.life, override=self.override
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.children.get(self.child)
        alive = known is not None and not known.gone
        held = set(before.held(self.child)) if alive else set()
        same("a child hears what it holds", (alive, self.override, held), tuple(answer))
        if alive:
            model.leases[self.child[0]] = model.virtual + self.life


@dataclass
class Rollback(Message):
    """The server crashes, and has lost the last tokens that it gave out; nobody held these."""

    last: int

    def perform(self, wire: Wire) -> Any:
        return wire.command("SET", KEYS("tokens"), self.last)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.last_token = self.last


@dataclass
class Recall(Message):
    """A supervisor gives a dead child's jobs back."""

    child: tuple[str, str]
    limit: int
    blamed: list[int]
    timed_out: list[int]
    now: int

    def call(self) -> Call[Any]:
        return process.recall(
            KEYS,
            identity=self.child[0],
            child=self.child[1],
            limit=self.limit,
            blamed=self.blamed,
            timed_out=self.timed_out,
            now=self.now,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        held = len(before.held(self.child))
        same("a recall moves what it says", min(held, self.limit), answer)
        name = self.child[1]
        marks = {(name, token): "blamed" for token in self.blamed}
        marks |= {(name, token): "timed_out" for token in self.timed_out}
        moved = give_back(model, before, after, self.child[0], marks, self.now)
        same("a recall gives back", answer, sum(moved))
        if self.child in model.children:
            model.children[self.child].gone = True
            if held <= self.limit:
                del model.children[self.child]


@dataclass
class Relieve(Message):
    """A supervisor gives back what a child will not begin."""

    child: tuple[str, str]
    begun: int
    revoked: int
    limit: int
    bytes: int

    def call(self) -> Call[Any]:
        return process.relieve(
            KEYS,
            identity=self.child[0],
            child=self.child[1],
            begun=self.begun,
            revoked=self.revoked,
            limit=self.limit,
            bytes=self.bytes,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        held = before.held(self.child)
        tokens = [t for t in sorted(held, reverse=True) if self.begun < t <= self.revoked]
        back = within([held[token] for token in tokens], self.limit, self.bytes)
        gone = set(tokens[: len(back)])
        same("a slice of relief moves what it may", len(back), answer)
        left = {token: text for token, text in held.items() if token not in gone}
        same("a child keeps what it has begun", left, after.held(self.child))
        for job in map(read, back):
            if (known := model.batch_of(job)) and known.cancelled:
                model.cancelling.add(known.bid)
            model.take(job.id, "claim")
            model.put(job.id, "queue")
        in_front(before, after, [back])


@dataclass
class Farewell(Message):
    """A worker stops in good order."""

    identity: str
    limit: int

    def call(self) -> Call[Any]:
        return process.farewell(KEYS, identity=self.identity, limit=self.limit)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        self.expect_return(model, before, after, self.identity, answer, {})

    def expect_return(
        self,
        model: Model,
        before: Snapshot,
        after: Snapshot,
        identity: str,
        moved: int,
        marks: Marks,
        now: int = 0,
    ) -> None:
        """Check one slice of the return of all that a worker holds: of one child."""
        held = [len(jobs) for (owner, _), jobs in before.claims.items() if owner == identity]
        if moved not in {min(count, self.limit) for count in held or [0]}:
            raise Violation("a slice moves what it may", (moved, held, self.limit))
        slices = give_back(model, before, after, identity, marks, now)
        same("a slice gives back", [moved] * bool(moved), slices)
        if identity.encode() not in after.scored("o:leases"):
            forget_worker(model, identity)
            if any(f"{identity}{end}" in after.ttl for end in SHOWN):
                raise Violation("a worker that is gone is not shown", identity)
        elif not moved:
            raise Violation("a worker that holds nothing is forgotten", identity)
        else:
            fence_children(model, after, identity)


@dataclass
class Reap(Farewell):
    """Any supervisor gives back what a lost host held."""

    identity: str
    limit: int
    override: int

    def call(self) -> Call[Any]:
        return process.reap(KEYS, limit=self.limit, override=self.override)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.tick(self.override)
        lapsed = {name for name, end in model.leases.items() if end < model.virtual} - model.newer
        if not answer.identity:
            same("lapsed leases are reaped", set(), lapsed)
            return
        if answer.identity not in lapsed:
            raise Violation("no live worker is reaped, nor a newer one", answer.identity)
        marks = dict.fromkeys(model.started.get(answer.identity, ()), "blamed")
        self.expect_return(
            model, before, after, answer.identity, answer.moved, marks, self.override
        )


@dataclass
class Upgrade(Message):
    """A worker of a newer release has its claims laid out in another way."""

    identity: str

    def perform(self, wire: Wire) -> Any:
        return wire.command("HSET", KEYS("owners", self.identity), ":v", 2)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.newer.add(self.identity)
