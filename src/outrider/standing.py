"""What is known of a batch at one moment, and what follows from it. Reads nothing by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from outrider import clock
from outrider.errors import BatchNotFound
from outrider.ids import EVENTS
from outrider.pace import Pace
from outrider.store.look import Picture

DEAD = 6
SUCCEEDED, SETTLED = 2, 4  # how a child counts: bits of its mark
_WAITING, _FAILING, _DISCARDED, _DEAD = "s1", "s2", "s5", "s6"
_CANCELLED, _DELETED = "s7", "s8"


class FailedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a batch that is failing or dead now. `failed_at` in seconds since the epoch."""

    jid: str
    job: str
    error_class: str
    error_message: str
    failed_at: float


class CallbackState(NamedTuple):
    """A callback of a batch. `state` is waiting (for its event), queued, failing or succeeded; or
    dead, discarded, deleted or expired, which bars the success of the batches above.
    """

    event: str
    target: str
    state: str


class Standing:
    """How a batch stands. Numbers are of its own jobs; times are aware datetimes or None."""

    def __init__(self, bid: str, picture: Picture) -> None:
        self.bid = bid
        self.pace = Pace()
        self.see(picture)

    def see(self, picture: Picture) -> None:
        """Take a new reading for the one of before."""
        self.picture = picture
        self.read_at = clock.now()
        self.pace.note(self.read_at, self.total - self.pending)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.bid}: {self.pending} of {self.total} pending, "
            f"{self.failures} failures>"
        )

    # -- what it is -------------------------------------------------------------------------------

    @property
    def description(self) -> str | None:
        """What its maker called it."""
        return self._text("description")

    @property
    def parent_bid(self) -> str | None:
        """The batch that it is a child of."""
        return self._text("parent")

    @property
    def child_bids(self) -> list[str]:
        """The batches made inside it, sorted."""
        return list(self.picture.children)

    @property
    def open_child_bids(self) -> list[str]:
        """The same, those that are not settled first."""
        marks = self.picture.children
        return sorted(marks, key=lambda bid: (marks[bid] & SETTLED, bid))

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return msgspec.json.decode(self.picture.fields.get("tags", b"[]"), type=list[str])

    @property
    def created_at(self) -> datetime:
        """When its first block was committed."""
        return clock.utc(self.number("created_at") / 1000)

    @property
    def callbacks(self) -> list[CallbackState]:
        """Its callbacks, and what became of each."""
        found = []
        for event in EVENTS:
            for index in range(self.number(f"callbacks:{event}")):
                target = msgspec.json.decode(self.picture.fields[f"cb:{event}:{index}"])[1]
                state = self._text(f"cs:{event}:{index}") or "waiting"
                found.append(CallbackState(event, target, state))
        return found

    # -- how it stands ----------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Jobs ever committed."""
        return self.number("total")

    @property
    def pending(self) -> int:
        """Jobs that have not succeeded, expired, or left otherwise: waiting, failing or dead."""
        return self.number(_WAITING) + self.failures

    @property
    def failures(self) -> int:
        """Jobs that are failing or dead now."""
        return self.number(_FAILING) + self.dead

    @property
    def dead(self) -> int:
        """Jobs that are dead now."""
        return self.number(_DEAD)

    @property
    def cancelled(self) -> int:
        """Jobs that were cancelled."""
        return self.number(_CANCELLED)

    @property
    def discarded(self) -> int:
        """Jobs that discarded themselves."""
        return self.number(_DISCARDED)

    @property
    def deleted(self) -> int:
        """Jobs that were deleted from outside."""
        return self.number(_DELETED)

    @property
    def percent(self) -> float:
        """How much is done, 0 to 100; 100 for an empty batch."""
        return 100.0 if not self.total else (self.total - self.pending) / self.total * 100

    @property
    def eta(self) -> float | None:
        """Seconds left when this was read; None when nothing is done yet, and when nothing waits
        for its first run: retries have times of their own.

        By the pace of the last minute where this status was refreshed or watched, else by that
        since the batch was made.
        """
        done = self.total - self.pending
        left = self.number(_WAITING) + self.number(_FAILING)
        if not done or not self.number(_WAITING) or self.is_cancelled:
            return None
        pace = self.pace.now(self.read_at, done)
        age = max(0.0, self.read_at - self.created_at.timestamp())
        return age / done * left if pace is None else left / pace

    @property
    def complete_at(self) -> datetime | None:
        """When every job had run at least once."""
        return self.at("complete")

    @property
    def success_at(self) -> datetime | None:
        """When every job had succeeded."""
        return self.at("success")

    @property
    def death_at(self) -> datetime | None:
        """When the first job died."""
        return self.at("death")

    @property
    def settled_at(self) -> datetime | None:
        """When no job could run any more."""
        return self.at("settled")

    @property
    def is_complete(self) -> bool:
        """Whether every job has run at least once."""
        return self.complete_at is not None

    @property
    def is_success(self) -> bool:
        """Whether every job has succeeded."""
        return self.success_at is not None

    @property
    def is_dead(self) -> bool:
        """Whether a job has died."""
        return self.death_at is not None

    @property
    def is_settled(self) -> bool:
        """Whether no job can run any more."""
        return self.settled_at is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled."""
        return "cancelled_at" in self.picture.fields

    @property
    def is_at_rest(self) -> bool:
        """Whether no job of it or below it can run now: settled, and nothing brought back since."""
        kids = self.number("kids")
        busy = self.number(_WAITING) + self.number(_FAILING) + self.held
        counted = (self.number("kids_completed"), self.number("kids_settled"))
        return self.is_settled and not busy and counted == (kids, kids)

    @property
    def held(self) -> int:
        """How many `open()` blocks hold it open now."""
        return self.number("holds")

    @property
    def barred(self) -> bool:
        """Whether an `open()` block was left by an error or lapsed, and no later one ended well.

        It can't succeed as long as that is so; complete and settled may come.
        """
        return self.number("barred") > 0

    @property
    def expires_at(self) -> datetime | None:
        """When it will be forgotten; None while anything of it may still move."""
        at = self.picture.expires_at
        return None if at is None else clock.utc(at / 1000)

    @property
    def failure_info(self) -> list[FailedJob]:
        """Members that are failing or dead now: up to 1,000 of them."""
        return [_failed(text) for _, text in sorted(self.picture.failures.items())]

    @property
    def dead_jobs(self) -> list[FailedJob]:
        """Those of `failure_info` that are dead now."""
        states = self.picture.states
        found = sorted(self.picture.failures.items())
        return [_failed(text) for number, text in found if states[number] == DEAD]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, as the status endpoint gives it; times are float seconds."""
        return {
            "bid": self.bid,
            "description": self.description,
            "total": self.total,
            "pending": self.pending,
            "failures": self.failures,
            "dead": self.dead,
            "cancelled": self.cancelled,
            "complete": self.is_complete,
            "success": self.is_success,
            "settled": self.is_settled,
            "percent": self.percent,
            "created_at": self.created_at.timestamp(),
            "parent_bid": self.parent_bid,
            "fail_info": [msgspec.to_builtins(job) for job in self.failure_info],
        }

    # -- fields -----------------------------------------------------------------------------------

    def number(self, name: str) -> int:
        """A field that is a number; 0 where there is none."""
        return int(self.picture.fields.get(name, 0))

    def _text(self, name: str) -> str | None:
        value = self.picture.fields.get(name)
        return None if value is None else value.decode()

    def at(self, event: str) -> datetime | None:
        """When an event fired."""
        ms = self.number(f"{event}_at")
        return clock.utc(ms / 1000) if ms else None


def _failed(text: bytes) -> FailedJob:
    return msgspec.json.decode(text, type=FailedJob)


def not_found(bid: str) -> BatchNotFound:
    """The error for a batch that is not known."""
    return BatchNotFound(f"no batch {bid!r}: it never was, has expired, or was deleted")
