"""What workers send about jobs: claims, outcomes, and what the scheduler does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from outrider.script import BYTES, Call
from outrider.store import queue, schedule
from tests.simulator.messages.base import Message, in_front, same, within
from tests.simulator.model import (
    CANCELLED,
    DEAD,
    DISCARDED,
    EXPIRED,
    FAILING,
    SUCCEEDED,
    WAITING,
    Child,
    Model,
)
from tests.simulator.payloads import Job, homes, is_plain, read
from tests.simulator.world import DAY, KEYS, Snapshot, Violation

TURN = 500


def settle(model: Model, jobs: list[Job]) -> None:
    """Judge all batches that these are jobs or callbacks of."""
    model.settle(place[0] for job in jobs for place in (job.member, job.callback) if place)


@dataclass
class Claim(Message):
    """A child asks for jobs."""

    child: tuple[str, str]
    request: int
    seen: int
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
            seen=self.seen,
            now=self.now,
            day=DAY,
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
            same("a claim sent again is answered alike", (child.first, again), answer[1:3])
        else:
            self._expect_jobs(model, child, before, after, answer)

    def _expect_jobs(
        self,
        model: Model,
        child: Child,
        before: Snapshot,
        after: Snapshot,
        answer: queue.Claimed,
    ) -> None:
        jobs, expected, names = [], [], []
        drawn, room = self._drawn(model, before)
        for name, payload, place in drawn:
            job = read(payload)
            jobs.append(job)
            model.take(job.id, "queue")
            if place:
                model.put(job.id, place)
            if place == "claim":
                expected.append(job.id)
                names.append("" if is_plain(payload) else name)
        settle(model, jobs)
        same(
            "a claim says whether it met any, and more may lie there",
            (bool(drawn), not room),
            (answer.met, answer.more),
        )
        self._expect_held(drawn, model, before, after)
        same(
            "a claim takes the oldest jobs of the first queues",
            (False, expected),
            (answer.fenced, [read(payload).id for payload in answer.payloads]),
        )
        self._expect_texts(names, model, answer)
        above = max(model.last_token, self.seen)
        if expected and answer.first <= above:
            raise Violation("tokens are given out once", (above, answer.first))
        child.request, child.first = self.request, answer.first
        child.tokens = list(range(answer.first, answer.first + len(expected)))
        model.last_token = max([model.last_token, *child.tokens])

    @staticmethod
    def _expect_texts(names: list[str], model: Model, answer: queue.Claimed) -> None:
        """What is spliced in: that the batch is gone, and where the job lay (`names`)."""
        for name, payload in zip(names, answer.payloads, strict=True):
            job = read(payload)
            gone = bool(job.member and job.member[0] not in model.batches)
            if gone and b'"forgotten":true' not in payload:
                raise Violation("a job is told that its batch is gone", payload)
            if name and name not in homes(payload):
                raise Violation("a job names the queue that it was taken from", (name, payload))

    def _drawn(self, model: Model, before: Snapshot) -> tuple[list[tuple[str, bytes, str]], int]:
        """All that it meets and where that goes, and how many more it would take."""
        drawn: list[tuple[str, bytes, str]] = []
        room = self.want
        for name in self.queues:
            for payload in before.queues.get(name, [])[::-1] if name not in model.paused else ():
                if room:
                    place = self._fate(model, read(payload))
                    drawn.append((name, payload, place))
                    room -= place == "claim"
        return drawn, room

    def _late(self, job: Job) -> bool:
        # One killed at its timeout has failed: its child is to say so.
        return job.expiry is not None and job.expiry * 1000 < self.now and not job.killed

    @staticmethod
    def _expect_held(
        drawn: list[tuple[str, bytes, str]], model: Model, before: Snapshot, after: Snapshot
    ) -> None:
        """Those of paused names lie behind what is held already, in their order."""
        for name in model.paused_names:
            ids = [read(payload).id for _, payload, _ in drawn if read(payload).name == name]
            old = before.aside.get(name, [])
            lying = after.aside.get(name, [])
            found = [read(payload).id for payload in lying[: len(lying) - len(old)]]
            same("jobs of a paused name are held", (ids[::-1], old), (found, lying[len(found) :]))
        for queue_name, payload, _ in drawn:
            job = read(payload)
            texts = [text for text in after.aside.get(job.name, []) if read(text).id == job.id]
            named = is_plain(payload) or any(queue_name in homes(text) for text in texts)
            if job.readable and job.name in model.paused_names and not named:
                raise Violation("what is held names the queue that it comes back to", payload)

    def _fate(self, model: Model, job: Job) -> str:
        lapsed = self._late(job)
        state = model.state(job)
        if not job.readable:
            model.tell("job.buried", job)
            return "dead"
        if job.name in model.paused_names:
            return "held"
        if not state:
            if model.is_cancelled(job) or model.is_outlawed(job):
                return ""
            if lapsed:
                model.call_back(job, "dead" if job.tried else "expired")
                model.expired += not job.tried
                model.tell("job.buried" if job.tried else "job.expired", job)
                return "dead" if job.tried else ""
            model.revive_callback(job)
            return "claim"
        if model.is_cancelled(job):
            model.change(job, CANCELLED)
            return ""
        if state == DEAD:
            model.change(job, FAILING)
            state = FAILING
        if lapsed and state == FAILING:
            model.change(job, DEAD)
            model.tell("job.buried", job)
            return "dead"
        if lapsed and state == WAITING:
            model.expired += 1
            model.tell("job.expired", job)
            model.change(job, EXPIRED)
        return "" if lapsed or state > FAILING else "claim"


@dataclass
class Ack(Message):
    """A child reports outcomes."""

    child: tuple[str, str]
    request: int
    now: int
    done: list[int]
    others: list[queue.Other]
    batches: int = 500

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
            batches=self.batches,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        child = model.children.get(self.child)
        if child and self.request <= child.acked:
            same("an acknowledgement sent again does nothing", (child.dealt, []), tuple(answer))
            return
        held = before.held(self.child)
        self._check_dealt(held, answer.dealt)
        done, others, late = self._first(held, answer.dealt)
        same("late outcomes are reported", late, answer.late)
        if child:
            child.acked, child.dealt = self.request, answer.dealt
        released = [held[other.token] for other in others if other.kind == "release"]
        back = [payload for payload in released if not model.is_cancelled(read(payload))]
        self._expect_outcomes(model, held, done, others)
        in_front(before, after, [back[::-1]])

    def _check_dealt(self, held: dict[int, bytes], dealt: int) -> None:
        """All outcomes are dealt with, or those up to the last batch that may be brought on."""
        tokens = [*self.done, *(other.token for other in self.others)]
        what = "outcomes are dealt with until enough batches are"
        if dealt < len(tokens):
            same(what, True, _batches(held, tokens[:dealt]) >= self.batches)
        # Others may change nothing of their batch.
        same(what, True, _batches(held, self.done[: max(0, dealt - 1)]) < self.batches)

    def _first(
        self, held: dict[int, bytes], dealt: int
    ) -> tuple[list[int], list[queue.Other], list[int]]:
        """Of outcomes whose claim stands, the first of each job; and the tokens of the rest."""
        done = [token for token in self.done[:dealt] if token in held]
        lost = [token for token in self.done[:dealt] if token not in held]
        others, counted = [], set(done)
        for other in self.others[: max(0, dealt - len(self.done))]:
            if other.token in held and other.token not in counted:
                others.append(other)
                counted.add(other.token)
            else:
                lost.append(other.token)
        return done, others, lost

    def _expect_outcomes(
        self, model: Model, held: dict[int, bytes], done: list[int], others: list[queue.Other]
    ) -> None:
        changes: list[tuple[Job, int]] = []
        words: list[tuple[Job, str]] = []
        for job in (read(held[token]) for token in done):
            model.take(job.id, "claim")
            model.processed += 1
            changes.append((job, SUCCEEDED))
            words.append((job, "succeeded"))
        for other in others:
            job = read(held[other.token])
            model.take(job.id, "claim")
            self._place(model, job, other, changes, words)
        for job, state in changes:
            model.change(job, state)
        for job, word in words:
            model.call_back(job, word)
        settle(model, [job for job, _ in words])

    def _place(
        self,
        model: Model,
        job: Job,
        other: queue.Other,
        changes: list[tuple[Job, int]],
        words: list[tuple[Job, str]],
    ) -> None:
        kind = other.kind
        if job.member and (kind == "cancel" or (kind != "discard" and model.is_cancelled(job))):
            model.processed += kind not in {"snooze", "release"}
            model.failed += kind in {"retry", "dead", "gone"}
            changes.append((job, CANCELLED))
            words.append((job, "cancelled"))
            return
        if kind in self._STATES:
            model.processed += 1
            model.failed += kind != "discard"
            if model.state(job) > FAILING:
                return
            changes.append((job, self._STATES[kind]))
            words.append((job, self._WORDS[kind]))
            if other.failure and model.state(job):
                model.note(job)
        if kind in self._PLACES:
            model.put(job.id, self._PLACES[kind])


def _batches(held: dict[int, bytes], tokens: list[int]) -> int:
    """How many batches and callbacks these are of, and jobs of others that say they are one."""
    payloads = [held[token] for token in tokens if token in held]
    members = {job.member[0] for job in map(read, payloads) if job.member}
    return len(members) + sum(b'"cb":"' in payload for payload in payloads)


@dataclass
class Promote(Message):
    """Due jobs go to their queues."""

    name: str
    identity: str
    now: int
    limit: int
    bytes: int = BYTES

    def call(self) -> Call[Any]:
        return schedule.promote(
            KEYS,
            name=self.name,
            identity=self.identity,
            now=self.now,
            limit=self.limit,
            bytes=self.bytes,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        ordered = sorted((score, payload) for payload, score in before.scored(self.name).items())
        due = [payload for score, payload in ordered if score * 1000 <= self.now]
        due = within(due, self.limit, self.bytes)
        who, at = model.scheduler
        if who != self.identity and who and abs(at - self.now) < TURN:
            due = []
        if due:
            model.scheduler = self.identity, self.now
        for job in map(read, due):
            model.take(job.id, self.name)
            model.put(job.id, "queue" if job.readable else "dead")
            model.tell("job.due" if job.readable else "job.buried", job)
        in_front(before, after, [])
        later = [math.ceil(score * 1000 - 0.001) for score, _ in ordered[len(due) :]]
        leads = model.scheduler[0] in {"", self.identity}
        same("what is due is promoted", (len(due), (later or [-1])[0], leads), tuple(answer))


@dataclass
class Outstanding(Message):
    """What a draining worker has to wait for."""

    queues: list[str]
    horizon: int

    def call(self) -> Call[Any]:
        return queue.outstanding(KEYS, queues=self.queues, horizon=self.horizon)

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        waiting = [
            len(before.queues.get(name, [])) + before.moving(name)
            for name in self.queues
            if name not in model.paused
        ]
        soon = [
            score
            for scored in (before.scored("schedule"), before.scored("retry"), before.delayed())
            for score in scored.values()
            if score * 1000 <= self.horizon
        ]
        held = sum(len(claims) for claims in before.claims.values())
        back = [jobs for name, jobs in before.aside.items() if name not in model.paused_names]
        held += sum(map(len, back))
        left = sum(waiting) + len(soon) + held + len(model.cancelling)
        same("outstanding counts right", left, answer)
