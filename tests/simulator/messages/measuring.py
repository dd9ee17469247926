"""What workers measure, and what people mark."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import metrics
from outrider.store.metrics import Numbers
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.producers import Laned
from tests.simulator.model import Model
from tests.simulator.world import KEYS, Snapshot, Ticket, Violation, Wire, pairs

NAMES = 1000
LIVES = {"minute": (8 * 3600, 9 * 3600), "hour": (7 * 86_400, 7 * 86_400 + 7200)}
MARKS, MARKS_LIVE = 1000, 90 * 86_400


def spans(kind: str, minute: int) -> list[str]:
    """The keys of a minute and of its hour, without the prefix."""
    return [f"o:{kind}:minute:{minute}", f"o:{kind}:hour:{minute // 60}"]


def check_lives(after: Snapshot, keys: list[str]) -> None:
    """What was just written lives as long as it is shown, and not much longer."""
    for key in keys:
        least, most = LIVES[key.split(":")[2]]
        if not least < after.ttl.get(key, -2) <= most:
            raise Violation("what is measured expires", (key, after.ttl.get(key)))


@dataclass
class Measure(Laned):
    """A child sends what its runs came to."""

    ticket: Ticket
    entries: list[tuple[int, str, Numbers]]

    def call(self) -> Call[Any]:
        return metrics.measure(KEYS, entries=self.entries)

    def execute(self, model: Model) -> int:
        for minute, name, numbers in self.entries:
            for key in (*spans("measured", minute), "o:totals"):
                model.touched.add(key)
                found = model.measured.setdefault(key, {})
                has_room = len(found) - ("" in found) < NAMES
                place = name if name in found or has_room else ""
                sums, bins = found.setdefault(place, ([0, 0, 0, 0], Counter()))
                for at in range(4):
                    sums[at] += numbers[at]
                bins.update(dict(pairs(numbers[4:])))
        return 1

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        super().expect(model, before, after, answer)
        if model.touched:
            keys = {key for minute, *_ in self.entries for key in spans("measured", minute)}
            check_lives(after, sorted(keys))


@dataclass
class Sample(Message):
    """A worker notes how long queues are."""

    minute: int
    queues: list[tuple[str, int, int]]

    def call(self) -> Call[Any]:
        return metrics.sample(KEYS, minute=self.minute, queues=self.queues)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        keys = spans("sampled", self.minute)
        of_minute, of_hour = (model.sampled.setdefault(key, {}) for key in keys)
        noted = 0
        for name, size, waited in self.queues:
            if name in of_minute or (name not in of_hour and len(of_hour) >= NAMES):
                continue
            noted += 1
            of_minute[name] = [1, size, size, waited, waited]
            looks, sizes, largest, waits, longest = of_hour.get(name, [0] * 5)
            most = max(largest, size), max(longest, waited)
            of_hour[name] = [looks + 1, sizes + size, most[0], waits + waited, most[1]]
        model.touched.update(keys)
        same("the first look of a minute counts", noted, answer)
        if noted:
            check_lives(after, keys)


@dataclass
class Mark(Message):
    """Somebody marks a deploy."""

    label: str
    at: int

    def call(self) -> Call[Any]:
        return metrics.mark(KEYS, label=self.label, at=self.at)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        near = [at for at, label in model.marks if label == self.label]
        near = sorted(at for at in near if abs(at - self.at) <= 60_000)
        same("a label within a minute is one mark", near[0] if near else self.at, answer)
        if not near:
            model.marks = sorted([*model.marks, (self.at, self.label)])[-MARKS:]
            if not MARKS_LIVE - 60 < after.ttl["o:marks"] <= MARKS_LIVE:
                raise Violation("marks expire", after.ttl["o:marks"])


@dataclass
class Fade(Message):
    """All that was measured is gone: its time is over, or somebody has removed it."""

    def perform(self, wire: Wire) -> Any:
        found = [*wire.command("KEYS", KEYS("measured", "*")), KEYS("totals"), KEYS("marks")]
        return wire.command("DEL", *found, *wire.command("KEYS", KEYS("sampled", "*")))

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        model.measured.clear()
        model.sampled.clear()
        model.marks.clear()


@dataclass
class MarkOften(Message):
    """Somebody has marked every build for a year."""

    at: int
    count: int

    def perform(self, wire: Wire) -> Any:
        words: list[str | int] = []
        for number in range(self.count):
            words += [self.at + number, f"{self.at + number} build"]
        wire.command("ZADD", KEYS("marks"), *words)
        return wire.command("EXPIRE", KEYS("marks"), MARKS_LIVE)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        marks = {*model.marks, *((self.at + number, "build") for number in range(self.count))}
        model.marks = sorted(marks)
