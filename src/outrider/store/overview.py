"""Numbers of everything: how much waits and has run, now and on earlier days."""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider.keys import Keys
from outrider.script import BYTES, Call, command, script

PAGE = 250
BEGIN, NOWHERE = "0", ""
COUNTERS = ("processed", "failed", "expired")
DAYS = 366
"""How many days are asked for at once."""
_DIGITS = 20


class QueueView(NamedTuple):
    """A queue: how many jobs wait, whether it is paused, and the job to be taken first.

    Of a large one there may be `enqueued_at` alone. It is empty where there is none, or where it
    would have been too much to read.
    """

    name: str
    size: int
    paused: bool
    first: bytes


class HeldView(NamedTuple):
    """A job name that is paused, or was: how many jobs are held for it."""

    name: str
    size: int
    paused: bool


class Overview(NamedTuple):
    """Numbers of one moment, with a page of the queues and of the living workers.

    `counted` are as COUNTERS. `held` has all names, sorted. `next_queues` and `next_workers` are
    where the next page begins, or NOWHERE. `busy` is what each worker says of itself.
    """

    counted: list[int]
    scheduled: int
    retries: int
    dead: int
    held: list[HeldView]
    next_queues: str
    queues: list[QueueView]
    next_workers: str
    busy: dict[bytes, bytes]


def _overview(answer: list[Any]) -> Overview:
    counted, (scheduled, retries, dead), held, next_queues, queues, next_workers, busy = answer
    each = zip(queues[::4], queues[1::4], queues[2::4], queues[3::4], strict=True)
    names = zip(held[::3], held[1::3], held[2::3], strict=True)
    return Overview(
        [*map(_whole, counted)],
        scheduled,
        retries,
        dead,
        sorted(HeldView(_text(name), size, bool(paused)) for name, size, paused in names),
        _following(next_queues),
        [QueueView(_text(name), size, bool(paused), first) for name, size, paused, first in each],
        _following(next_workers),
        dict(zip(busy[::2], busy[1::2], strict=True)),
    )


def _following(cursor: bytes) -> str:
    return NOWHERE if cursor == BEGIN.encode() else cursor.decode()


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


@script(decode=_overview)
def overview(
    keys: Keys, *, queues_from: str, workers_from: str, count: int, bytes: int
) -> Overview:
    """All numbers, and about `count` queues and workers, each from BEGIN or a following cursor on.

    The jobs to be taken first fill `bytes` at most.
    """
    raise NotImplementedError


def page(keys: Keys, queues_from: str = BEGIN, workers_from: str = BEGIN) -> Call[Overview]:
    """As much of it as one script may read."""
    return overview(
        keys, queues_from=queues_from, workers_from=workers_from, count=PAGE, bytes=BYTES
    )


def sizes(keys: Keys, queues_from: str = NOWHERE) -> Call[Overview]:
    """The same without workers and jobs: how many lie where."""
    return overview(keys, queues_from=queues_from, workers_from=NOWHERE, count=PAGE, bytes=0)


def days(keys: Keys, dates: list[str]) -> Call[list[list[int]]]:
    """What was counted on these dates (YYYY-MM-DD, DAYS at most): the COUNTERS of each."""
    names = [keys("stat", f"{name}:{date}") for date in dates for name in COUNTERS]
    return command("MGET", *names, decode=_by_day)


def _by_day(answer: list[bytes | None]) -> list[list[int]]:
    counts = [_whole(value) for value in answer]
    step = len(COUNTERS)
    return [counts[at : at + step] for at in range(0, len(counts), step)]


def _whole(value: bytes | None) -> int:
    """A counter; 0 where there is none, or where another program has written what can't be one."""
    return int(value) if value and len(value) < _DIGITS and value.isdigit() else 0
