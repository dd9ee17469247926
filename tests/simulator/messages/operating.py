"""Operations on many jobs: begun, performed step by step by anybody, cancelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import operation
from outrider.store.operation import Aim
from outrider.store.place import Place
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.places import is_cancelled, lying, stays, told
from tests.simulator.messages.trash import discarded
from tests.simulator.messages.workers import settle
from tests.simulator.model import CANCELLED, DEAD, DELETED, FAILING, WAITING, Model, Operation
from tests.simulator.payloads import Job, homes, read
from tests.simulator.world import KEYS, Snapshot, Violation

ACTS = {"delete": "trash", "kill": "dead", "retry": "queue"}


@dataclass
class Begin(Message):
    """Somebody begins an operation; by the same id there is one."""

    id: str
    verb: str
    now: int

    def call(self) -> Call[Any]:
        fields: list[str | int] = ["verb", self.verb, "state", "running", "step", 0]
        return operation.begin(KEYS, id=self.id, fields=fields, now=self.now)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.operations.setdefault(self.id, Operation(self.verb))
        told_of = answer["verb"], answer["state"], int(answer["step"])
        same("an operation that has begun", (known.verb, known.state, known.step), told_of)


@dataclass
class Halt(Message):
    """Somebody cancels an operation."""

    id: str
    now: int

    def call(self) -> Call[Any]:
        return operation.halt(KEYS, id=self.id, now=self.now)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.operations[self.id]
        known.state = "cancelled" if known.state == "running" else known.state
        same("a cancelled operation", known.state, answer["state"])


@dataclass
class Recent(Message):
    """Somebody looks at the operations that there are."""

    count: int

    def call(self) -> Call[Any]:
        return operation.recent(KEYS, after="", count=self.count)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        listed = sorted(before.scored("o:operations").items(), key=lambda one: (one[1], one[0]))
        same("all operations are listed", set(model.operations), {id.decode() for id, _ in listed})
        newest = [id.decode() for id, _ in reversed(listed)][: self.count]
        same(
            "operations",
            [model.operations[id].state for id in newest],
            [one["state"] for one in answer.operations],
        )


@dataclass
class Operate(Message):
    """A step of an operation: `jobs` of a place, each with what it becomes on its queue, and where
    it was seen there.
    """

    id: str
    step: int
    act: str
    where: Place
    jobs: list[tuple[bytes, bytes, int]]
    note: str
    ends: str
    now: int

    def call(self) -> Call[Any]:
        return operation.operate(
            KEYS,
            id=self.id,
            step=self.step,
            driver="d",
            act=self.act,
            place=self.where.kind,
            name=self.where.name,
            aims=[Aim(len(text), len(changed), at, self.note) for text, changed, at in self.jobs],
            payloads=b"".join(text + changed for text, changed, _ in self.jobs),
            fields=["scanned", self.step],
            ends=self.ends,
            now=self.now,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.operations[self.id]
        if (known.state, known.step) != ("running", self.step):
            same("a step is done once", _jobs(before), _jobs(after))
            same("a step that is over", known.step, int(answer["step"]))
            return
        gone, refused = self._chosen(model, before, after)
        known.step += 1
        known.done += len(gone)
        known.refused += refused
        known.state = self.ends or known.state
        known.lease = self.now + 5000
        jobs = [read(payload) for payload in gone]
        for job in jobs:
            model.take(job.id, self.where.kind)
        if self.act == "queue":
            self._put_on_queues(model, after, jobs, gone)
        elif self.act == "dead":
            self._bury(model, before, jobs, gone)
        else:
            discarded(model, before, after, self.where, gone, self.id, self.now)
            told(model, self.where, jobs, DELETED, "deleted")
        stays(before, after, self.where, gone)

    def _chosen(self, model: Model, before: Snapshot, after: Snapshot) -> tuple[list[bytes], int]:
        """Who lies there and may go; and how many may not."""
        there = Counter(lying(before, self.where))
        if self.where.is_list and any(there[text] > 1 for text, *_ in self.jobs[-3:]):
            # By copies that are equal to the byte it can't be told how far a line has moved.
            there -= Counter(lying(after, self.where))
        gone, refused = [], 0
        for text, changed, _ in self.jobs:
            if there[text] > 0:
                there[text] -= 1
                if self.act == "queue" and not self._may_go_on(model, text, changed):
                    refused += 1
                else:
                    gone.append(text)
        return gone, refused

    def _may_go_on(self, model: Model, text: bytes, changed: bytes) -> bool:
        job = read(text)
        if not job.readable or not changed:
            return False
        if self.where.kind != "dead" or not job.member:
            return True
        above = any(one.cancelled for one in model.line(job.member[0]))
        return not above and not model.is_outlawed(job)

    def _put_on_queues(
        self, model: Model, after: Snapshot, jobs: list[Job], gone: list[bytes]
    ) -> None:
        for job, text in zip(jobs, gone, strict=True):
            model.put(job.id, "queue")
            if not any(job.id in str(after.queues.get(home)) for home in homes(text)):
                raise Violation("a retry goes to its queue", text)
        for job in jobs:
            if model.state(job) == DEAD:
                model.change(job, FAILING)
            model.revive_callback(job)
        settle(model, jobs)

    def _bury(self, model: Model, before: Snapshot, jobs: list[Job], gone: list[bytes]) -> None:
        there = set(before.scored("dead"))
        cancelled = {job.member[0] for job in jobs if job.member and is_cancelled(job, before)}
        for job, text in zip(jobs, gone, strict=True):
            if text not in there:  # a set holds two of the same bytes once
                model.put(job.id, "dead")
            there.add(text)
            ends = job.member is not None and job.member[0] in cancelled
            if model.state(job) in {WAITING, FAILING}:
                if self.note and not ends:
                    model.note(job)
                model.change(job, CANCELLED if ends else DEAD)
        for job in jobs:
            model.call_back(job, "dead")
        settle(model, jobs)


def _jobs(now: Snapshot) -> dict[str, Any]:
    """All that lies anywhere."""
    sets = {name: now.scored(name) for name in ("schedule", "retry", "dead", "o:trash")}
    return sets | now.queues | now.aside
