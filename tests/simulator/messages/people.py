"""What people and other programs do by hand, and what time does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.simulator.messages.base import Message
from tests.simulator.model import Model
from tests.simulator.payloads import read
from tests.simulator.world import KEYS, Snapshot, Wire


@dataclass
class Deliver(Message):
    """Somebody puts a text on a queue: another client, or a copy of what is there already."""

    queue: str
    payload: str

    def perform(self, wire: Wire) -> Any:
        wire.command("SADD", KEYS("queues"), self.queue)
        return wire.command("LPUSH", KEYS("queue", self.queue), self.payload)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        job = read(self.payload.encode())
        jid = job.id
        if job.member:  # of what is staged, too, which is nobody's job yet
            model.doubled.add(jid)
        if jid in model.seen:
            model.doubled.add(jid)
            lies = {place for one, place in model.places if one == jid} - {"trash"}
            if not lies:
                model.carried.add(jid)
            elif lies == {"dead"}:  # as if it were brought back
                model.raised.add(jid)
        model.put(jid, "queue")


@dataclass
class Revive(Message):
    """Somebody moves a job from a set to a queue, written anew perhaps as `text`."""

    source: str
    payload: bytes
    queue: str
    text: str

    def perform(self, wire: Wire) -> Any:
        wire.command("ZREM", KEYS(self.source), self.payload)
        wire.command("SADD", KEYS("queues"), self.queue)
        return wire.command("LPUSH", KEYS("queue", self.queue), self.text)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        jid = read(self.payload).id
        model.take(jid, self.source)
        model.put(jid, "queue")
        model.raised.add(jid)


@dataclass
class Pause(Message):
    """Somebody pauses a queue, or lets it go on."""

    queue: str
    on: bool

    def perform(self, wire: Wire) -> Any:
        return wire.command("SADD" if self.on else "SREM", KEYS("paused"), self.queue)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        (model.paused.add if self.on else model.paused.discard)(self.queue)


@dataclass
class Forget(Message):
    """The time of a finished batch has come: the server removes its keys."""

    bid: str

    def perform(self, wire: Wire) -> Any:
        kinds = ("batch", "slots", "failures", "kids")
        return wire.command("DEL", *(KEYS(kind, self.bid) for kind in kinds))

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.forgotten[self.bid] = model.counts_as(self.bid)
        if self.bid.encode() in before.scored("o:cancelled"):
            model.outlawed.add(self.bid)
        del model.batches[self.bid]
