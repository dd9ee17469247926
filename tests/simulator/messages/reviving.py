"""What somebody does to bring back the dead of one batch, and hurry what waits for a retry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import batch, place
from outrider.store.place import Place
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.places import lying, stays
from tests.simulator.messages.workers import settle
from tests.simulator.model import DEAD, FAILING, OPEN, WAITING, Model
from tests.simulator.payloads import Job, homes, read
from tests.simulator.world import KEYS, Snapshot, Violation


def belongs(job: Job, bid: str) -> bool:
    """Whether it is a member or a callback of this batch."""
    return bid in {one[0] for one in (job.member, job.callback) if one}


@dataclass
class Seek(Message):
    """The first page of a search for a batch's jobs in a set."""

    where: Place
    bid: str

    def call(self) -> Call[Any]:
        return place.seek(KEYS, name=self.where.kind, bid=self.bid, cursor="0", count=500)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        theirs = [one for one in lying(before, self.where) if belongs(read(one), self.bid)]
        if answer.cursor == "0":
            same("a search reads all", sum(map(len, lying(before, self.where))), answer.size)
            same("a search finds all of a batch", sorted(theirs), sorted(answer.payloads))
        elif not set(answer.payloads) <= set(theirs):
            raise Violation("a search finds nobody else", (self.bid, answer.payloads))


@dataclass
class Bringback(Message):
    """Jobs of one batch that lay in a set are put on their queues; `jobs` as they lay."""

    where: Place
    bid: str
    jobs: list[tuple[str, str]]
    now: int

    def call(self) -> Call[Any]:
        return place.bringback(
            KEYS, bid=self.bid, place=self.where.kind, jobs=self.jobs, now=self.now
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        refused = model.refuses(self.bid, inside=True)
        if refused in (batch.UNKNOWN, batch.CANCELLED):
            same("nothing is brought back to such a batch", refused, answer)
            stays(before, after, self.where, [])
            return
        there = before.scored(self.where.kind)
        texts = [text.encode() for text, _ in self.jobs]
        gone = [text for text in texts if text in there and self._may(model, read(text))]
        same("as many are brought back as may be", len(gone), answer)
        jobs = [read(text) for text in gone]
        for job, text in zip(jobs, gone, strict=True):
            model.take(job.id, self.where.kind)
            model.put(job.id, "queue")
            if not any(job.id in str(after.queues.get(home)) for home in homes(text)):
                raise Violation("a retry goes to its queue", text)
        for job in jobs:
            if model.state(job) == DEAD:
                model.change(job, FAILING)
            model.revive_callback(job)
        settle(model, jobs)
        stays(before, after, self.where, gone)

    def _may(self, model: Model, job: Job) -> bool:
        """Whether it is of this batch, and has not come to its end."""
        if job.member and job.member[0] == self.bid:
            return model.state(job) in {WAITING, FAILING, DEAD}
        if job.callback and job.callback[0] == self.bid:
            known = model.batches[self.bid].callbacks.get(job.callback[1:])
            return known in (*OPEN, "dead")
        return False
