"""Operations on batches."""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script
from outrider.store.queue import QueueGroup

UNKNOWN = -1
SETTLED = -2
CANCELLED = -3
LAPSED = -4
LIFE = 600


class Part(NamedTuple):
    """What one batch gets of a commit. `fields` (a flat list) create it; empty for one that exists.

    `parent` is "" for a root. `ranges` are (first number, count), each first one even. `inside`
    says that a live member adds it, or a callback of a child: of the parent, for a new batch. With
    a `hold` the batch is held from then on.
    """

    bid: str
    parent: str
    fields: list[str | int | float]
    ranges: list[tuple[int, int]]
    first_queue: str
    inside: bool = False
    hold: str = ""


class Committed(NamedTuple):
    """1, 0 when the lane was not ours, LAPSED, or UNKNOWN, SETTLED or CANCELLED with its batch."""

    answer: int
    bid: str


def committed(answer: list[Any]) -> Committed:
    """The answer of a script that commits."""
    return Committed(answer[0], answer[1].decode())


@script(laned=True, decode=committed)
def commit(
    keys: Keys,
    *,
    batches: list[Part],
    queues: list[QueueGroup],
    scheduled: list[str | float],
    staged: list[tuple[str, int]],
    now: int,
) -> Committed:
    """Commit blocks of jobs to batches, the outer before the inner, all or nothing.

    `staged` names what was staged before, with how many jobs each holds.
    """
    raise NotImplementedError


@script(laned=True)
def stage(
    keys: Keys,
    *,
    block: str,
    queues: list[QueueGroup],
    scheduled: list[str | float],
    names: list[str],
    life: int,
) -> int:
    """Stage jobs of a block (16 hex characters) to be committed; `names` live on for `life` s."""
    raise NotImplementedError


def unstage(keys: Keys, names: list[str]) -> Call[None]:
    """Forget what was staged and will not be committed."""
    return command("UNLINK", *(keys("staged", name) for name in names), decode=lambda _: None)


@script()
def reserve(keys: Keys, *, bid: str, count: int, inside: bool) -> int:
    """Reserve numbers for jobs to be added; the first one, or UNKNOWN or SETTLED.

    `inside` says that a live member adds them, or a callback of a child.
    """
    raise NotImplementedError


@script(laned=True)
def listen(
    keys: Keys,
    *,
    bid: str,
    event: str,
    callback: str,
    now: int,
) -> int:
    """Add a callback to a batch that exists."""
    raise NotImplementedError


def read(keys: Keys, bid: str) -> Call[dict[str, bytes]]:
    """All fields of a batch; empty when it is unknown."""
    return command("HGETALL", keys("batch", bid), decode=_pairs)


def children(keys: Keys, bid: str) -> Call[list[str]]:
    """Ids of the batches made inside this one, sorted."""
    return command(
        "HKEYS",
        keys("kids", bid),
        decode=lambda answer: sorted(child.decode() for child in answer),
    )


def parent(keys: Keys, bid: str) -> Call[str | None]:
    """The batch that this one is a child of."""
    return command(
        "HGET",
        keys("batch", bid),
        "parent",
        decode=lambda answer: None if answer is None else answer.decode(),
    )


def failures(keys: Keys, bid: str) -> Call[dict[str, bytes]]:
    """What is noted of members that are failing or dead: number -> JSON."""
    return command("HGETALL", keys("failures", bid), decode=_pairs)


def _pairs(answer: list[Any]) -> dict[str, bytes]:
    words = iter(answer)
    return {name.decode(): value for name, value in zip(words, words, strict=True)}


def is_cancelled(keys: Keys, bid: str) -> Call[bool]:
    """Whether the batch is cancelled."""
    return command("HEXISTS", keys("batch", bid), "cancelled_at", decode=bool)
