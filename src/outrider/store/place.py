"""Operations on jobs where they lie: looking at them, and taking them away by hand."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script

PAGE = 250
SLICE = 100
"""How many jobs a script clears: each may be the last of a batch of its own, with callbacks."""
NOT_THERE = 0
CANCELLED = -1
NO_JOB = -2
SetName = Literal["schedule", "retry", "dead"]


class Place(NamedTuple):
    """A queue by its name, or one of the sets, which have none."""

    kind: Literal["queue", "schedule", "retry", "dead"]
    name: str = ""


class Entry(NamedTuple):
    """A payload as it lies there, and its score in a set."""

    payload: bytes
    score: float | None


class Sought(NamedTuple):
    """Payloads that a page of a scan gave, and where the next one begins ("0": nowhere)."""

    cursor: str
    payloads: list[bytes]


@script()
def remove(
    keys: Keys, *, place: str, name: str, payload: bytes, to: str, failure: str, now: int
) -> bool:
    """Delete one job, or move it to the dead set with `to` "dead"; False when it is not there.

    `failure` is what is noted of a member that dies.
    """
    raise NotImplementedError


@script()
def requeue(keys: Keys, *, place: str, payload: bytes, changed: bytes, now: int) -> int:
    """Put one job of a set on its queue, as `changed`: 1, or NOT_THERE, CANCELLED, NO_JOB."""
    raise NotImplementedError


@script()
def clear(keys: Keys, *, place: str, name: str, limit: int, now: int) -> int:
    """Delete up to `limit` jobs (SLICE at most), the first to be taken first; how many it did."""
    raise NotImplementedError


@script(decode=lambda answer: Sought(answer[0].decode(), answer[1:]))
def seek(keys: Keys, *, name: str, bid: str, cursor: str) -> Sought:
    """A page of a scan of `retry` or `dead` for members and callbacks of a batch."""
    raise NotImplementedError


@script()
def bringback(keys: Keys, *, bid: str, place: str, jobs: list[tuple[str, str]], now: int) -> int:
    """Put jobs of one batch that lie in a set on their queues; how many, or `store.batch`'s
    UNKNOWN or CANCELLED.

    Each is a payload as it lies there, and the same as it goes on; SLICE at most.
    """
    raise NotImplementedError


def size(keys: Keys, place: Place) -> Call[int]:
    """How many jobs lie there."""
    words = "LLEN" if place.kind == "queue" else "ZCARD"
    return command(words, keys(*place), decode=int)


def page(keys: Keys, place: Place, start: int, count: int) -> Call[list[Entry]]:
    """So many jobs from this position on; position 0 is the one to be taken first."""
    last = start + count
    if place.kind == "queue":
        return command("LRANGE", keys(*place), -last, -start - 1, decode=_listed)
    return command("ZRANGE", keys(*place), start, last - 1, "WITHSCORES", decode=_scored)


def pause(keys: Keys, queue: str) -> Call[None]:
    """Let no worker take jobs from a queue."""
    return command("SADD", keys("paused"), queue, decode=lambda _: None)


def resume(keys: Keys, queue: str) -> Call[None]:
    """Let workers take jobs from a queue again."""
    return command("SREM", keys("paused"), queue, decode=lambda _: None)


def _listed(answer: list[bytes]) -> list[Entry]:
    return [Entry(payload, None) for payload in reversed(answer)]


def _scored(answer: list[Any]) -> list[Entry]:
    words = iter(answer)
    return [Entry(payload, float(score)) for payload, score in zip(words, words, strict=True)]
