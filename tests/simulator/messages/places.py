"""What people do through our inspection API: they delete, kill, retry and clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import place
from outrider.store.place import CANCELLED, NO_JOB, NOT_THERE, Place
from tests.simulator.messages.base import Message, in_front, same
from tests.simulator.messages.workers import settle
from tests.simulator.model import DEAD, DELETED, FAILING, WAITING, Model
from tests.simulator.payloads import Job, homes, read
from tests.simulator.world import KEYS, Snapshot, Violation


def lying(now: Snapshot, where: Place) -> list[bytes]:
    """What lies there, the first to be taken first."""
    if where.kind == "queue":
        return now.queues.get(where.name, [])[::-1]
    ordered = sorted((score, payload) for payload, score in now.scored(where.kind).items())
    return [payload for _, payload in ordered]


def stays(before: Snapshot, after: Snapshot, where: Place, gone: list[bytes]) -> None:
    """Expect these to have left and all others to lie as they did; callbacks may be new."""
    left = lying(before, where)
    for payload in gone:
        left.remove(payload)
    found = lying(after, where)
    if sorted(found[: len(left)]) != sorted(left):
        raise Violation("neighbours are not touched", (where, gone))
    if where.kind != "queue":
        old, new = before.scored(where.kind), after.scored(where.kind)
        same("scores stay", {text: old[text] for text in left}, {text: new[text] for text in left})


def told(model: Model, where: Place, jobs: list[Job], state: int, word: str) -> None:
    """Expect batches to know what became of these jobs."""
    if where.kind != "dead":
        for job in jobs:
            if model.state(job) in {WAITING, FAILING}:
                model.change(job, state)
        for job in jobs:
            model.call_back(job, word)
    settle(model, jobs)


@dataclass
class Remove(Message):
    """Somebody deletes one job, or with `to` moves it to the dead set."""

    where: Place
    payload: bytes
    to: str
    failure: str
    now: int

    def call(self) -> Call[Any]:
        return place.remove(
            KEYS,
            place=self.where.kind,
            name=self.where.name,
            payload=self.payload,
            to=self.to,
            failure=self.failure,
            now=self.now,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        there = self.payload in lying(before, self.where)
        same("who is there can be removed", there, answer)
        if not there:
            return
        job = read(self.payload)
        model.take(job.id, self.where.kind)
        if self.to:
            model.put(job.id, self.to)
            if self.failure and model.state(job) in {WAITING, FAILING}:
                model.note(job)
        state, word = (DEAD, "dead") if self.to else (DELETED, "deleted")
        told(model, self.where, [job], state, word)
        stays(before, after, self.where, [self.payload])


@dataclass
class Requeue(Message):
    """Somebody puts a job of a set on its queue now."""

    where: Place
    payload: bytes
    changed: bytes
    now: int

    def call(self) -> Call[Any]:
        return place.requeue(
            KEYS, place=self.where.kind, payload=self.payload, changed=self.changed, now=self.now
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        job = read(self.payload)
        fate = 1 if self.payload in before.scored(self.where.kind) else NOT_THERE
        if fate == 1 and not job.readable:
            fate = NO_JOB
        elif (
            fate == 1
            and self.where.kind == "dead"
            and (self._is_barred(job, before) or model.is_outlawed(job))
        ):
            fate = CANCELLED
        same("who is there can be retried", fate, answer)
        if fate != 1:
            return
        model.take(job.id, self.where.kind)
        model.put(job.id, "queue")
        if model.state(job) == DEAD:
            model.change(job, FAILING)
        model.revive_callback(job)
        settle(model, [job])
        stays(before, after, self.where, [self.payload])
        in_front(before, after, [])
        heads = [after.queues[name][0] for name in homes(self.payload) if name in after.queues]
        if job.id not in [read(payload).id for payload in heads]:
            raise Violation("a retry goes to its queue", self.payload)

    def _is_barred(self, job: Job, before: Snapshot) -> bool:
        return bool(job.member and "cancelled_at" in before.batches.get(job.member[0], {}))


@dataclass
class Clear(Message):
    """Somebody clears a queue or a set: one slice of it."""

    where: Place
    limit: int
    now: int

    def call(self) -> Call[Any]:
        return place.clear(
            KEYS, place=self.where.kind, name=self.where.name, limit=self.limit, now=self.now
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        gone = lying(before, self.where)[: self.limit]
        same("a slice clears what it may", len(gone), answer)
        jobs = [read(payload) for payload in gone]
        for job in jobs:
            model.take(job.id, self.where.kind)
        told(model, self.where, jobs, DELETED, "deleted")
        stays(before, after, self.where, gone)
