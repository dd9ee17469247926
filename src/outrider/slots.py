"""The states of a batch's members, read from its slots in pages: four bits each."""

from __future__ import annotations

import re
from collections import Counter

from outrider.hub import Flow, Hub
from outrider.store.look import SLOTS_PAGE, slots

_PENDING = (1, 2, 6)
_HOLDS_PENDING = re.compile(
    b"[%s]"
    % b"".join(
        re.escape(bytes([byte]))
        for byte in range(256)
        if byte >> 4 in _PENDING or byte & 15 in _PENDING
    ),
    re.DOTALL,
)


def pending(hub: Hub, bid: str, limit: int) -> Flow[list[int]]:
    """The first `limit` numbers of members that are waiting, failing or dead."""
    found: list[int] = []
    page = 0
    while len(found) < limit:
        held: bytes = yield slots(hub.keys, bid, page)
        for match in _HOLDS_PENDING.finditer(held):
            at = (page * SLOTS_PAGE + match.start()) * 2
            byte: int = match[0][0]
            found += [at + i for i, state in enumerate((byte >> 4, byte & 15)) if state in _PENDING]
            if len(found) >= limit:
                break
        if len(held) < SLOTS_PAGE:
            break
        page += 1
    return found[: max(0, limit)]


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
