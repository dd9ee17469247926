"""Everything that can reach the server: how it is sent, and what must have come of it.

A message can be delivered any number of times, early or late. `expect` is called after each
delivery with the snapshots before and after: it checks the answer and moves the model on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from outrider.script import Call
from outrider.store import batch, queue, schedule
from tests.simulator.model import (
    DEAD,
    DISCARDED,
    EXPIRED,
    FAILING,
    SUCCEEDED,
    WAITING,
    Child,
    Model,
)
from tests.simulator.payloads import Job, read
from tests.simulator.world import KEYS, Snapshot, Ticket, Violation, Wire, digest

DAY = "2026-11-21"


def same(name: str, expected: object, found: object) -> None:
    """Raise a Violation unless both are equal."""
    if expected != found:
        raise Violation(name, f"expected {expected!r}, found {found!r}")


class Message:
    """One request."""

    def call(self) -> Call[Any]:
        """The request as a value."""
        raise NotImplementedError

    def perform(self, wire: Wire) -> Any:
        """Send it once, and give the answer."""
        return wire.run(self.call())

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        """Check one delivery of it, and move the model on."""
        raise NotImplementedError


class Laned(Message):
    """A request in a producer lane: only the first delivery of the newest one does anything."""

    ticket: Ticket

    def perform(self, wire: Wire) -> Any:
        return wire.run(self.call(), self.ticket)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        seen = digest(self.call())
        said = model.lane_says(*self.ticket, seen)
        if said is None:
            said = self.execute(model)
            if said == 1:
                model.lanes[self.ticket.lane] = (self.ticket.number, seen)
        same("a lane executes each request once", said, answer)
        in_front(before, after, [])

    def execute(self, model: Model) -> int:
        """Move the model on by a first delivery, and give the answer to it."""
        raise NotImplementedError


@dataclass
class Push(Laned):
    """Plain jobs, put on queues and into the schedule."""

    ticket: Ticket
    queues: list[queue.QueueGroup]
    scheduled: list[str | float]

    def call(self) -> Call[Any]:
        return queue.push(KEYS, queues=self.queues, scheduled=self.scheduled)

    def execute(self, model: Model) -> int:
        arrive(model, self.queues, self.scheduled)
        return 1


@dataclass
class Commit(Push):
    """Jobs of a batch, and the batch itself when `create` holds its fields."""

    bid: str
    create: list[str | int]
    ranges: list[tuple[int, int]]
    now: int

    def call(self) -> Call[Any]:
        return batch.commit(
            KEYS,
            bid=self.bid,
            create=self.create,
            ranges=self.ranges,
            queues=self.queues,
            scheduled=self.scheduled,
            first_queue=self.queues[0][0] if self.queues else "",
            now=self.now,
        )

    def execute(self, model: Model) -> int:
        if self.create:
            total = sum(count for _, count in self.ranges)
            made = model.create(self.bid, total)
            for event in (str(word)[3:].split(":")[0] for word in self.create[::2]):
                if event in {"complete", "success", "death", "settled"}:
                    made.listen(event)
        known = model.batches.get(self.bid)
        if known is None:
            return batch.UNKNOWN
        if "settled" in known.fired:
            return batch.SETTLED
        arrive(model, self.queues, self.scheduled)
        known.add(self.ranges)
        model.settle_batch(known)
        return 1


def arrive(
    model: Model, queues: list[queue.QueueGroup], scheduled: list[str | float]
) -> None:
    """Expect new jobs in their places."""
    for _, payloads in queues:
        for payload in payloads:
            model.put(read(payload.encode()).id, "queue")
    for payload in scheduled[1::2]:
        model.put(read(str(payload).encode()).id, "schedule")


@dataclass
class Listen(Laned):
    """One more callback."""

    ticket: Ticket
    bid: str
    event: str
    callback: str
    now: int

    def call(self) -> Call[Any]:
        return batch.listen(
            KEYS, bid=self.bid, event=self.event, callback=self.callback, now=self.now
        )

    def execute(self, model: Model) -> int:
        known = model.batches.get(self.bid)
        if known is None:
            return batch.UNKNOWN
        known.listen(self.event)
        for jid in known.push_callbacks():
            model.put(jid, "queue")
        return 1


@dataclass
class Reserve(Message):
    """Numbers for jobs to come."""

    bid: str
    count: int

    def call(self) -> Call[Any]:
        return batch.reserve(KEYS, bid=self.bid, count=self.count)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.batches.get(self.bid)
        if known is None:
            same("an unknown batch reserves nothing", batch.UNKNOWN, answer)
        elif "settled" in known.fired:
            same("a settled batch reserves nothing", batch.SETTLED, answer)
        else:
            same("numbers are reserved once", known.reserved, answer)
            known.reserved += self.count + self.count % 2


@dataclass
class Claim(Message):
    """A child asks for jobs."""

    child: tuple[str, str]
    request: int
    now: int
    queues: list[str]
    want: int

    def call(self) -> Call[Any]:
        identity, child = self.child
        return queue.claim(
            KEYS,
            identity=identity,
            child=child,
            request=self.request,
            now=self.now,
            queues=self.queues,
            want=self.want,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        child = model.children.get(self.child)
        if child is None or child.gone or self.request < child.request:
            same("a fenced or late claim takes nothing", queue.Claimed(True, 0, []), answer)
        elif self.request == child.request:
            held = before.held(self.child)
            again = [held.get(token, b"") for token in child.tokens]
            same("a claim sent again is answered alike", (child.first, again), answer[1:])
        else:
            self._expect_jobs(model, child, before, answer)

    def _expect_jobs(
        self, model: Model, child: Child, before: Snapshot, answer: queue.Claimed
    ) -> None:
        changes: list[tuple[Job, int]] = []
        expected = []
        for job in self._drawn(model, before):
            place = self._fate(model, job, changes)
            model.take(job.id, "queue")
            if place:
                model.put(job.id, place)
            if place == "claim":
                expected.append(job.id)
        for job, state in changes:
            model.change(job, state)
        model.settle(job for job, _ in changes)
        same(
            "a claim takes the oldest jobs of the first queues",
            (False, expected),
            (answer.fenced, [read(payload).id for payload in answer.payloads]),
        )
        if expected and answer.first <= model.last_token:
            raise Violation("tokens are given out once", (model.last_token, answer.first))
        child.request, child.first = self.request, answer.first
        child.tokens = list(range(answer.first, answer.first + len(expected)))
        model.last_token = max([model.last_token, *child.tokens])

    def _drawn(self, model: Model, before: Snapshot) -> list[Job]:
        drawn: list[bytes] = []
        for name in self.queues:
            if name not in model.paused and len(drawn) < self.want:
                jobs = before.queues.get(name, [])[::-1]
                drawn += jobs[: self.want - len(drawn)]
        return [read(payload) for payload in drawn]

    def _fate(self, model: Model, job: Job, changes: list[tuple[Job, int]]) -> str:
        lapsed = job.expiry is not None and job.expiry * 1000 < self.now
        state = model.state(job)
        if not job.readable:
            return "dead"
        if not state:
            if lapsed:
                model.call_back(job, "expired")
                return "dead" if job.tried else ""
            model.revive_callback(job)
            return "claim"
        if state == DEAD:
            changes.append((job, FAILING))
            state = FAILING
        if lapsed and state == FAILING:
            changes.append((job, DEAD))
            return "dead"
        if lapsed and state == WAITING:
            changes.append((job, EXPIRED))
        return "" if lapsed or state > FAILING else "claim"


@dataclass
class Ack(Message):
    """A child reports outcomes."""

    child: tuple[str, str]
    request: int
    now: int
    done: list[int]
    others: list[queue.Other]

    _STATES: ClassVar = {"retry": FAILING, "dead": DEAD, "gone": DEAD, "discard": DISCARDED}
    _WORDS: ClassVar = {"retry": "failing", "dead": "dead", "gone": "dead", "discard": "discarded"}
    _PLACES: ClassVar = {
        "retry": "retry",
        "dead": "dead",
        "snooze": "schedule",
        "release": "queue",
    }

    def call(self) -> Call[Any]:
        identity, child = self.child
        return queue.ack(
            KEYS,
            identity=identity,
            child=child,
            request=self.request,
            now=self.now,
            day=DAY,
            done=self.done,
            others=self.others,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        child = model.children.get(self.child)
        if child and self.request <= child.acked:
            same("an acknowledgement sent again does nothing", [], answer)
            return
        if child:
            child.acked = self.request
        held = before.held(self.child)
        lost = [token for token in self.done if token not in held]
        lost += [other.token for other in self.others if other.token not in held]
        same("late outcomes are reported", lost, answer)
        self._expect_outcomes(model, held)
        back = [held[o.token] for o in self.others if o.kind == "release" and o.token in held]
        in_front(before, after, [back[::-1]])

    def _expect_outcomes(self, model: Model, held: dict[int, bytes]) -> None:
        changes: list[tuple[Job, int]] = []
        words: list[tuple[Job, str]] = []
        for token in self.done:
            if token in held:
                job = read(held[token])
                model.take(job.id, "claim")
                model.processed += 1
                changes.append((job, SUCCEEDED))
                words.append((job, "succeeded"))
        for other in self.others:
            if other.token in held:
                job = read(held[other.token])
                model.take(job.id, "claim")
                self._place(model, job, other, changes, words)
        for job, state in changes:
            model.change(job, state)
        model.settle(job for job, _ in changes)
        for job, word in words:
            model.call_back(job, word)

    def _place(
        self,
        model: Model,
        job: Job,
        other: queue.Other,
        changes: list[tuple[Job, int]],
        words: list[tuple[Job, str]],
    ) -> None:
        kind = other.kind
        if kind in self._STATES:
            model.processed += 1
            model.failed += kind != "discard"
            if model.state(job) > FAILING:
                return
            changes.append((job, self._STATES[kind]))
            words.append((job, self._WORDS[kind]))
            if other.failure:
                model.note(job)
        if kind in self._PLACES:
            model.put(job.id, self._PLACES[kind])


def in_front(before: Snapshot, after: Snapshot, backs: list[list[bytes]]) -> None:
    """Jobs given back lie at the front of their queues, the last of each list first; new ones behind."""
    most = sum(len(back) for back in backs)
    for name, jobs in after.queues.items():
        old = before.queues.get(name, [])
        grown = range(most + 1)
        if old and jobs != old and not any(_is_grown(old, jobs, backs, by) for by in grown):
            raise Violation("queues keep their order", (name, old[-3:], jobs[-3:], backs))


def _is_grown(
    old: list[bytes], jobs: list[bytes], backs: list[list[bytes]], by: int
) -> bool:
    end = len(jobs) - by
    start, front = end - len(old), jobs[end:]
    return (
        start >= 0
        and jobs[start:end] == old
        and not any(set(jobs[:start]) & set(back) for back in backs)
        and all(
            [payload for payload in back if payload in front]
            == [payload for payload in front if payload in back]
            for back in backs
        )
    )


@dataclass
class Promote(Message):
    """Due jobs go to their queues."""

    name: str
    now: int
    limit: int

    def call(self) -> Call[Any]:
        return schedule.promote(KEYS, name=self.name, now=self.now, limit=self.limit)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        ordered = sorted((score, payload) for payload, score in before.scored(self.name).items())
        due = [payload for score, payload in ordered if score * 1000 <= self.now][: self.limit]
        for job in map(read, due):
            model.take(job.id, self.name)
            model.put(job.id, "queue" if job.readable else "dead")
        in_front(before, after, [])
        later = [int(score * 1000) for score, _ in ordered[len(due) :]]
        same("what is due is promoted", (len(due), (later or [-1])[0]), tuple(answer))


@dataclass
class Outstanding(Message):
    """What a draining worker has to wait for."""

    queues: list[str]
    horizon: int

    def call(self) -> Call[Any]:
        return queue.outstanding(KEYS, queues=self.queues, horizon=self.horizon)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        waiting = [
            len(before.queues.get(name, [])) for name in self.queues if name not in model.paused
        ]
        soon = [
            score
            for name in ("schedule", "retry")
            for score in before.scored(name).values()
            if score * 1000 <= self.horizon
        ]
        held = sum(len(claims) for claims in before.claims.values())
        same("outstanding counts right", sum(waiting) + len(soon) + held, answer)
