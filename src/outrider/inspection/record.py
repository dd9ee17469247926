"""A job as it lies somewhere: what its payload says, read with care, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from outrider.clock import utc
from outrider.store.place import Place

State = Literal["queued", "held", "scheduled", "retrying", "dead", "running"]
STATES: dict[str, State] = {
    "queue": "queued",
    "held": "held",
    "schedule": "scheduled",
    "retry": "retrying",
    "dead": "dead",
}
_MILLISECONDS, _NEVER = 10**11, 10**15
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""Whole numbers above this are milliseconds, as Sidekiq 8 writes them."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job of a queue or set. `at` is its time in a set: due, or dead since; None in a queue.

    `place` is where it lies: its `kind` is queue, held, schedule, retry or dead, its `name` that of
    the queue, or of the job that is held. `queue` is what the job itself says.
    Of a payload that is no job only `raw` is there, and what could be read of it; `jid` is "" then.
    """

    raw: bytes = field(repr=False)
    jid: str = ""
    job: str = ""
    queue: str = "default"
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    bid: str | None = None
    created_at: datetime | None = None
    enqueued_at: datetime | None = None
    failed_at: datetime | None = None
    error_class: str | None = None
    error_message: str | None = None
    retry_count: int | None = None
    tags: list[str] = field(default_factory=list)
    at: datetime | None = None
    place: Place | None = None

    @property
    def state(self) -> State | None:
        """queued, held, scheduled, retrying, dead or running; None where it was not seen lying."""
        return None if self.place is None else STATES[self.place.kind]

    @property
    def text(self) -> str:
        """The payload as text, whatever it is."""
        return self.raw.decode("utf-8", "replace")


def read(payload: bytes, score: float | None = None, place: Place | None = None) -> JobRecord:
    """The record of a payload; nothing that it may hold is a reason to fail."""
    found = decode(payload)

    def take(name: str, kind: type, default: Any = None) -> Any:
        value = found.get(name)
        return value if isinstance(value, kind) and not isinstance(value, bool) else default

    return JobRecord(
        raw=payload,
        jid=take("jid", str, ""),
        job=take("class", str, ""),
        queue=take("queue", str) or "default",
        args=take("args", list, []),
        kwargs=take("kwargs", dict, {}),
        bid=take("bid", str) or None,
        created_at=moment(found.get("created_at")),
        enqueued_at=moment(found.get("enqueued_at")),
        failed_at=moment(found.get("failed_at")),
        error_class=take("error_class", str),
        error_message=take("error_message", str),
        retry_count=take("retry_count", int),
        tags=texts(take("tags", list)),
        at=moment(score),
        place=place,
    )


def decode(payload: bytes) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def texts(value: object) -> list[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def moment(value: object) -> datetime | None:
    """A time in seconds, or as a large whole number in milliseconds."""
    at = seconds(value)
    return None if at is None else utc(at)


def seconds(value: object) -> float | None:
    """The same in seconds; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    at = value / 1000 if isinstance(value, int) and _MILLISECONDS < value < _NEVER else value
    return at if _FIRST <= at <= _LAST else None
