"""The end of a batch: what an audit says, what others do behind our back, and deleting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from outrider.ids import member_jid
from outrider.script import Call
from outrider.store import life
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.people import Forget
from tests.simulator.model import CANCELLED, DEAD, DELETED, FAILING, WAITING, Model
from tests.simulator.payloads import Job, read
from tests.simulator.world import KEYS, Snapshot, Violation, Wire


@dataclass
class Audited(Message):
    """A request of an audit that may write. Its words are left out: audits have random names."""

    name: str
    request: Call[Any] = field(repr=False)
    answer: Any = field(default=None, repr=False)

    def perform(self, wire: Wire) -> Any:
        self.answer = wire.run(self.request)
        return self.answer if isinstance(self.answer, bool) else None

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        if self.name == "condemn" and answer:
            self._expect_end(model)
        elif self.name == "orphans":
            self._expect_orphans(model)
        elif self.name == "review":
            for bid in before.scored("o:audit"):
                if bid.decode() not in model.batches:
                    model.cancelling.discard(bid.decode())

    def _expect_end(self, model: Model) -> None:
        bid, _, *packed = self.request.words[2:7]
        known = model.batches.get(str(bid))
        if known is None:
            raise Violation("there is no verdict on a batch that is gone", bid)
        lost, buried, callbacks = (msgspec.msgpack.decode(_bytes(one)) for one in packed)
        ends = [(number, "", DELETED) for number in lost]
        # In a cancelled batch nobody dies any more.
        death = CANCELLED if known.cancelled else DEAD
        ends += [(number, "" if known.cancelled else note, death) for number, note in buried]
        for number, note, state in ends:
            if known.slots.get(number) in {WAITING, FAILING}:
                job = Job(member_jid(known.bid, number), True, (known.bid, number))
                self._check(model, job.id, dead=state != DELETED)
                model.change(job, state)
                if note:
                    model.note(job)
        for name, word in callbacks:
            event, index = name.split(":")
            callback = (known.bid, event, int(index))
            job = Job(known.jid(event, int(index)), True, None, callback)
            if known.callbacks.get(callback[1:]) in {"queued", "failing"}:
                self._check(model, job.id, dead=word == "dead")
                model.call_back(job, word)
        model.settle([known.bid])

    @staticmethod
    def _check(model: Model, jid: str, *, dead: bool) -> None:
        held = {place for (one, place) in model.places if one == jid} - {"trash"}
        # Whoever takes a job away, and brings it back later, may hide it from an audit.
        if not dead and held and jid not in model.carried:
            raise Violation("an audit deletes nobody who is held", (jid, held))
        # Who is brought back by other programs is known to be so when it is claimed.
        if dead and (held - {"dead", "queue"} or ("queue" in held and jid not in model.raised)):
            raise Violation("an audit buries nobody who lives", (jid, held))

    def _expect_orphans(self, model: Model) -> None:
        known = model.batches.get(str(self.request.words[2]))
        for bid in known.kids if known else ():
            if bid not in model.batches and "settled" not in model.forgotten[bid]:
                model.forgotten[bid] = {"complete", "settled"}
        if known:
            model.settle([known.bid])


def _bytes(word: object) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


@dataclass
class Delete(Message):
    """Somebody deletes a batch."""

    bid: str
    force: bool
    now: int

    def call(self) -> Call[Any]:
        return life.forget(KEYS, bid=self.bid, force=int(self.force), now=self.now)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.batches.get(self.bid)
        if known is None:
            same("what is unknown can't be forgotten", -1, answer)
            return
        rests = "settled" in model.counts_as(self.bid)
        same("only what is at rest is forgotten", int(rests), answer)
        if rests:
            model.forget(self.bid)
        elif self.force:
            known.doomed = True


@dataclass
class Lose(Message):
    """Another program, or a bad memory, takes a job away; with `dead_at` to the dead set."""

    place: str
    key: str
    payload: bytes
    token: int = 0
    dead_at: float = 0.0

    def perform(self, wire: Wire) -> Any:
        if self.dead_at:
            wire.command("ZADD", KEYS("dead"), self.dead_at, self.payload)
        if self.place == "claim":
            return wire.command("HDEL", self.key, self.token)
        if self.place == "queue":
            return wire.command("LREM", self.key, 1, self.payload)
        return wire.command("ZREM", self.key, self.payload)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        jid = read(self.payload).id
        model.take(jid, self.place)
        if self.dead_at:
            model.put(jid, "dead")
            model.carried.add(
                jid
            )  # who brings it back from there has moved it twice behind our back


@dataclass
class LoseQueue(Message):
    """Somebody deletes a queue by its key."""

    name: str

    def perform(self, wire: Wire) -> Any:
        return wire.command("DEL", KEYS("queue", self.name))

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        for payload in before.queues.get(self.name, []):
            model.take(read(payload).id, "queue")


class Vanish(Forget):
    """The record of a batch is deleted behind our back."""
