"""What to ask the server for, and what the answers mean: each look is one round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from outrider import clock
from outrider.errors import ConfigError
from outrider.keys import Keys
from outrider.metrics.measured import OTHERS, JobMetrics, Measured, Point
from outrider.metrics.sampled import Mark, QueueMetrics, QueuePoint
from outrider.script import Call, Look
from outrider.store import metrics as store
from outrider.store.metrics import Numbers, Span

T = TypeVar("T")
STEPS: dict[Span, int] = {"minute": 60, "hour": 3600}
MOST: dict[Span, int] = {"minute": 480, "hour": 168}
"""For how many minutes and hours back there is something to see."""


class Range(NamedTuple):
    """Some minutes or hours, numbered since the epoch, and when each began; the last one is now."""

    span: Span
    numbers: range
    times: list[datetime]

    @classmethod
    def of(cls, minutes: int | None, hours: int | None) -> Range:
        """So many; 60 minutes by default. ConfigError for both, and for more than there are."""
        if minutes is not None and hours is not None:
            raise ConfigError("give minutes or hours, not both")
        span: Span = "minute" if hours is None else "hour"
        count = hours if hours is not None else 60 if minutes is None else minutes
        if type(count) is not int or not 1 <= count <= MOST[span]:
            raise ConfigError(f"{span}s must be a number from 1 to {MOST[span]}, not {count!r}")
        last = clock.now_ms() // 1000 // STEPS[span]
        numbers = range(last - count + 1, last + 1)
        return cls(span, numbers, [clock.utc(number * STEPS[span]) for number in numbers])

    def ask(self, stub: Callable[..., Call[T]], keys: Keys, *words: str) -> list[Call[T]]:
        """One request for each."""
        return [stub(keys, self.span, number, *words) for number in self.numbers]

    def points(self, kind: Callable[..., T], answers: list[Numbers | None]) -> list[T]:
        """Those that there is something of, as points."""
        pairs = zip(self.times, answers, strict=True)
        return [kind(numbers, at=at) for at, numbers in pairs if numbers]


def jobs(keys: Keys, asked: Range) -> Look[dict[str, JobMetrics]]:
    """All jobs, by name, sorted."""

    def read(answers: list[dict[str, Numbers]]) -> dict[str, JobMetrics]:
        return {
            name or OTHERS: JobMetrics(name or OTHERS, STEPS[asked.span], points)
            for name, points in _series(asked, Point.read, answers)
        }

    return Look(asked.ask(store.measured, keys), read)


def job(keys: Keys, asked: Range, name: str) -> Look[JobMetrics]:
    """One job."""

    def read(answers: list[Numbers | None]) -> JobMetrics:
        return JobMetrics(name, STEPS[asked.span], asked.points(Point.read, answers))

    return Look(asked.ask(store.measured_of, keys, "" if name == OTHERS else name), read)


def queues(keys: Keys, asked: Range) -> Look[dict[str, QueueMetrics]]:
    """All queues, by name, sorted."""

    def read(answers: list[dict[str, Numbers]]) -> dict[str, QueueMetrics]:
        return {
            name: QueueMetrics(name, STEPS[asked.span], points)
            for name, points in _series(asked, QueuePoint.read, answers)
        }

    return Look(asked.ask(store.sampled, keys), read)


def queue(keys: Keys, asked: Range, name: str) -> Look[QueueMetrics]:
    """One queue."""

    def read(answers: list[Numbers | None]) -> QueueMetrics:
        return QueueMetrics(name, STEPS[asked.span], asked.points(QueuePoint.read, answers))

    return Look(asked.ask(store.sampled_of, keys, name), read)


def totals(keys: Keys) -> Look[dict[str, Measured]]:
    """All that was ever measured, by job, sorted."""

    def read(answers: list[dict[str, Numbers]]) -> dict[str, Measured]:
        return {name or OTHERS: Measured.read(one) for name, one in sorted(answers[0].items())}

    return Look([store.totals(keys)], read)


def marks(keys: Keys) -> Look[list[Mark]]:
    """All marks, the oldest first."""

    def read(answers: list[list[tuple[int, str]]]) -> list[Mark]:
        return [Mark(clock.utc(at / 1000), label) for at, label in answers[0]]

    return Look([store.marks(keys)], read)


def _series(
    asked: Range, kind: Callable[..., T], answers: list[dict[str, Numbers]]
) -> Iterator[tuple[str, list[T]]]:
    """What there is under each name."""
    for name in sorted({name for answer in answers for name in answer}):
        yield name, asked.points(kind, [answer.get(name) for answer in answers])
