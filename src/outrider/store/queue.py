"""Operations on queues: putting jobs there, claiming them, reporting what became of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider.keys import Keys
from outrider.script import BYTES, Call, command, script

QueueGroup = tuple[str, list[str]]


class Claimed(NamedTuple):
    """Jobs that a child now holds; `payloads[i]` has the token `first + i`.

    An empty payload stands for a job of a repeated request that is no longer held. `fenced` says
    that the worker's lease has lapsed: it holds nothing any more. `met` says that there were jobs,
    though they may not run; `more`, that it did not look at all that may lie there.
    """

    fenced: bool
    first: int
    payloads: list[bytes]
    met: bool = False
    more: bool = False


class Other(NamedTuple):
    """An outcome other than success, as the acknowledgement carries it.

    `kind` is retry, dead, gone (dead, but not in the dead set), discard, cancel, snooze, release.
    `payload` is empty when the job goes on with the bytes it has. `at` is a time in ms.
    """

    kind: str
    token: int
    payload: str = ""
    at: int = 0
    failure: str = ""


class Acked(NamedTuple):
    """How many outcomes were dealt with, and the tokens that no longer counted."""

    dealt: int
    late: list[int]


def _claimed(answer: list[Any]) -> Claimed:
    if answer[0] == 0:
        return Claimed(True, 0, [])
    state, first, *payloads = answer
    return Claimed(False, first, payloads, state >= 2, state == 3)


@script(laned=True)
def push(
    keys: Keys,
    *,
    queues: list[QueueGroup],
    scheduled: list[str | float],
) -> int:
    """Put jobs on queues and into the schedule (flat list of score, payload)."""
    raise NotImplementedError


@script(decode=_claimed)
def claim(
    keys: Keys,
    *,
    identity: str,
    child: str,
    request: int,
    seen: int,
    now: int,
    day: str,
    queues: list[str],
    want: int,
) -> Claimed:
    """Take up to `want` jobs (500 at most) into the claims of a child.

    `seen` is the highest token that the child was ever given: all new ones are higher.
    """
    raise NotImplementedError


@script(decode=lambda answer: Acked(answer[0], answer[1:]))
def ack(
    keys: Keys,
    *,
    identity: str,
    child: str,
    request: int,
    now: int,
    day: str,
    done: list[int],
    others: list[Other],
    batches: int,
) -> Acked:
    """Report outcomes (500 at most), as far as they concern so many batches and callbacks."""
    raise NotImplementedError


@script()
def outstanding(keys: Keys, *, queues: list[str], horizon: int) -> int:
    """Count what a draining worker has to wait for; `horizon` in ms."""
    raise NotImplementedError


@script()
def waiting(keys: Keys, *, queue: str) -> int:
    """How many jobs wait on a queue, or with "" in the schedule.

    Those of large blocks that are on their way there are included.
    """
    raise NotImplementedError


@script()
def move(keys: Keys, *, limit: int, bytes: int) -> int:
    """Move a slice of a large committed block to its queue; how many lists are still to move."""
    raise NotImplementedError


def move_slice(keys: Keys) -> Call[int]:
    """Move as much as one script may."""
    return move(keys, limit=1000, bytes=BYTES)


def moving(keys: Keys) -> Call[list[str]]:
    """Names of what is on its way: `block:queue`, or `block` alone for what is delayed."""
    return command(
        "ZRANGE", keys("moving"), 0, -1, decode=lambda answer: [name.decode() for name in answer]
    )


def names(keys: Keys) -> Call[list[str]]:
    """Names of all queues ever pushed to, sorted."""
    return command(
        "SMEMBERS",
        keys("queues"),
        decode=lambda answer: sorted(name.decode("utf-8", "replace") for name in answer),
    )


def wait(keys: Keys, queue: str, seconds: float) -> Call[bool]:
    """Wait until the queue holds a job, and leave it where it is; False after `seconds`.

    The tail is moved to the tail: it wakes at any push, also of other programs, and moves nothing.
    """
    key = keys("queue", queue)
    return command(
        "BLMOVE", key, key, "RIGHT", "RIGHT", seconds, decode=lambda answer: answer is not None
    )


def paused(keys: Keys) -> Call[set[str]]:
    """Names of all paused queues."""
    return command(
        "SMEMBERS",
        keys("paused"),
        decode=lambda answer: {name.decode("utf-8", "replace") for name in answer},
    )


def stands(keys: Keys, owner: str, token: int) -> Call[bool]:
    """Whether the claim of this token still stands; `owner` is identity:child."""
    return command("HEXISTS", keys("claims", owner), token, decode=bool)
