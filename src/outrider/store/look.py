"""Reading batches: nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script

SLOTS_PAGE = 1 << 16


class Picture(NamedTuple):
    """A batch at one moment. `expires_at` in ms, or None; `failures`: number -> JSON.

    `has_parent` says that the batch it was made in is still known.
    """

    fields: dict[str, bytes]
    failures: dict[int, bytes]
    states: dict[int, int]
    children: dict[str, int]
    expires_at: int | None
    has_parent: bool


def _picture(answer: list[Any]) -> Picture:
    failures = {int(number): text for number, text in _pairs(answer[1])}
    return Picture(
        _fields(answer[0]),
        failures,
        dict(zip(failures, answer[2], strict=True)),
        {_text(bid): int(bits) if bits.isdigit() else 0 for bid, bits in sorted(_pairs(answer[3]))},
        answer[4] if answer[4] >= 0 else None,
        bool(answer[5]),
    )


def _fields(words: Iterable[bytes]) -> dict[str, bytes]:
    return {_text(name): value for name, value in _pairs(words)}


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _pairs(words: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    each = iter(words)
    return zip(each, each, strict=True)


class Listed(NamedTuple):
    """A batch on a page, by its score in the list. `fields` are empty when it is gone."""

    bid: str
    score: str
    expires_at: int | None
    fields: dict[str, bytes]


class Catalogue(NamedTuple):
    """A page of the batches that are listed. `has_more` says that more come after it."""

    has_more: bool
    listed: list[Listed]


def _catalogue(answer: list[Any]) -> Catalogue:
    return Catalogue(
        bool(answer[0]),
        [
            Listed(
                _text(bid),
                score.decode(),
                expires_at if expires_at >= 0 else None,
                _fields(fields),
            )
            for bid, score, expires_at, fields in answer[1:]
        ],
    )


@script(decode=_picture)
def picture(keys: Keys, *, bid: str) -> Picture:
    """All that is known of a batch, as of one moment."""
    raise NotImplementedError


@script(decode=_catalogue)
def catalogue(
    keys: Keys,
    *,
    dead: int,
    newest: int,
    full: int,
    score: str,
    last: str,
    limit: int,
    bytes: int,
) -> Catalogue:
    """Up to `limit` batches that come after `last` of this score; "" begins it.

    Those that are not settled, or with `dead` 1 those with dead members; the longest untouched
    first, or with `newest` 1 the last touched. Without `full` 1 only their ids.
    """
    raise NotImplementedError


def live(keys: Keys) -> Call[int]:
    """How many batches are not settled."""
    return command("ZCARD", keys("batches"), decode=int)


def slots(keys: Keys, bid: str, page: int) -> Call[bytes]:
    """A page of the states of members, two in a byte, the first in its upper half."""
    first = page * SLOTS_PAGE
    return command("GETRANGE", keys("slots", bid), first, first + SLOTS_PAGE - 1, decode=bytes)
