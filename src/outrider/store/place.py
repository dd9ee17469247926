"""Operations on jobs where they lie: looking at them, and taking them away by hand.

What is on its way to a queue or into the schedule belongs to it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script
from outrider.store import queue as queues

PAGE = 250
SLICE = 100
"""How many jobs a script clears: each may be the last of a batch of its own, with callbacks."""
NOT_THERE = 0
CANCELLED = -1
NO_JOB = -2
SetName = Literal["schedule", "retry", "dead"]


class Place(NamedTuple):
    """A queue, or what is held for a job, by its name; or one of the sets, which have none."""

    kind: Literal["queue", "held", "schedule", "retry", "dead"]
    name: str = ""

    @property
    def is_list(self) -> bool:
        """Whether jobs lie there in a line, not by time."""
        return self.kind in ("queue", "held")

    def is_goal(self, moving: str) -> bool:
        """Whether what is on its way under this name comes here."""
        return self.kind in ("queue", "schedule") and self.name == moving.partition(":")[2]


class Entry(NamedTuple):
    """A payload as it lies there, with its score in a set, or its position in a line.

    `is_coming` says that it is still on its way there.
    """

    payload: bytes
    score: float | None
    at: int
    is_coming: bool


class Line(NamedTuple):
    """A page of a line, from position `first` on: `lying` jobs lie there, the others are coming.

    `follows` says that it begins after the job that was asked for.
    """

    first: int
    follows: bool
    lying: int
    payloads: list[bytes]


class Sought(NamedTuple):
    """Payloads that a page of a scan gave, and where the next one begins ("0": nowhere).

    `size` is how many bytes it has read.
    """

    cursor: str
    size: int
    payloads: list[bytes]


@script()
def remove(
    keys: Keys, *, place: str, name: str, payload: bytes, at: int, to: str, failure: str, now: int
) -> bool:
    """Move one job to the "trash" or the "dead" set.

    False when it is not there; in a line, when it is not there near `at`, its position when it was
    seen. `failure` is what is noted of a member that dies.
    """
    raise NotImplementedError


@script()
def requeue(keys: Keys, *, place: str, payload: bytes, changed: bytes, now: int) -> int:
    """Put one job of a set on its queue, as `changed`: 1, or NOT_THERE, CANCELLED, NO_JOB."""
    raise NotImplementedError


@script(laned=True, decode=lambda answer: max(0, answer))
def clear(keys: Keys, *, place: str, name: str, limit: int, now: int) -> int:
    """Delete up to `limit` jobs (SLICE at most), the first to be taken first; how many it did."""
    raise NotImplementedError


@script(decode=lambda answer: Line(answer[0], bool(answer[1]), answer[2], answer[3:]))
def queued(keys: Keys, *, place: str, name: str, start: int, last: bytes, count: int) -> Line:
    """So many jobs of a line from this position on; at 0 is the one to be taken first.

    `last` was the job before: if it is now elsewhere near there, those that follow it are given; if
    it is not, as many more as fill two pages before.
    """
    raise NotImplementedError


def _merged(answer: list[list[Any]]) -> list[Entry]:
    entries: list[Entry] = []
    ends = []
    for number, (has_more, *words) in enumerate(answer):
        pairs = zip(words[::2], words[1::2], strict=True)
        entries += (Entry(payload, float(score), 0, number > 0) for payload, score in pairs)
        if has_more:
            ends.append(_time(entries[-1]))
    end = min(ends, default=None)
    return sorted((one for one in entries if end is None or _time(one) <= end), key=_time)


def _time(entry: Entry) -> tuple[float | None, bytes]:
    return entry.score, entry.payload


@script(decode=_merged)
def timed(keys: Keys, *, place: str, score: str, payload: bytes, count: int) -> list[Entry]:
    """About `count` jobs of a set that come after this one, and one at least while there are.

    "-inf" and no payload begin it.
    """
    raise NotImplementedError


@script(decode=lambda answer: Sought(answer[0].decode(), answer[1], answer[2:]))
def seek(keys: Keys, *, name: str, bid: str, cursor: str, count: int) -> Sought:
    """A page, of about `count`, of a scan of `retry` or `dead` for jobs of a batch."""
    raise NotImplementedError


@script()
def bringback(keys: Keys, *, bid: str, place: str, jobs: list[tuple[str, str]], now: int) -> int:
    """Put jobs of one batch that lie in a set on their queues; how many, or `store.batch`'s
    UNKNOWN or CANCELLED.

    Each is a payload as it lies there, and the same as it goes on; SLICE at most.
    """
    raise NotImplementedError


def size(keys: Keys, place: Place) -> Call[int]:
    """How many jobs there are, those on their way included."""
    if place.kind in ("queue", "schedule"):
        return queues.waiting(keys, queue=place.name)
    return lying(keys, place)


def lying(keys: Keys, place: Place) -> Call[int]:
    """How many jobs lie there, without those on their way."""
    words = "LLEN" if place.is_list else "ZCARD"
    return command(words, keys(*place), decode=int)


def pause(keys: Keys, queue: str) -> Call[None]:
    """Let no worker take jobs from a queue."""
    return command("SADD", keys("paused"), queue, decode=lambda _: None)


def resume(keys: Keys, queue: str) -> Call[None]:
    """Let workers take jobs from a queue again."""
    return command("SREM", keys("paused"), queue, decode=lambda _: None)
