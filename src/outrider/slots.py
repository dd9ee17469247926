"""The states of a batch's members, read from its slots in pages: four bits each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice

from outrider.hub import Flow, Hub
from outrider.store.look import SLOTS_PAGE, slots

_PENDING = frozenset((1, 2, 6))


@cache
def _holding(states: frozenset[int]) -> re.Pattern[bytes]:
    """Matches a byte of which one half, or both, is one of these states."""
    found = (n for n in range(256) if n >> 4 in states or n & 15 in states)
    return re.compile(b"[%s]" % b"".join(re.escape(bytes([n])) for n in found), re.DOTALL)


def numbers_in(held: bytes, page: int, states: frozenset[int]) -> Iterator[int]:
    """Numbers of the members in one of these states, of what `slots` gave for this page."""
    for match in _holding(states).finditer(held):
        at = (page * SLOTS_PAGE + match.start()) * 2
        byte: int = match[0][0]
        yield from (at + i for i, state in enumerate((byte >> 4, byte & 15)) if state in states)


def pending(hub: Hub, bid: str, limit: int) -> Flow[list[int]]:
    """The first `limit` numbers of members that are waiting, failing or dead."""
    found: list[int] = []
    page = 0
    while len(found) < limit:
        held: bytes = yield slots(hub.keys, bid, page)
        found += islice(numbers_in(held, page, _PENDING), limit - len(found))
        if len(held) < SLOTS_PAGE:
            break
        page += 1
    return found


def recount(hub: Hub, bid: str, pages: int) -> Flow[dict[int, int] | None]:
    """How many members are in each state, 1 to 8; None when it would take more than `pages`."""
    counts: Counter[int] = Counter()
    for page in range(pages):
        held: bytes = yield slots(hub.keys, bid, page)
        for byte, times in Counter(held).items():
            counts[byte >> 4] += times
            counts[byte & 15] += times
        if len(held) < SLOTS_PAGE:
            return {state: counts[state] for state in range(1, 9)}
    return None
