"""What must be true of the server, kept in plain Python: as little as the checker needs.

Batches follow the table of the contract, not the Lua code. Jobs are only counted by the place they
lie in; what lies where in which order is read from snapshots.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from outrider.ids import FIRST_CALLBACK
from outrider.store import batch
from tests.simulator.payloads import Job

WAITING, FAILING, SUCCEEDED, EXPIRED, DISCARDED, DEAD, CANCELLED, DELETED = range(1, 9)
OPEN = ("queued", "failing")
STEP = 10_000
_UNFIT = {WAITING, FAILING, DEAD, CANCELLED, DELETED}
_ENDS = {SUCCEEDED, EXPIRED, DISCARDED, DEAD, CANCELLED, DELETED}
_NEXT = {WAITING: {FAILING, *_ENDS}, FAILING: _ENDS - {EXPIRED}, DEAD: {FAILING}}
_TOKENS = {"complete": "!", "success": "$", "death": "x", "settled": "."}
_BASES = {"complete": 0, "success": 1, "death": 2, "settled": 3}


@dataclass
class Batch:
    """One batch. `callbacks` holds those asked for: (event, index) -> state, '' when not pushed."""

    bid: str
    parent: str = ""
    kids: list[str] = field(default_factory=list)
    slots: dict[int, int] = field(default_factory=dict)
    reserved: int = 0
    fired: set[str] = field(default_factory=set)
    queue: str = ""
    targets: dict[tuple[str, int], str] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    noted: set[int] = field(default_factory=set)
    callbacks: dict[tuple[str, int], str] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    barred: bool = False
    cancelled: bool = False
    interrupted: bool = False
    doomed: bool = False
    goals: dict[str, float] = field(default_factory=dict)

    def add(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Add members, all waiting."""
        for first, count in ranges:
            self.reserved = max(self.reserved, first + count + count % 2)
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

    def holds(self, kids: list[set[str]]) -> set[str]:
        """The events whose conditions hold now; `kids` says what each child counts as."""
        if self.held:
            return set()
        states = set(self.slots.values())
        ways = {"complete": {WAITING}, "success": _UNFIT, "settled": {WAITING, FAILING}}
        if "success_ratio" in self.goals or "success_count" in self.goals:
            ways["success"] = ways["settled"]
        return {
            event
            for event, bars in ways.items()
            if not states & bars and all(event in kid for kid in kids)
            if event != "success" or not (self.barred or self.cancelled or self.lacks())
        }

    def lacks(self) -> bool:
        """Whether less than the part that was asked for has succeeded, of those that count."""
        count = Counter(self.slots.values())
        of = count.total() - count[DISCARDED] - count[DELETED]
        good = count[SUCCEEDED] + count[EXPIRED]
        most = min(of, self.goals.get("success_count", 0))
        return good < most or (of > 0 and good / of < self.goals.get("success_ratio", 0))

    def counts_as(self, kids: list[set[str]]) -> set[str]:
        """What it is for its parent, by the contract: the event, now too, and its callbacks."""
        states = {key: state for key, state in self.callbacks.items() if key[0] in self.fired}
        fit = self.holds(kids) & self.fired
        if any(event == "complete" and state == "queued" for (event, _), state in states.items()):
            fit.discard("complete")
        if any(state != "succeeded" for state in states.values()):
            fit.discard("success")
        if any(state in OPEN for state in states.values()):
            fit.discard("settled")
        return fit

    def push_callbacks(self) -> list[tuple[str, str]]:
        """Push what has become due; give the queue and the jid of each."""
        due = [key for key, state in self.callbacks.items() if not state and key[0] in self.fired]
        self.callbacks.update(dict.fromkeys(due, "queued"))
        return [(self.targets[key] or self.queue or "default", self.jid(*key)) for key in due]

    def jid(self, event: str, index: int) -> str:
        """The jid of a callback."""
        return f"{self.bid}{FIRST_CALLBACK + (_BASES[event] << 24) + index:08x}"


