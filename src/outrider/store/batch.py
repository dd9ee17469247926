"""Operations on batches."""

from __future__ import annotations

from typing import Any

from outrider.keys import Keys
from outrider.script import Call, command, script
from outrider.store.queue import QueueGroup

UNKNOWN = -1
SETTLED = -2


@script(laned=True)
def commit(
    keys: Keys,
    *,
    bid: str,
    create: list[str | int],
    ranges: list[tuple[int, int]],
    queues: list[QueueGroup],
    scheduled: list[str | float],
    first_queue: str,
    now: int,
) -> int:
    """Commit a block of jobs, and the batch itself when `create` holds its fields (flat list)."""
    raise NotImplementedError


@script()
def reserve(keys: Keys, *, bid: str, count: int) -> int:
    """Reserve numbers for jobs to be added; the first one, or UNKNOWN or SETTLED."""
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


def failures(keys: Keys, bid: str) -> Call[dict[str, bytes]]:
    """What is noted of members that are failing or dead: number -> JSON."""
    return command("HGETALL", keys("failures", bid), decode=_pairs)


def live(keys: Keys) -> Call[list[str]]:
    """Ids of batches that are not settled, the longest untouched first."""
    return command(
        "ZRANGE", keys("batches"), 0, -1, decode=lambda answer: [bid.decode() for bid in answer]
    )


def _pairs(answer: list[Any]) -> dict[str, bytes]:
    words = iter(answer)
    return {name.decode(): value for name, value in zip(words, words, strict=True)}


def is_cancelled(keys: Keys, bid: str) -> Call[bool]:
    """Whether the batch is cancelled."""
    return command("HEXISTS", keys("batch", bid), "cancelled_at", decode=bool)
