"""What is known of a batch: a picture of one moment, read in one round trip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from outrider import clock
from outrider.context import running
from outrider.errors import BatchFailed, BatchNotFound
from outrider.hub import Flow, Hub
from outrider.ids import EVENTS
from outrider.store import batch as store

Milestone = Literal["complete", "success", "settled"]
Fields = dict[str, bytes]
_WAITING, _FAILING, _DEAD, _CANCELLED, _DELETED = "s1", "s2", "s6", "s7", "s8"


class FailedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a batch that is failing or dead now. `failed_at` in seconds since the epoch."""

    jid: str
    job: str
    error_class: str
    error_message: str
    failed_at: float


class CallbackState(NamedTuple):
    """A callback of a batch. `state` is waiting, queued, failing, succeeded, dead or discarded."""

    event: str
    target: str
    state: str


class BatchStatus:
    """How a batch stands. Numbers are of its own jobs; times are aware datetimes or None.

    Made by `app.batches[bid]`; `refresh` reads it again.
    """

    def __init__(
        self, hub: Hub, bid: str, fields: Fields, failed: Fields, children: list[str]
    ) -> None:
        self.hub = hub
        self.bid = bid
        self.child_bids = children
        self._fields = fields
        self._failed = failed

    def __repr__(self) -> str:
        return (
            f"<BatchStatus {self.bid}: {self.pending} of {self.total} pending, "
            f"{self.failures} failures>"
        )

    @classmethod
    def flow(cls, hub: Hub, bid: str) -> Flow[BatchStatus | None]:
        """Read a batch; None when it is unknown."""
        fields = yield store.read(hub.keys, bid)
        if "v" not in fields:
            return None
        failed = {}
        if int(fields.get(_FAILING, 0)) or int(fields.get(_DEAD, 0)):
            failed = yield store.failures(hub.keys, bid)
        children = (yield store.children(hub.keys, bid)) if "kids" in fields else []
        return cls(hub, bid, fields, failed, children)

    def refresh(self) -> BatchStatus:
        """Read it again; returns itself. Raises BatchNotFound when it has expired meanwhile."""
        return self._become(self.hub.perform(self.flow(self.hub, self.bid)))

    async def arefresh(self) -> BatchStatus:
        """Read it again; returns itself. Raises BatchNotFound when it has expired meanwhile."""
        return self._become(await self.hub.aperform(self.flow(self.hub, self.bid)))

    def _become(self, other: BatchStatus | None) -> BatchStatus:
        if other is None:
            raise not_found(self.bid)
        vars(self).update(vars(other))
        return self

    @property
    def description(self) -> str | None:
        """What its maker called it."""
        return self._text("description")

    @property
    def parent_bid(self) -> str | None:
        """The batch that it is a child of."""
        return self._text("parent")

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return msgspec.json.decode(self._fields.get("tags", b"[]"), type=list[str])

    @property
    def created_at(self) -> datetime:
        """When its first block was committed."""
        return clock.utc(self._number("created_at") / 1000)

    @property
    def callbacks(self) -> list[CallbackState]:
        """Its callbacks, and what became of each."""
        found = []
        for event in EVENTS:
            for index in range(self._number(f"callbacks:{event}")):
                target = msgspec.json.decode(self._fields[f"cb:{event}:{index}"])[1]
                state = self._text(f"cs:{event}:{index}") or "waiting"
                found.append(CallbackState(event, target, state))
        return found

    @property
    def total(self) -> int:
        """Jobs ever committed."""
        return self._number("total")

    @property
    def pending(self) -> int:
        """Jobs that have not succeeded, expired, or left otherwise: waiting, failing or dead."""
        return self._number(_WAITING) + self.failures

    @property
    def failures(self) -> int:
        """Jobs that are failing or dead now."""
        return self._number(_FAILING) + self.dead

    @property
    def dead(self) -> int:
        """Jobs that are dead now."""
        return self._number(_DEAD)

    @property
    def cancelled(self) -> int:
        """Jobs that were cancelled."""
        return self._number(_CANCELLED)

    @property
    def percent(self) -> float:
        """How much is done, 0 to 100; 100 for an empty batch."""
        return 100.0 if not self.total else (self.total - self.pending) / self.total * 100

    @property
    def eta(self) -> float | None:
        """Seconds left at the pace so far; None when nothing is done or nothing is left."""
        done = self.total - self.pending
        left = self._number(_WAITING) + self._number(_FAILING)
        if not done or not left:
            return None
        return (clock.now() - self.created_at.timestamp()) / done * left

    @property
    def complete_at(self) -> datetime | None:
        """When every job had run at least once."""
        return self._time("complete")

    @property
    def success_at(self) -> datetime | None:
        """When every job had succeeded."""
        return self._time("success")

    @property
    def death_at(self) -> datetime | None:
        """When the first job died."""
        return self._time("death")

    @property
    def settled_at(self) -> datetime | None:
        """When no job could run any more."""
        return self._time("settled")

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
        """Whether it was cancelled, itself or with a batch above it."""
        return "cancelled_at" in self._fields

    @property
    def failure_info(self) -> list[FailedJob]:
        """Members that are failing or dead now: up to 1,000 of them."""
        failed = [msgspec.json.decode(text, type=FailedJob) for text in self._failed.values()]
        return sorted(failed, key=lambda job: job.jid)

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

    # -- waiting ----------------------------------------------------------------------------------

    def join(self, timeout: float | None = None, until: Milestone = "complete") -> BatchStatus:
        """Wait until the batch is complete, successful or settled; returns itself.

        Raises TimeoutError after `timeout` seconds, BatchFailed when it can't come any more, and
        RuntimeError inside a job of the batch or of one below it, which would wait for itself.
        """
        self.hub.perform(self._not_from_inside())
        for pause in self._waits(timeout, until):
            time.sleep(pause)
            self.refresh()
        return self

    async def ajoin(
        self, timeout: float | None = None, until: Milestone = "complete"
    ) -> BatchStatus:
        """The same for asyncio."""
        await self.hub.aperform(self._not_from_inside())
        for pause in self._waits(timeout, until):
            await asyncio.sleep(pause)
            await self.arefresh()
        return self

    def _not_from_inside(self) -> Flow[None]:
        """A job would wait for ever for its own batch, or one above it."""
        job = running.get()
        bid = None if job is None else job.bid or job.callback_of
        while job is not None and bid is not None:
            if bid == self.bid:
                raise RuntimeError(f"job {job.jid} would wait for batch {bid}, which waits for it")
            bid = yield store.parent(self.hub.keys, bid)

    def _waits(self, timeout: float | None, until: Milestone) -> Generator[float, None, None]:
        if until not in ("complete", "success", "settled"):
            raise ValueError(f"join waits until complete, success or settled, not {until!r}")
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.01
        if self._time(until) is None:
            yield 0.0  # what was read when this was made may be old
        while self._time(until) is None:
            if self.is_settled:
                raise BatchFailed(
                    f"batch {self.bid} is settled without {until}: {self.dead} dead, "
                    f"{self.cancelled} cancelled of {self.total}"
                )
            left = pause if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"batch {self.bid} is not {until} after {timeout} s: "
                    f"{self.pending} of {self.total} pending"
                )
            yield min(pause, left)
            pause = min(pause * 1.5, 0.25)

    def _number(self, name: str) -> int:
        return int(self._fields.get(name, 0))

    def _text(self, name: str) -> str | None:
        value = self._fields.get(name)
        return None if value is None else value.decode()

    def _time(self, event: str) -> datetime | None:
        ms = self._number(f"{event}_at")
        return clock.utc(ms / 1000) if ms else None


def not_found(bid: str) -> BatchNotFound:
    """The error for a batch that is not known."""
    return BatchNotFound(f"no batch {bid!r}: it never was, has expired, or was deleted")
