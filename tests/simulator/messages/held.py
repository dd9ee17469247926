"""Jobs of paused names, and what is held for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import held, pauses
from outrider.store.place import Place
from tests.simulator.messages.base import Message, in_front, same
from tests.simulator.model import Model
from tests.simulator.payloads import read
from tests.simulator.world import KEYS, Snapshot


@dataclass
class PauseName(Message):
    """Somebody pauses the jobs of a name, or lets them go on."""

    name: str
    on: bool

    def call(self) -> Call[Any]:
        return (pauses.pause if self.on else pauses.resume)(KEYS, Place("held", self.name))

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        (model.paused_names.add if self.on else model.paused_names.discard)(self.name)


@dataclass
class Handback(Message):
    """Some worker's scheduler hands back a slice of what is held."""

    limit: int
    bytes: int

    def call(self) -> Call[Any]:
        return held.handback(KEYS, limit=self.limit, bytes=self.bytes)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        backs = []
        for name, jobs in before.aside.items():
            gone = jobs[: len(jobs) - len(after.aside.get(name, []))]
            same("the oldest are held longest", jobs[len(gone) :], after.aside.get(name, []))
            if name in model.paused_names:
                same("what is paused stays", [], gone)
            for job in map(read, gone):
                model.take(job.id, "held")
                model.put(job.id, "queue")
            backs.append(gone)
        in_front(before, after, backs)
        going = [len(jobs) for n, jobs in before.aside.items() if n not in model.paused_names]
        moved = [payload for back in backs for payload in back]
        sizes = [len(payload) for payload in moved]
        full = len(moved) == self.limit or sum(sizes) >= self.bytes
        fits = len(moved) <= self.limit and sum(sizes) - max(sizes, default=0) < self.bytes
        same("a slice is as much as may be", True, fits and (full or len(moved) == sum(going)))
        left = [name for name in after.aside if name not in model.paused_names]
        same("handing back comes to its end", len(left), answer)