@dataclass
class Child:
    """One child of a worker, as the fences must know it."""

    request: int = 0
    first: int = 0
    tokens: list[int] = field(default_factory=list)
    acked: int = 0
    dealt: int = 0
    gone: bool = False


@dataclass
class Operation:
    """One operation: how far it is, and until when somebody is at it."""

    verb: str
    state: str = "running"
    step: int = 0
    done: int = 0
    refused: int = 0
    lease: int = 0


@dataclass
class Model:
    """The whole store."""

    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    born: list[tuple[str, str]] = field(default_factory=list)
    doubled: set[str] = field(default_factory=set)
    batches: dict[str, Batch] = field(default_factory=dict)
    forgotten: dict[str, set[str]] = field(default_factory=dict)
    staged: dict[str, int] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)
    cancelling: set[str] = field(default_factory=set)
    interrupts: dict[str, int] = field(default_factory=dict)
    bereft: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)
    carried: set[str] = field(default_factory=set)
    outlawed: set[str] = field(default_factory=set)
    lanes: dict[str, tuple[int, str]] = field(default_factory=dict)
    children: dict[tuple[str, str], Child] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    started: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    newer: set[str] = field(default_factory=set)
    operations: dict[str, Operation] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    paused_names: set[str] = field(default_factory=set)
    last_token: int = 0
    scheduler: tuple[str, int] = ("", 0)
    virtual: int = 0
    last_tick: int | None = None
    processed: int = 0
    failed: int = 0
    expired: int = 0
    measured: dict[str, dict[str, tuple[list[int], Counter[int]]]] = field(default_factory=dict)
    sampled: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    marks: list[tuple[int, str]] = field(default_factory=list)
    followed: set[str] | None = None
    said: Counter[tuple[str, str]] = field(default_factory=Counter)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)

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

    def is_cancelled(self, job: Job) -> bool:
        """Whether a job is a member of a cancelled batch."""
        known = self.batch_of(job)
        return known is not None and known.cancelled

    def is_outlawed(self, job: Job) -> bool:
        """Whether a job is a member of a batch that was cancelled and then forgotten."""
        return job.member is not None and job.member[0] in self.outlawed

    def state(self, job: Job) -> int:
        """The state of a member in its batch; 0 for all other jobs."""
        known = self.batch_of(job)
        return known.slots.get(job.member[1], 0) if known and job.member else 0

    def change(self, job: Job, state: int) -> None:
        """A member reaches a state; `settle` must follow."""
        known = self.batch_of(job)
        if not known or not job.member:
            return
        old = known.slots.get(job.member[1], 0)
        known.move(job.member[1], state)
        if state == DEAD != old and known.slots.get(job.member[1]) == DEAD:
            self.bereft.add(known.bid)
            for one in self.line(known.bid):
                one.fired.add("death")
        if state == DEAD or (state == FAILING and old != DEAD):
            self.say(known.bid, "-")
        elif state == SUCCEEDED and known.slots.get(job.member[1], 0) != old:
            self.say(known.bid, "+")

    def say(self, bid: str, token: str) -> None:
        """Expect a token on the progress channel of a batch, if anyone listens."""
        if self.followed is None or bid in self.followed:
            self.said[bid, token] += 1

    def tell(self, event: str, job: Job, claim: str = "") -> None:
        """Expect news of a job; `claim` is the token of one that was lost, marked for blame."""
        self.told[event, f"{job.id} {claim}"] += 1

    def note(self, job: Job) -> None:
        """It is noted why a member failed."""
        known = self.batch_of(job)
        if known and job.member:
            known.noted.add(job.member[1])

    def call_back(self, job: Job, state: str) -> None:
        """A callback reaches a state; one that has succeeded stays so."""
        if not job.callback:
            return
        known, key = self.batches.get(job.callback[0]), job.callback[1:]
        if known and known.callbacks.get(key, "succeeded") not in {"succeeded", ""}:
            known.callbacks[key] = state

    def revive_callback(self, job: Job) -> None:
        """A callback is claimed: one that was dead has been brought back."""
        if job.callback:
            known, key = self.batches.get(job.callback[0]), job.callback[1:]
            if known and known.callbacks.get(key) == "dead":
                known.callbacks[key] = "failing"

    def line(self, bid: str) -> Iterator[Batch]:
        """A batch and all above it, as far as they are known."""
        while bid in self.batches:
            yield self.batches[bid]
            bid = self.batches[bid].parent

    def interrupt(self, bid: str) -> None:
        """Running members are to be interrupted: all workers hear of it, in this order."""
        last = max(self.interrupts.values(), default=0)
        self.interrupts[bid] = max(self.virtual + 60_000, last + 1)

    def refuses(self, bid: str, inside: bool, to_hold: bool = False) -> int:
        """1 when jobs or children may be added to a batch, else why not."""
        known = self.batches.get(bid)
        if known is None:
            return batch.UNKNOWN
        if any(one.cancelled for one in self.line(bid)):
            return batch.CANCELLED
        if known.held or (to_hold and known.barred):
            return 1
        open_now = "settled" not in known.holds(self.kids(known))
        return 1 if "settled" not in known.fired or (inside and open_now) else batch.SETTLED

    def is_live(self, job: Job, bid: str) -> bool:
        """Whether a running job is a live member of a batch, or a live callback of its child."""
        if job.callback and job.callback[0] in self.batches:
            child = self.batches[job.callback[0]]
            return child.parent == bid and child.callbacks.get(job.callback[1:]) in OPEN
        return (
            job.member is not None
            and job.member[0] == bid
            and self.state(job) in {WAITING, FAILING}
        )

    def awaited(self) -> list[str]:
        """Children whose parent has not settled."""
        return [
            bid
            for parent in self.batches.values()
            if "settled" not in parent.fired
            for bid in parent.kids
            if bid in self.batches
        ]

    def kids(self, parent: Batch) -> list[set[str]]:
        """What each child of a batch counts as, from scratch."""
        return [self.counts_as(bid) for bid in parent.kids]

    def counts_as(self, bid: str) -> set[str]:
        """What a batch is for its parent now, or was when it was forgotten."""
        known = self.batches.get(bid)
        return self.forgotten[bid] if known is None else known.counts_as(self.kids(known))

    def create(self, bid: str, parent: str) -> Batch:
        """A new batch."""
        made = self.batches[bid] = Batch(bid, parent)
        if parent:
            self.batches[parent].kids.append(bid)
        return made

    def settle(self, bids: Iterable[str]) -> None:
        """Judge the trees that these batches are in, from the leaves to the roots."""
        for bid in self.bereft:
            known = self.batches[bid]
            dead = sum(state == DEAD for state in known.slots.values())
            if not known.cancelled and dead >= known.goals.get("cancel_when_dead", dead + 1):
                known.cancelled = True
                self.cancelling.add(bid)
        self.bereft.clear()
        tops = {line[-1].bid: line[-1] for bid in bids if (line := [*self.line(bid)])}
        for top in tops.values():
            self._settle_tree(top)
        for bid in [bid for bid, known in self.batches.items() if known.doomed]:
            if "settled" in self.counts_as(bid):
                self.forget(bid)

    def forget(self, bid: str) -> None:
        """A batch is known no more; what it counted as, it counts as for ever."""
        self.forgotten[bid] = self.counts_as(bid)
        self.cancelling.discard(bid)
        if self.batches[bid].cancelled:
            self.outlawed.add(bid)
        del self.batches[bid]

    def _settle_tree(self, top: Batch) -> None:
        for kid in top.kids:
            if kid in self.batches:
                self._settle_tree(self.batches[kid])
        self.judged.add(top.bid)
        top.fired |= top.holds(self.kids(top))
        for event in top.fired - top.announced:
            self.say(top.bid, _TOKENS[event])
        top.announced |= top.fired
        for queue, jid in top.push_callbacks():
            self.put(jid, "queue")
            self.born.append((queue, jid))

    def tick(self, now: int) -> None:
        """Move the virtual clock."""
        last = now if self.last_tick is None else self.last_tick
        self.virtual += min(max(now - last, 0), STEP)
        self.last_tick = now
