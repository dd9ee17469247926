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
        {name.decode(): value for name, value in _pairs(answer[0])},
        failures,
        dict(zip(failures, answer[2], strict=True)),
        {bid.decode(): int(bits) for bid, bits in sorted(_pairs(answer[3]))},
        answer[4] if answer[4] >= 0 else None,
        bool(answer[5]),
    )


def _pairs(words: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    each = iter(words)
    return zip(each, each, strict=True)


@script(decode=_picture)
def picture(keys: Keys, *, bid: str) -> Picture:
    """All that is known of a batch, as of one moment."""
    raise NotImplementedError


def slots(keys: Keys, bid: str, page: int) -> Call[bytes]:
    """A page of the states of members, two in a byte, the first in its upper half."""
    first = page * SLOTS_PAGE
    return command("GETRANGE", keys("slots", bid), first, first + SLOTS_PAGE - 1, decode=bytes)
