"""What people see of workers, and tell them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import board
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.life import CARD_LIFE, SHOWN
from tests.simulator.messages.producers import Laned
from tests.simulator.model import Model
from tests.simulator.world import KEYS, Snapshot, Ticket, Violation, Wire, digest, pairs


@dataclass
class Fade(Message):
    """A worker has said nothing for a minute: the server removes what it showed."""

    identity: str

    def perform(self, wire: Wire) -> Any:
        return wire.command("DEL", *(KEYS("process", self.identity + end) for end in SHOWN))

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        pass


@dataclass
class Prune(Message):
    """Somebody takes off the list who is gone."""

    identities: list[str]

    def call(self) -> Call[Any]:
        return board.prune(KEYS, identities=self.identities)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        old, new = (set(now.rest.get("processes", [])) for now in (before, after))
        gone = {
            name.encode()
            for name in self.identities
            if name.encode() in old and name not in before.ttl
        }
        same("only the gone are pruned", (old - gone, len(gone)), (new, answer))


@dataclass
class Signal(Laned):
    """Somebody tells a worker to be quiet, to stop, or to write its stacks."""

    ticket: Ticket
    identity: str
    name: str
    there: bool = False

    def call(self) -> Call[Any]:
        return board.signal(KEYS, identity=self.identity, name=self.name)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        key, name = f"{self.identity}-signals", self.name.encode()
        self.there = self.identity in before.ttl
        new = model.lane_says(*self.ticket, digest(self.call())) is None and self.there
        super().expect(model, before, after, answer)
        old = before.rest.get(key, [])
        left = [name, *old] if new and name not in old else old
        same("a signal waits once", left, after.rest.get(key, []))
        if left and not 0 < after.ttl[key] <= CARD_LIFE:
            raise Violation("signals expire", key)

    def execute(self, model: Model) -> int:
        return int(self.there)


@dataclass
class Heard(Message):
    """A worker has heard a signal."""

    identity: str
    name: str

    def call(self) -> Call[Any]:
        return board.heard(KEYS, self.identity, self.name)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        key = f"{self.identity}-signals"
        left = [name for name in before.rest.get(key, []) if name != self.name.encode()]
        same("a signal that was heard is gone", left, after.rest.get(key, []))


@dataclass
class Roll(Message):
    """Somebody looks who is there."""

    def call(self) -> Call[Any]:
        return board.roll(KEYS, only="", cursor="0", count=board.PAGE, fields=board.FIELDS)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        names = [name.decode() for name in before.rest.get("processes", [])]
        expected = {
            (
                name,
                name in before.ttl,
                sum(len(held) for (owner, _), held in before.claims.items() if owner == name),
                len(before.rest.get(f"{name}:work", [])) // 2,
            )
            for name in names
        }
        found = {(one.identity, one.says is not None, *one[2:]) for one in answer.listed}
        same("the roll tells who is there", (expected, "0"), (found, answer.cursor))


@dataclass
class LookAtBoards(Message):
    """Somebody looks what runs."""

    identities: list[str]
    limit: int

    def call(self) -> Call[Any]:
        return board.boards(
            KEYS, identities=self.identities, cursor="0", limit=self.limit, bytes=1 << 20
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        read = self.identities[: answer.done]
        shown = {
            (name, slot.decode(), entry)
            for name in read
            for slot, entry in pairs(before.rest.get(f"{name}:work", []))
        }
        same("boards are read as they are", shown, set(answer.entries))
        if answer.done < len(self.identities) and len(shown) < self.limit:
            raise Violation("a page of boards is full but at the end", self)
