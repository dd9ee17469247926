"""What people see of everything: numbers, and lists of batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import BYTES, Call
from outrider.store import look, overview
from outrider.store.overview import COUNTERS, NOWHERE
from outrider.store.place import Place
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.places import line
from tests.simulator.model import Model
from tests.simulator.world import KEYS, Snapshot


@dataclass
class LookAtAll(Message):
    """Somebody reads all numbers."""

    def call(self) -> Call[Any]:
        return overview.page(KEYS)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        counted = [int(before.rest.get(f"stat:{name}", 0)) for name in COUNTERS]
        same("what was counted is told", counted, answer.counted)
        sizes = [len(before.scored(name)) for name in ("schedule", "retry", "dead")]
        sizes[0] += len(before.delayed())
        same("sizes are told", sizes, [answer.scheduled, answer.retries, answer.dead])
        paused = set(before.rest.get("o:paused", []))
        held = {
            name.decode(): (len(before.aside.get(name.decode(), [])), name in paused)
            for name in {*before.rest.get("o:held", []), *paused}
        }
        same("what is held is told", held, {one[0]: tuple(one[1:]) for one in answer.held})
        paused = set(before.rest.get("paused", []))
        queues = {}
        for name in {*before.rest.get("queues", []), *paused}:
            jobs = line(before, Place("queue", name.decode()))
            queues[name.decode()] = (len(jobs), name in paused, jobs[0] if jobs else b"")
        same("queues are told", queues, {one[0]: tuple(one[1:]) for one in answer.queues})
        living = {name for name in before.rest.get("processes", []) if name.decode() in before.ttl}
        same("workers that live are told", living, set(answer.busy))
        same("all fits one page", (NOWHERE, NOWHERE), (answer.next_queues, answer.next_workers))


@dataclass
class LookAtBatches(Message):
    """Somebody reads a page of the batches that are live, or that have dead members."""

    dead: int
    newest: int
    full: int
    score: float
    last: str
    limit: int

    def call(self) -> Call[Any]:
        score = f"{self.score:.0f}"
        return look.catalogue(
            KEYS,
            dead=self.dead,
            newest=self.newest,
            full=self.full,
            score=score,
            last=self.last,
            limit=self.limit,
            bytes=BYTES,
        )

    def repeats(self, answer: Any) -> Any:
        """Its fields hold what chance drew for an audit, its time to live is the server's own."""
        return answer.has_more, [(one.bid, one.score) for one in answer.listed]

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        scored = before.scored("o:deaths" if self.dead else "o:batches")
        everyone = sorted((score, bid.decode()) for bid, score in scored.items())
        mark = (self.score, self.last)
        if self.newest:
            everyone.reverse()
        left = [
            one for one in everyone if not self.last or (one < mark if self.newest else one > mark)
        ]
        told = before.batches if self.full else {}
        expected = [(bid, told.get(bid, {})) for _, bid in left[: self.limit]]
        same("a page of batches", expected, [(one.bid, one.fields) for one in answer.listed])
        same("more batches come", len(left) > self.limit, answer.has_more)
        scores = [float(one.score) for one in answer.listed]
        same("batches are told with their scores", [one[0] for one in left[: self.limit]], scores)
        shown = [one for one in answer.listed if one.fields]
        ends = [before.ttl[f"o:batch:{one.bid}"] >= 0 for one in shown]
        same("whether it will be forgotten", ends, [one.expires_at is not None for one in shown])
