"""What must be true of the server, kept in plain Python: as little as the checker needs.

Batches follow the table of the contract, not the Lua code. Jobs are only counted by the place they
lie in; what lies where in which order is read from snapshots.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from outrider.ids import FIRST_CALLBACK
from tests.simulator.payloads import Job

WAITING, FAILING, SUCCEEDED, EXPIRED, DISCARDED, DEAD, CANCELLED, DELETED = range(1, 9)
OPEN = ("queued", "failing")
STEP = 10_000
_ENDS = {SUCCEEDED, EXPIRED, DISCARDED, DEAD, CANCELLED, DELETED}
_NEXT = {WAITING: {FAILING, *_ENDS}, FAILING: _ENDS - {EXPIRED}, DEAD: {FAILING}}
_TOKENS = {"complete": "!", "success": "$", "death": "x", "settled": "."}
_BASES = {"complete": 0, "success": 1, "death": 2, "settled": 3}


@dataclass
class Batch:
    """One batch. `callbacks` holds those asked for: (event, index) -> state, '' when not pushed."""

    bid: str
    slots: dict[int, int] = field(default_factory=dict)
    reserved: int = 0
    fired: set[str] = field(default_factory=set)
    queue: str = "default"
    targets: dict[tuple[str, int], str] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    noted: set[int] = field(default_factory=set)
    callbacks: dict[tuple[str, int], str] = field(default_factory=dict)

    def add(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Add members, all waiting."""
        for first, count in ranges:
            self.slots.update(dict.fromkeys(range(first, first + count), WAITING))

    def listen(self, event: str, callback: str) -> None:
        """Add a callback; what it says begins with its queue."""
        key = (event, sum(name == event for name, _ in self.callbacks))
        self.callbacks[key], self.targets[key] = "", json.loads(callback)[0]

    def move(self, number: int, to: int) -> None:
        """Move a member to another state, if it may go there."""
        old = self.slots.get(number, 0)
        if to in _NEXT.get(old, ()):
            self.slots[number] = to
            if old == FAILING and to != DEAD:
                self.noted.discard(number)
            if to == DEAD:
                self.fired.add("death")

    def judge(self) -> None:
        """Fire the events that have become due."""
        states = set(self.slots.values())
        if WAITING in states:
            return
        self.fired.add("complete")
        if FAILING in states:
            return
        self.fired.add("settled")
        if not states & {DEAD, CANCELLED, DELETED}:
            self.fired.add("success")

    def push_callbacks(self) -> list[tuple[str, str]]:
        """Push what has become due; give the queue and the jid of each."""
        due = [key for key, state in self.callbacks.items() if not state and key[0] in self.fired]
        self.callbacks.update(dict.fromkeys(due, "queued"))
        return [(self.targets[key] or self.queue, self.jid(*key)) for key in due]

    def jid(self, event: str, index: int) -> str:
        """The jid of a callback."""
        return f"{self.bid}{FIRST_CALLBACK + (_BASES[event] << 24) + index:08x}"

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it can move any more."""
        can_run = {WAITING, FAILING} & set(self.slots.values())
        return "settled" in self.fired and not can_run and not self.open_callbacks

    @property
    def open_callbacks(self) -> int:
        """How many callbacks are queued or failing."""
        return sum(state in OPEN for state in self.callbacks.values())

    def count(self, state: int) -> int:
        """How many members are in this state."""
        return sum(found == state for found in self.slots.values())


@dataclass
class Child:
    """One child of a worker, as the fences must know it."""

    request: int = 0
    first: int = 0
    tokens: list[int] = field(default_factory=list)
    acked: int = 0
    gone: bool = False


@dataclass
class Model:
    """The whole store."""

    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    born: list[tuple[str, str]] = field(default_factory=list)
    doubled: set[str] = field(default_factory=set)
    batches: dict[str, Batch] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    lanes: dict[str, tuple[int, str]] = field(default_factory=dict)
    children: dict[tuple[str, str], Child] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    last_token: int = 0
    virtual: int = 0
    last_tick: int | None = None
    processed: int = 0
    failed: int = 0
    followed: set[str] | None = None
    said: Counter[tuple[str, str]] = field(default_factory=Counter)

    def put(self, jid: str, place: str) -> None:
        """A copy of a job arrives in a place."""
        self.seen.add(jid)
        self.places[jid, place] += 1

    def take(self, jid: str, place: str) -> None:
        """A copy of a job leaves a place."""
        self.places[jid, place] -= 1
        if not self.places[jid, place]:
            del self.places[jid, place]

    def lane_says(self, lane: str, number: int, digest: str) -> int | None:
        """None for a new request, 1 for one that was executed, 0 for one that came too late."""
        last = self.lanes.get(lane, (0, ""))
        if number > last[0]:
            return None
        return int(last == (number, digest))

    def batch_of(self, job: Job) -> Batch | None:
        """The batch that a job is a member of; None for a plain job, and when it is forgotten."""
        return self.batches.get(job.member[0]) if job.member else None

    def state(self, job: Job) -> int:
        """The state of a member in its batch; 0 for all other jobs."""
        batch = self.batch_of(job)
        return batch.slots.get(job.member[1], 0) if batch and job.member else 0

    def change(self, job: Job, state: int) -> None:
        """A member reaches a state. `settle` must follow at the end of the script."""
        batch = self.batch_of(job)
        if not batch or not job.member:
            return
        old = batch.slots.get(job.member[1], 0)
        batch.move(job.member[1], state)
        if state == DEAD or (state == FAILING and old != DEAD):
            self.say(batch.bid, "-")
        elif state == SUCCEEDED and batch.slots.get(job.member[1], 0) != old:
            self.say(batch.bid, "+")

    def say(self, bid: str, token: str) -> None:
        """Expect a token on the progress channel of a batch, if anyone listens."""
        if self.followed is None or bid in self.followed:
            self.said[bid, token] += 1

    def note(self, job: Job) -> None:
        """It is noted why a member failed."""
        batch = self.batch_of(job)
        if batch and job.member:
            batch.noted.add(job.member[1])

    def call_back(self, job: Job, state: str) -> None:
        """A callback reaches a state; one that has succeeded stays so."""
        if not job.callback:
            return
        batch, key = self.batches.get(job.callback[0]), job.callback[1:]
        if batch and batch.callbacks.get(key, "succeeded") != "succeeded":
            batch.callbacks[key] = state

    def revive_callback(self, job: Job) -> None:
        """A callback is claimed: one that was dead has been brought back."""
        if job.callback:
            batch = self.batches.get(job.callback[0])
            key = job.callback[1:]
            if batch and batch.callbacks.get(key) == "dead":
                batch.callbacks[key] = "failing"

    def create(self, bid: str, total: int) -> Batch:
        """A new batch with room for its first jobs."""
        made = self.batches[bid] = Batch(bid, reserved=total + total % 2)
        return made

    def settle(self, jobs: Iterable[Job]) -> None:
        """Judge the batches of these jobs."""
        for bid in {job.member[0] for job in jobs if job.member}:
            if bid in self.batches:
                self.settle_batch(self.batches[bid])

    def settle_batch(self, batch: Batch) -> None:
        """Judge a batch, and expect its callbacks on a queue."""
        batch.judge()
        for event in batch.fired - batch.announced:
            self.say(batch.bid, _TOKENS[event])
        batch.announced |= batch.fired
        for queue, jid in batch.push_callbacks():
            self.put(jid, "queue")
            self.born.append((queue, jid))

    def tick(self, now: int) -> None:
        """Move the virtual clock."""
        last = now if self.last_tick is None else self.last_tick
        self.virtual += min(max(now - last, 0), STEP)
        self.last_tick = now
