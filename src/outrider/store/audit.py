"""Operations of the audit: comparing what batches wait for with what lies anywhere."""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script

END, GAP = "0", "-1"
PAGE = 1000


class Review(NamedTuple):
    """A batch that is not at rest. `counts` is the same text as long as nothing of it changes."""

    bid: str
    audited_at: int
    numbers: int
    pending: int
    callbacks: int
    children: int
    counts: str


class Reviewed(NamedTuple):
    """One page of a scan, and where the next one begins (END: nowhere)."""

    cursor: str
    batches: list[Review]


class Survey(NamedTuple):
    """What lies on one page of a place: members by batch, and callbacks as payloads name them.

    `cursor` is where the next page begins, END, or GAP when the place must be read anew.
    """

    cursor: str
    members: dict[str, list[int]]
    callbacks: list[str]
    edge: list[str]
    size: int


def _reviewed(answer: list[Any]) -> Reviewed:
    cursor, *found = answer
    return Reviewed(cursor.decode(), [_review(*one) for one in found])


def _review(*row: Any) -> Review:
    bid, audited_at, numbers, pending, callbacks, children, counts = row
    return Review(bid.decode(), audited_at, numbers, pending, callbacks, children, counts.decode())


def _survey(answer: list[Any]) -> Survey:
    groups = iter(answer[1])
    # Others may write any bytes as the name of a batch: it is none of ours then.
    members = {
        bid.decode(errors="replace"): numbers for bid, numbers in zip(groups, groups, strict=True)
    }
    callbacks, edge = ([word.decode(errors="replace") for word in words] for words in answer[2:4])
    return Survey(answer[0].decode(), members, callbacks, edge, answer[4])


@script()
def turn(keys: Keys, *, identity: str, life: int) -> bool:
    """Take the turn to audit, or keep it, for `life` ms; False when another worker has it."""
    raise NotImplementedError


@script(decode=_reviewed)
def review(keys: Keys, *, cursor: str) -> Reviewed:
    """One page of the batches that are not at rest."""
    raise NotImplementedError


@script()
def orphans(keys: Keys, *, bid: str, cursor: int, now: int) -> int:
    """Count children whose record is gone as deleted, a page of them; the next cursor, 0 last."""
    raise NotImplementedError


@script()
def arm(keys: Keys, *, bid: str, audit: str) -> bool:
    """Begin an audit of a batch under this name; False when the batch is unknown."""
    raise NotImplementedError


@script(decode=_survey)
def survey(keys: Keys, *, key: str, cursor: str, limit: int, edge: list[str]) -> Survey:
    """One page of what lies under a key: a queue, a sorted set of jobs, or claims."""
    raise NotImplementedError


@script()
def condemn(
    keys: Keys,
    *,
    bid: str,
    audit: str,
    lost: list[int],
    buried: list[tuple[int, str]],
    callbacks: list[tuple[str, str]],
    last: int,
    now: int,
) -> bool:
    """Tell a batch what an audit has found, up to 500 things a time; False when it is void."""
    raise NotImplementedError


def audited(keys: Keys, bids: list[str], now: int) -> Call[None]:
    """Note that these batches were audited."""
    words = [word for bid in bids for word in (now, bid)]
    return command("ZADD", keys("audit"), "XX", *words, decode=lambda _: None)
