"""What lies in the trash, goes there, and goes back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from outrider.script import Call
from outrider.store import trash
from outrider.store.place import Place
from tests.simulator.messages.base import Message, same
from tests.simulator.model import Model
from tests.simulator.payloads import homes, read
from tests.simulator.world import KEYS, Snapshot, Violation, kept

LISTED = ("queue", "held")


def discarded(
    model: Model,
    before: Snapshot,
    after: Snapshot,
    where: Place,
    gone: list[bytes],
    operation: str,
    now: int,
) -> None:
    """Expect these in the trash, each with where it lay; and all others there as they were."""
    old, new = kept(before), kept(after)
    fresh = [one for one in new if one not in old]
    same("what is in the trash stays", old, [one for one in new if one in old])
    scores = before.scored(where.kind) | (before.delayed() if where.kind == "schedule" else {})
    expected = Counter(
        (where.kind, where.name, scores.get(payload), operation, payload) for payload in gone
    )
    found = Counter(
        (
            one.kind,
            one.name,
            float(one.score) if one.score else None,
            one.operation,
            one.payload,
        )
        for one in fresh
    )
    same("what is deleted lies in the trash", expected, found)
    if len({one.at for one in new}) < len(new):
        raise Violation("times in the trash differ", new)
    if any(not now * 1000 <= one.at <= now * 1000 + 1_100_000 for one in fresh):
        raise Violation("times in the trash are those of deleting", (now, fresh))
    for payload in gone:
        model.put(read(payload).id, "trash")


def disposed(model: Model, before: Snapshot, after: Snapshot, until: int, limit: int) -> int:
    """Expect the oldest to be gone for good, so many at most; how many."""
    old = kept(before)
    gone = [one for one in old if one.at < until * 1000][:limit]
    same("the trash forgets what is old", old[len(gone) :], kept(after))
    for one in gone:
        model.take(read(one.payload).id, "trash")
    return len(gone)


@dataclass
class Dispose(Message):
    """Somebody empties the trash, or begins to."""

    before: int
    limit: int

    def call(self) -> Call[Any]:
        return trash.dispose(KEYS, before=self.before, limit=self.limit)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        same("disposed", disposed(model, before, after, self.before, self.limit), answer)


@dataclass
class Rummage(Message):
    """Somebody looks at a page of the trash."""

    last: str
    operation: str
    count: int

    def call(self) -> Call[Any]:
        return trash.rummage(KEYS, before=self.last, count=self.count, operation=self.operation)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        older = [one for one in reversed(kept(before)) if one.at < float(self.last)]
        page = older[: self.count]
        own = [one.at for one in page if self.operation in ("", one.operation)]
        same("a page of the trash", own, [one.at for one in answer.jobs])
        if not self.operation:
            same(
                "jobs of the trash",
                [one.payload for one in page],
                [one.payload for one in answer.jobs],
            )
        more = str(page[-1].at) if len(older) > len(page) else None
        same("the next page of the trash", more, answer.before)


@dataclass
class Restore(Message):
    """Somebody puts jobs back; as a step of an operation with its id."""

    id: str
    step: int
    entries: list[int]
    ends: str
    now: int

    def call(self) -> Call[Any]:
        return trash.restore(
            KEYS,
            id=self.id,
            step=self.step,
            driver="d",
            entries=self.entries,
            fields=["scanned", self.step],
            ends=self.ends,
            now=self.now,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        known = model.operations.get(self.id)
        is_due = not self.id or (known and (known.state, known.step) == ("running", self.step))
        asked = [one for one in kept(before) if one.at in self.entries] if is_due else []
        back = [one for one in asked if one.kind == "dead" or not _is_of_batch(one.payload)]
        same("restored", (len(back), len(asked) - len(back)), answer[:2])
        same("others stay in the trash", [x for x in kept(before) if x not in back], kept(after))
        if known and is_due:
            known.step += 1
            known.done += len(back)
            known.refused += len(asked) - len(back)
            known.state = self.ends or known.state
            known.lease = self.now + 5000
        queues = {name: list(jobs) for name, jobs in before.queues.items()}
        sets = {name: dict(before.scored(name)) for name in ("schedule", "retry", "dead")}
        for one in reversed(back):
            job = read(one.payload)
            model.take(job.id, "trash")
            if one.kind in LISTED:
                home = one.name if one.kind == "queue" else _home(one.payload)
                queues.setdefault(home, []).append(one.payload)
                model.put(job.id, "queue")
            else:
                if one.payload not in sets[one.kind]:  # a set holds two of the same bytes once
                    model.put(job.id, one.kind)
                model.carried.add(job.id)  # away and back: that may hide it from an audit
        for one in back:
            if one.kind not in LISTED:
                sets[one.kind][one.payload] = float(one.score)
        same("who is restored is taken first", queues, after.queues)
        for name, jobs in sets.items():
            same("who is restored has its time", jobs, after.scored(name))


def _home(payload: bytes) -> str:
    return homes(payload)[0] if read(payload).readable else "default"


def _is_of_batch(payload: bytes) -> bool:
    """Whether it is a member or a callback, or a job of others that says it is one."""
    return read(payload).member is not None or b'"cb":"' in payload
