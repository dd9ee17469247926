"""Operations on the life of a batch: holding it open, and cancelling it."""

from __future__ import annotations

from typing import NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script

LIVE = 0


class Upkeep(NamedTuple):
    """How many holds have lapsed, and a batch whose cancelling was left undone ('' for none)."""

    lapsed: int
    undone: str


@script()
def release(keys: Keys, *, bid: str, hold: str, well: int, now: int) -> int:
    """End a hold; one that does not end well bars success until a later one does."""
    raise NotImplementedError


@script()
def renew(keys: Keys, *, bid: str, hold: str) -> bool:
    """Renew a hold's lease; whether it still stands."""
    raise NotImplementedError


@script(decode=lambda answer: Upkeep(answer[0], answer[1].decode()))
def upkeep(keys: Keys, *, limit: int, since: int, now: int) -> Upkeep:
    """End holds whose lease is over; `since` in ms, before which a cancelling counts as left."""
    raise NotImplementedError


@script()
def cancel(keys: Keys, *, bid: str, now: int) -> int:
    """Mark a batch as cancelled: 1, 0 when it is settled, -1 when it is unknown."""
    raise NotImplementedError


@script()
def cancel_members(
    keys: Keys, *, bid: str, first: int, count: int, running: list[int], now: int
) -> int:
    """Cancel a slice of members that are not running; how many numbers are left."""
    raise NotImplementedError


@script()
def purge(keys: Keys, *, name: str, bid: str, cursor: int) -> int:
    """Remove a page of a batch's members from `schedule` or `retry`; the next cursor."""
    raise NotImplementedError


@script()
def cancelled(keys: Keys, *, bid: str, mark: str) -> bool:
    """Note that the cancelling of a batch is done; False when its mark has changed meanwhile."""
    raise NotImplementedError


@script()
def forget(keys: Keys, *, bid: str, force: int, now: int) -> int:
    """Forget a batch at rest: 1, LIVE (with `force` it goes later), or -1 when it is unknown."""
    raise NotImplementedError


def mark(keys: Keys, bid: str) -> Call[str]:
    """The mark of a batch whose cancelling is under way, '' when there is none."""
    return command("ZSCORE", keys("cancelling"), bid, decode=lambda text: (text or b"").decode())


def workers(keys: Keys) -> Call[list[str]]:
    """Identities of the workers that hold a lease."""
    return command("ZRANGE", keys("leases"), 0, -1, decode=_texts)


def children(keys: Keys, identity: str) -> Call[list[str]]:
    """Names of the children of a worker that may hold claims."""
    return command(
        "HKEYS",
        keys("owners", identity),
        decode=lambda answer: [name for name in _texts(answer) if ":" not in name],
    )


def claims(keys: Keys, owner: str, cursor: int) -> Call[tuple[int, list[bytes]]]:
    """A page of the payloads that `owner` (identity:child) holds, and the next cursor."""
    return command(
        "HSCAN",
        keys("claims", owner),
        cursor,
        "COUNT",
        250,
        decode=lambda answer: (int(answer[0]), answer[1][1::2]),
    )


def _texts(answer: list[bytes]) -> list[str]:
    return [text.decode() for text in answer]
