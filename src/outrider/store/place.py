"""Operations on jobs where they lie: looking at them, and taking them away by hand.

What is on its way to a queue or into the schedule belongs to it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script
from outrider.store import queue as queues
from outrider.store.bundle import Bundle

PAGE = 1000
PAGE_BYTES = 1 << 17
"""How many jobs a page has at most, and how many bytes they fill: a millisecond's work."""
SLICE = 100
"""How many jobs a script clears: each may be the last of a batch of its own, with callbacks."""
NOT_THERE = 0
CANCELLED = -1
NO_JOB = -2
Mark = tuple[str, int]
"""The id of a job, and how many that have none lie between it and where a page is to begin."""
Kind = Literal["queue", "held", "schedule", "retry", "dead"]
SetName = Literal["schedule", "retry", "dead"]


class Place(NamedTuple):
    """A queue, or what is held for a job, by its name; or one of the sets, which have none."""

    kind: Kind
    name: str = ""

    @property
    def is_list(self) -> bool:
        """Whether jobs lie there in a line, not by time."""
        return self.kind in ("queue", "held")

    @property
    def is_queue(self) -> bool:
        """Whether it is a queue."""
        return self.kind == "queue"

    def is_goal(self, moving: str) -> bool:
        """Whether what is on its way under this name comes here."""
        return self.kind in ("queue", "schedule") and self.name == moving.partition(":")[2]


class Entry(NamedTuple):
    """A payload as it lies there, with its score in a set. `at` is its position in a line, or which
    it is on a page of a set, from 0.

    `is_coming` says that it is still on its way there.
    """

    payload: bytes
    score: float | None
    at: int
    is_coming: bool


class Line(NamedTuple):
    """A page of a line, from position `first` on: `lying` jobs lie there, the others are coming.

    `follows` says that it begins after the job that was asked for; `total` is the line's length.
    """

    first: int
    follows: bool
    lying: int
    total: int
    bundle: Bundle


class Times(NamedTuple):
    """A page of a set, with the score of each; `coming` are on their way there.

    `has_more` says that more come after it.
    """

    scores: list[float]
    coming: list[bool]
    has_more: bool
    bundle: Bundle

    def first(self, count: int) -> Times:
        """The first of them."""
        if len(self.scores) <= count:
            return self
        return Times(
            self.scores[:count], self.coming[:count], True, Bundle.of(self.bundle.cut()[:count])
        )


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


def _line(answer: list[Any]) -> Line:
    first, follows, lying, total, *bundle = answer
    return Line(first, bool(follows), lying, total, Bundle(*bundle))


@script(decode=_line)
def queued(
    keys: Keys,
    *,
    place: str,
    name: str,
    start: int,
    length: int,
    marks: list[Mark],
    ahead: int,
    limit: int,
    bytes: int,
) -> Line:
    """Up to `limit` jobs (PAGE at most) of a line from position `start` on; at 0 is the one to be
    taken first.

    `marks` are jobs before it, the last one first, `length` is how long the line was then:
    if they are elsewhere near there, or at the same distance from the end, the page goes on after
    the first of them that is found. `ahead` is how many may be read at once, by what is known of
    their size.
    """
    raise NotImplementedError


def _times(answer: list[list[Any]]) -> Times:
    if len(answer) == 1:
        ((has_more, scores, *bundle),) = answer
        found = [float(score) for score in scores.split()]
        return Times(found, [False] * len(found), bool(has_more), Bundle(*bundle))
    return _merged(answer)


def _merged(answer: list[list[Any]]) -> Times:
    """What lies there and what is coming, in one order."""
    all_: list[tuple[float, bytes, bool]] = []
    ends = []
    for number, (has_more, scores, *texts) in enumerate(answer):
        pairs = zip(map(float, scores.split()), Bundle(*texts).cut(), strict=True)
        all_ += ((score, payload, number > 0) for score, payload in pairs)
        if has_more:
            ends.append(all_[-1][:2])
    page = sorted(one for one in all_ if not ends or one[:2] <= min(ends))
    bundle = Bundle.of([payload for _, payload, _ in page])
    return Times([one[0] for one in page], [one[2] for one in page], bool(ends), bundle)


@script(decode=_times)
def timed(
    keys: Keys,
    *,
    place: str,
    score: str,
    payload: bytes,
    jid: str,
    ties: int,
    ahead: int,
    limit: int,
    bytes: int,
) -> Times:
    """About `limit` jobs (PAGE at most) of a set that come after this one, and one at least while
    there are.

    "-inf" and no payload begin it. With `ties` it is known by its id, and as the one of that number
    among those of its score that lay there.
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
