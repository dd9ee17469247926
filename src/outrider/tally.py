"""What the numbers of a batch say of it: what it is, and how it stands. Reads nothing by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from outrider import clock
from outrider.ids import EVENTS

_WAITING, _FAILING, _DISCARDED, _DEAD = "s1", "s2", "s5", "s6"
_CANCELLED, _DELETED = "s7", "s8"
_DIGITS = 14
"""Of a number of ours at most, of a time in ms too."""

T = TypeVar("T")


class _Given(msgspec.Struct, array_like=True):
    """The beginning of a callback as its batch has it."""

    queue: str = ""
    target: str = ""


class CallbackState(NamedTuple):
    """A callback of a batch. `state` is waiting (for its event), queued, failing or succeeded; or
    dead, discarded, deleted or expired, which bars the success of the batches above.
    """

    event: str
    target: str
    state: str


class BatchRecord:
    """A batch as it is listed: its own numbers, of its own jobs, without its children and without
    what is noted of members that failed. Times are aware datetimes or None.
    """

    def __init__(self, bid: str, fields: dict[str, bytes], expires_at: int | None) -> None:
        self.bid = bid
        self.fields = fields
        self._expires_at = expires_at

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
    def tags(self) -> list[str]:
        """Its tags."""
        return _read(self.fields.get("tags", b"[]"), list[str], [])

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
                if (given := self.fields.get(f"cb:{event}:{index}")) is None:
                    break
                state = self._text(f"cs:{event}:{index}") or "waiting"
                found.append(CallbackState(event, _read(given, _Given, _Given()).target, state))
        return found

    # -- how it stands ----------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Jobs ever committed."""
        return self.number("total")

    @property
    def waiting(self) -> int:
        """Jobs that have not run yet."""
        return self.number(_WAITING)

    @property
    def failing(self) -> int:
        """Jobs that wait for another try."""
        return self.number(_FAILING)

    @property
    def pending(self) -> int:
        """Jobs that have not succeeded, expired, or left otherwise: waiting, failing or dead."""
        return self.waiting + self.failures

    @property
    def failures(self) -> int:
        """Jobs that are failing or dead now."""
        return self.failing + self.dead

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
        return "cancelled_at" in self.fields

    @property
    def is_at_rest(self) -> bool:
        """Whether no job of it or below it can run now: settled, and nothing brought back since."""
        kids = self.number("kids")
        busy = self.waiting + self.failing + self.held
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
        at = self._expires_at
        return None if at is None else clock.utc(at / 1000)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; times are float seconds."""
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
        }

    # -- fields -----------------------------------------------------------------------------------

    def number(self, name: str) -> int:
        """A field that is a number; 0 where there is none, or what can't be one of ours."""
        value = self.fields.get(name, b"")
        return int(value) if value.isdigit() and len(value) <= _DIGITS else 0

    def _text(self, name: str) -> str | None:
        value = self.fields.get(name)
        return None if value is None else value.decode("utf-8", "replace")

    def at(self, event: str) -> datetime | None:
        """When an event fired."""
        ms = self.number(f"{event}_at")
        return clock.utc(ms / 1000) if ms else None


def _read(text: bytes, kind: type[T], other: T) -> T:
    """What we have written there as JSON; `other` where somebody else has."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return other
