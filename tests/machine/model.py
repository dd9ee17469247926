"""What the contract says of batches: who waits, what counts, what is due. Nothing here does I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

EVENTS = ("complete", "success", "death", "settled")
STATES = (
    *("waiting", "failing", "succeeded", "expired"),
    *("discarded", "dead", "cancelled", "deleted"),
)
LIVE = ("waiting", "failing")
OPEN = ("queued", "failing")
SETS = ("schedule", "retry", "dead")
WORKERS = ("a:1:aa", "b:1:bb")


class Copy(NamedTuple):
    """One payload, and where it lies: on the queue of this name, in a set, or held by a worker.

    `name` is a jid, or the tag of a callback; `tries` counts failures from 0, None before the
    first; `deadline` in ms.
    """

    name: str
    place: str
    home: str
    tries: int | None = None
    deadline: int | None = None


@dataclass(eq=False)
class Member:
    """A job of a batch; without one a plain job, whose state means nothing."""

    name: str
    batch: Batch | None
    retry: bool | int = True
    state: str = "waiting"

    def become(self, state: str) -> None:
        """Move on; what is over stays as it is."""
        if self.state in LIVE:
            self.state = state


@dataclass(eq=False)
class Callback:
    """A callback of a batch; waiting as long as its event has not fired."""

    name: str
    batch: Batch
    event: str
    target: str
    queue: str
    retry: bool | int
    state: str = "waiting"

    def become(self, state: str) -> None:
        """Move on; success is for good."""
        if self.state != "succeeded":
            self.state = state


Job = Member | Callback


@dataclass(eq=False)
class Batch:
    """A batch; what is `_now` follows from how everything stands at present."""

    bid: str
    parent: Batch | None = None
    callback_queue: str = ""
    ratio: float | None = None
    count: int | None = None
    cancel_when_dead: int | None = None
    members: list[Member] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)
    children: list[Batch] = field(default_factory=list)
    first_queue: str = ""
    fired: set[str] = field(default_factory=set)
    holds: set[int] = field(default_factory=set)
    barred: bool = False
    cancelled: bool = False

    def __repr__(self) -> str:
        return f"<{self.bid}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def number(self, *states: str) -> int:
        """How many members are in one of these states."""
        return sum(member.state in states for member in self.members)

    def pushed(self) -> list[Callback]:
        """The callbacks that were pushed."""
        return [callback for callback in self.callbacks if callback.state != "waiting"]

    def line(self) -> list[Batch]:
        """The batch and all above it."""
        return [self] if self.parent is None else [self, *self.parent.line()]

    @property
    def complete_now(self) -> bool:
        """Nothing waits for its first run, nobody holds it, every child counts as completed."""
        ran = not self.number("waiting") and not self.holds
        return ran and all(child.counts_completed for child in self.children)

    @property
    def settled_now(self) -> bool:
        """Nothing can run any more, and every child counts as settled."""
        over = self.complete_now and not self.number("failing")
        return over and all(child.counts_settled for child in self.children)

    @property
    def success_now(self) -> bool:
        """Settled, and everything went well, or as much of it as was asked for."""
        if not self.settled_now or self.cancelled or self.barred:
            return False
        return self.is_enough and all(child.counts_succeeded for child in self.children)

    @property
    def is_enough(self) -> bool:
        """Whether enough of its own members have succeeded."""
        good = self.number("succeeded", "expired")
        of = len(self.members) - self.number("discarded", "deleted")
        if self.ratio is not None:
            return of == 0 or good / of >= self.ratio
        if self.count is not None:
            return good >= min(self.count, of)
        return not self.number("dead", "cancelled", "deleted")

    @property
    def counts_completed(self) -> bool:
        """For its parent: each complete callback has run once, or ended."""
        ran = all(one.state != "queued" for one in self.pushed() if one.event == "complete")
        return "complete" in self.fired and self.complete_now and ran

    @property
    def counts_succeeded(self) -> bool:
        """For its parent: every callback pushed has ended well."""
        well = all(callback.state == "succeeded" for callback in self.pushed())
        return "success" in self.fired and self.success_now and well

    @property
    def counts_settled(self) -> bool:
        """For its parent: every callback pushed has ended. Then it rests, and its time begins."""
        ended = all(callback.state not in OPEN for callback in self.pushed())
        return "settled" in self.fired and self.settled_now and ended


class Tree:
    """All batches, all jobs, and every payload there is."""

    def __init__(self) -> None:
        self.batches: dict[str, Batch] = {}
        self.jobs: dict[str, Job] = {}
        self.copies: Counter[Copy] = Counter()
        self.undone: set[Batch] = set()
        """Batches whose cancelling a worker has to finish."""

    def lay(self, copy: Copy, place: str) -> None:
        """Put a payload somewhere."""
        self.copies[copy._replace(place=place)] += 1

    def take(self, copy: Copy) -> None:
        """Take a payload away."""
        if not self.copies[copy]:
            raise AssertionError(f"{copy} is not there")
        self.copies[copy] -= 1

    def lying(self, place: str) -> list[Copy]:
        """The payloads in a place."""
        return [copy for copy in self.copies.elements() if copy.place == place]

    def running(self) -> set[str]:
        """Names of the jobs that a worker holds."""
        return {copy.name for copy in self.copies.elements() if copy.place in WORKERS}

    def fire(self, batch: Batch, event: str) -> None:
        """Let an event happen, with its callbacks."""
        batch.fired.add(event)
        for callback in batch.callbacks:
            if callback.event == event:
                self.push(callback)

    def push(self, callback: Callback) -> None:
        """Enqueue a callback."""
        callback.state = "queued"
        home = callback.batch.callback_queue or callback.queue
        home = home or callback.batch.first_queue or "default"
        self.lay(Copy(callback.name, home, home), home)

    def settle(self) -> None:
        """Fire what is due, from the leaves to the roots: each once in its life."""
        for batch in sorted(self.batches.values(), key=lambda one: -len(one.line())):
            due = {
                "complete": batch.complete_now,
                "success": batch.success_now,
                "settled": batch.settled_now,
            }
            for event, is_due in due.items():
                if is_due and event not in batch.fired:
                    self.fire(batch, event)

    def die(self, job: Job) -> None:
        """A job dies: the first death of a batch is that of all above it. A callback has none."""
        if isinstance(job, Callback):
            job.become("dead")
            return
        if job.batch is None or job.state not in LIVE:
            return
        if job.batch.cancelled:
            job.state = "cancelled"
            return
        job.state = "dead"
        for batch in job.batch.line():
            if "death" not in batch.fired:
                self.fire(batch, "death")
        limit = job.batch.cancel_when_dead
        if limit is not None and job.batch.number("dead") >= limit:
            job.batch.cancelled = True
            self.undone.add(job.batch)
