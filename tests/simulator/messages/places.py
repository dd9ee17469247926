"""What people do through our inspection API: they look, delete, kill, retry and clear."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import place
from outrider.store.place import CANCELLED, NO_JOB, NOT_THERE, PAGE_BYTES, Mark, Place
from tests.simulator.messages.base import Message, in_front, same
from tests.simulator.messages.producers import Laned
from tests.simulator.messages.trash import discarded
from tests.simulator.messages.workers import settle
from tests.simulator.model import CANCELLED as MEMBER_CANCELLED
from tests.simulator.model import DEAD, DELETED, FAILING, WAITING, Model
from tests.simulator.payloads import Job, homes, read
from tests.simulator.world import KEYS, Scored, Snapshot, Ticket, Violation, digest


def lying(now: Snapshot, where: Place) -> list[bytes]:
    """What lies there, the first to be taken first."""
    if where.kind == "queue":
        return now.queues.get(where.name, [])[::-1]
    if where.kind == "held":
        return now.aside.get(where.name, [])[::-1]
    return by_time(now.scored(where.kind))


def by_time(jobs: Scored) -> list[bytes]:
    """Payloads in the order of their scores, equal ones in that of bytes."""
    return [payload for _, payload in sorted((score, payload) for payload, score in jobs.items())]


def names(now: Snapshot, where: Place) -> list[str]:
    """Names of what is on its way there, the first to come first."""
    moving = [name.decode() for name in by_time(now.scored("o:moving"))]
    mine = (name for name in moving if name.partition(":")[2] == where.name)
    return [*mine] if where.kind in {"queue", "schedule"} else []


def coming(now: Snapshot, where: Place) -> list[bytes]:
    """What is on its way there, the first to come first."""
    if where.kind == "schedule":
        return by_time(now.delayed())
    return [job for name in names(now, where) for job in now.staged.get(name, [])[::-1]]


def line(now: Snapshot, where: Place) -> list[bytes]:
    """All of it, in the order in which a look goes through it."""
    if where.kind == "schedule":
        return by_time(now.scored("schedule") | now.delayed())
    return lying(now, where) + coming(now, where)


def leave(model: Model, before: Snapshot, where: Place, payload: bytes) -> None:
    """A job leaves the place, or the way there."""
    there = payload in lying(before, where)
    model.take(read(payload).id, where.kind if there else "moving")


def stays(before: Snapshot, after: Snapshot, where: Place, gone: list[bytes]) -> None:
    """Expect these to have left and all others to lie as they did; callbacks may be new."""
    left, away = lying(before, where), coming(before, where)
    for payload in gone:
        (left if payload in left else away).remove(payload)
    same("what is on its way goes on", sorted(away), sorted(coming(after, where)))
    found = lying(after, where)
    if sorted(found[: len(left)]) != sorted(left):
        raise Violation("neighbours are not touched", (where, gone))
    if not where.is_list:
        old, new = before.scored(where.kind), after.scored(where.kind)
        same("scores stay", {text: old[text] for text in left}, {text: new[text] for text in left})


def is_cancelled(job: Job, before: Snapshot) -> bool:
    """Whether it is a member of a cancelled batch."""
    return bool(job.member and "cancelled_at" in before.batches.get(job.member[0], {}))


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
    """Somebody deletes one job, `to` the trash, or moves it to the dead set."""

    where: Place
    payload: bytes
    at: int
    to: str
    failure: str
    now: int

    def call(self) -> Call[Any]:
        return place.remove(
            KEYS,
            place=self.where.kind,
            name=self.where.name,
            payload=self.payload,
            at=self.at,
            to=self.to,
            failure=self.failure,
            now=self.now,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        there = self.payload in line(before, self.where)
        same("who is there can be removed", there, answer)
        if not there:
            return
        job = read(self.payload)
        leave(model, before, self.where, self.payload)
        ends = is_cancelled(job, before)
        if self.to == "trash":
            discarded(model, before, after, self.where, [self.payload], "", self.now)
        else:
            if self.payload not in before.scored("dead"):  # a set holds two of the same bytes once
                model.put(job.id, "dead")
            if self.failure and not ends and model.state(job) in {WAITING, FAILING}:
                model.note(job)
        state, word = (DEAD, "dead") if self.to == "dead" else (DELETED, "deleted")
        state = MEMBER_CANCELLED if state == DEAD and ends else state
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
        fate = 1 if self.payload in line(before, self.where) else NOT_THERE
        if fate == 1 and not job.readable:
            fate = NO_JOB
        elif (
            fate == 1
            and self.where.kind == "dead"
            and (self._is_barred(job, model) or model.is_outlawed(job))
        ):
            fate = CANCELLED
        same("who is there can be retried", fate, answer)
        if fate != 1:
            return
        leave(model, before, self.where, self.payload)
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

    def _is_barred(self, job: Job, model: Model) -> bool:
        return bool(job.member and any(one.cancelled for one in model.line(job.member[0])))


@dataclass
class Clear(Laned):
    """Somebody clears a queue or a set: one slice of it."""

    ticket: Ticket
    where: Place
    limit: int
    now: int
    cleared: int = 0

    def call(self) -> Call[Any]:
        return place.clear(
            KEYS,
            place=self.where.kind,
            name=self.where.name,
            limit=self.limit,
            now=self.now,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        seen = digest(self.call())
        said = model.lane_says(*self.ticket, seen)
        if said is not None:
            same("a slice is cleared once", self.cleared if said else 0, answer)
            return
        gone = lying(before, self.where)[: self.limit]
        same("a slice clears what it may", len(gone), answer)
        if gone:
            model.lanes[self.ticket.lane] = (self.ticket.number, seen)
            self.cleared = len(gone)
        jobs = [read(payload) for payload in gone]
        for job in jobs:
            model.take(job.id, self.where.kind)
        told(model, self.where, jobs, DELETED, "deleted")
        stays(before, after, self.where, gone)


def jid_of(payload: bytes) -> str:
    """What looks like the id of a job."""
    found = re.search(rb'"jid"\s*:\s*"([^"\\]*)"', payload)
    return found[1].decode("utf-8", "replace") if found else ""


@dataclass
class LookAlong(Message):
    """Somebody reads a page of a line, after the last jobs of the page before that are there."""

    where: Place
    start: int
    length: int
    marks: list[Mark]
    ahead: int
    limit: int

    def call(self) -> Call[Any]:
        return place.queued(
            KEYS,
            place=self.where.kind,
            name=self.where.name,
            start=self.start,
            length=self.length,
            marks=self.marks,
            ahead=self.ahead,
            limit=self.limit,
            bytes=PAGE_BYTES,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        everyone = line(before, self.where)
        ids = [jid_of(payload) for payload in everyone]
        known, unknown = next((mark for mark in self.marks if mark[0] in ids), (None, 0))
        shifted = self.start + len(everyone) - self.length
        if self.start == 0 or self.marks:
            follows = self.start == 0 or (known is not None and known == self.marks[0][0])
            there = [at + unknown for at, jid in enumerate(ids, 1) if jid == known]
            first = (self.start and there) or [0]
        else:
            follows = shifted == self.start
            first = [max(0, min(self.start, shifted))]
        if answer.first not in first:
            raise Violation("a page goes on where it ended", (self, answer.first, first))
        jobs = everyone[answer.first : answer.first + self.limit]
        own = max(0, len(lying(before, self.where)) - answer.first)
        same("a page says that it follows", follows, answer.follows)
        same("a page of a queue", jobs, answer.bundle.cut())
        same("what lies there and all", [min(own, len(jobs)), len(everyone)], [*answer[2:4]])


@dataclass
class LookByTime(Message):
    """Somebody reads a page of a set, from the job of this score on, known by payload or id."""

    where: Place
    score: float
    payload: bytes
    ties: int
    ahead: int
    limit: int

    def call(self) -> Call[Any]:
        return place.timed(
            KEYS,
            place=self.where.kind,
            score=repr(self.score),
            payload=b"" if self.ties else self.payload,
            jid=jid_of(self.payload) if self.ties else "",
            ties=self.ties,
            ahead=self.ahead,
            limit=self.limit,
            bytes=PAGE_BYTES,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        own = before.scored(self.where.kind)
        jobs = own | (before.delayed() if self.where.kind == "schedule" else {})
        later = [
            (jobs[payload], payload not in own, payload)
            for payload in line(before, self.where)
            if (jobs[payload], payload) > (self.score, self.payload)
        ]
        payloads = answer.bundle.cut()
        found = [*zip(answer.scores, answer.coming, payloads, strict=True)]
        same("a page of a set", later[: len(found)], found)
        same("a page says whether more come", len(later) > len(found), answer.has_more)
        if later and not found:
            raise Violation("a page is empty only at the end", self)
