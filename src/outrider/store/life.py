"""Operations on the life of a batch: holding it open, and cancelling it."""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script

LIVE = 0


def _texts(answer: list[bytes]) -> list[str]:
    return [text.decode() for text in answer]


class Upkeep(NamedTuple):
    """How many holds have lapsed, batches whose cancelling was left undone, those to interrupt.

    `heard` is how far this list of batches to interrupt goes, None when it is empty. `operations`
    are to be performed, by this worker; `disposed` is how many jobs have left the trash.
    """

    lapsed: int
    undone: list[str]
    interrupts: list[str]
    heard: int | None
    operations: list[str]
    disposed: int


class Marked(NamedTuple):
    """1, 0 for a settled batch, or UNKNOWN.

    `mark` is that of its cancelling under way, "" when there is none; `running` says that its
    running members are to be interrupted.
    """

    answer: int
    mark: str
    running: bool


def _upkeep(answer: list[Any]) -> Upkeep:
    bids, marks = answer[2][::2], answer[2][1::2]
    heard = int(float(marks[-1])) if marks else None
    return Upkeep(answer[0], _texts(answer[1]), _texts(bids), heard, _texts(answer[3]), answer[4])


def _marked(answer: list[Any]) -> Marked:
    return Marked(answer[0], answer[1].decode(), bool(answer[2]))


@script()
def release(keys: Keys, *, bid: str, hold: str, well: int, now: int) -> int:
    """End a hold; one that does not end well bars success until a later one does."""
    raise NotImplementedError


@script()
def renew(keys: Keys, *, bid: str, hold: str) -> bool:
    """Renew a hold's lease; whether it still stands."""
    raise NotImplementedError


@script(decode=_upkeep)
def upkeep(keys: Keys, *, limit: int, since: int, heard: int, now: int) -> Upkeep:
    """End holds whose lease is over, take over cancellings and an operation, learn whom to
    interrupt, and remove from the trash what is too old.

    `since` in ms, before which a cancelling counts as left. `heard` as the last answer had it.
    """
    raise NotImplementedError


@script(decode=_marked)
def cancel(keys: Keys, *, bid: str, running: int, now: int) -> Marked:
    """Mark a batch as cancelled; with `running` 1 its running members are to be interrupted."""
    raise NotImplementedError


@script()
def cancel_members(
    keys: Keys, *, bid: str, first: int, count: int, running: list[int], now: int
) -> int:
    """Cancel a slice of members that are not running; how many numbers are left."""
    raise NotImplementedError


@script(decode=tuple)
def purge(keys: Keys, *, name: str, cursor: int, count: int) -> tuple[int, int]:
    """Remove members of cancelled batches from a page of `schedule` or `retry`.

    The next cursor, and how many bytes it has read. `count` is about the size of the page.
    """
    raise NotImplementedError


@script()
def cancelled(keys: Keys, *, bid: str, mark: str) -> bool:
    """Note that the cancelling of a batch is done; False when its mark has changed meanwhile."""
    raise NotImplementedError


@script()
def forget(keys: Keys, *, bid: str, force: int, now: int) -> int:
    """Forget a batch at rest: 1, LIVE (with `force` it goes later), or -1 when it is unknown."""
    raise NotImplementedError


def kids(keys: Keys, bid: str, cursor: int) -> Call[tuple[int, list[str]]]:
    """A page of the children of a batch, and the next cursor; some may come twice."""
    return command(
        "HSCAN",
        keys("kids", bid),
        cursor,
        "COUNT",
        250,
        decode=lambda answer: (int(answer[0]), _texts(answer[1][::2])),
    )
