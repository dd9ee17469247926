"""The server that a machine acts on: an app, a clock that it sets, and a reading of all keys."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import pytest

from outrider import App, clock, ids
from outrider.hub import Flow
from outrider.job import Job
from outrider.script import Call, Look, Script
from tests.machine.model import SETS, Copy
from tests.simulator.world import KEYS, Snapshot, Wire

T = TypeVar("T")
NOW = 1_800_000_000_000
TARGETS: dict[str, tuple[str, bool | int]] = {
    "called": ("", True),
    "fussy": ("calls", 0),
    "quiet": ("", False),
}
"""Jobs that are called back: the queue that each declares, and its retries."""


def work(number: int) -> None: ...


def called(status: Any, tag: str) -> None: ...


class FaultyApp(App):
    """An app some of whose scripts are replaced, so that faults can be planted."""

    faulty: Mapping[str, Script] = {}

    def perform(self, work: Flow[T] | Call[T] | Look[T]) -> T:
        """Perform a Call, a Look or a flow, with the faulty scripts in it."""
        if isinstance(work, Look):
            swapped: Look[T] = Look([*map(self._swap, work.calls)], work.read)
            return super().perform(swapped)
        return super().perform(self._swap(work) if isinstance(work, Call) else self._through(work))

    def _swap(self, call: Call[T]) -> Call[T]:
        script = call.script and self.faulty.get(call.script.name)
        return Call(script, call.words, call.decode, call.laned) if script else call

    def _through(self, flow: Flow[T]) -> Generator[Call[Any], Any, T]:
        answer: Any = None
        while True:
            try:
                call = flow.send(answer)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            try:
                answer = yield self._swap(call)
            except BaseException:
                flow.close()
                raise


class Stage:
    """One server with one app, for all examples of a test."""

    def __init__(self, url: str, faulty: Mapping[str, Script] | None = None) -> None:
        self.app = FaultyApp(url, prefix=KEYS.prefix)
        self.app.faulty = faulty or {}
        self.wire = Wire(url)
        self.job: Job[..., None] = self.app.job(work)
        self.targets = {
            name: self.app.job(name=name, queue=queue or None, retry=retry)(called)
            for name, (queue, retry) in TARGETS.items()
        }
        self.now = NOW
        self.reached: Counter[str] = Counter()
        self._bytes = itertools.count(1)

    def clear(self) -> None:
        """Begin a new example: the same ids and times as in any other."""
        self.wire.command("FLUSHALL")
        self.now = NOW
        self._bytes = itertools.count(1)

    def time_ns(self) -> int:
        """The clock of all clients."""
        return self.now * 1_000_000

    def urandom(self, size: int) -> bytes:
        """Where ids come from: an example that is repeated must be the same."""
        return next(self._bytes).to_bytes(size, "big")

    def close(self) -> None:
        """Close all connections."""
        self.app.close()
        self.wire.close()


@contextmanager
def stage(url: str, faulty: Mapping[str, Script] | None = None) -> Iterator[Stage]:
    """A stage whose clock and dice the library goes by."""
    made = Stage(url, faulty)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "time", made)
            patch.setattr(ids, "os", made)
            yield made
    finally:
        made.close()


class _Payload(msgspec.Struct):
    jid: str
    queue: str
    kwargs: dict[str, Any] = {}
    retry_count: int | None = None
    expiry: float | None = None


@lru_cache(maxsize=4096)
def read(raw: bytes, place: str) -> Copy:
    """A payload as the model knows it."""
    found = msgspec.json.decode(raw, type=_Payload)
    deadline = None if found.expiry is None else round(found.expiry * 1000)
    name = found.kwargs.get("tag", found.jid)
    return Copy(name, place, found.queue, found.retry_count, deadline)


def payloads(now: Snapshot) -> Iterator[tuple[str, bytes]]:
    """Every payload with its place; those of a place in the order in which they are looked at."""
    for queue, found in now.queues.items():
        yield from ((queue, raw) for raw in reversed(found))
    for name in SETS:
        yield from ((name, raw) for raw in now.scored(name))
    for (identity, _), claims in now.claims.items():
        yield from ((identity, raw) for raw in claims.values())
