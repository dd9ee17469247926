"""Forgetting a batch before its time, and all below it."""

from __future__ import annotations

from outrider import cancelling, clock
from outrider.hub import Flow
from outrider.keys import Keys
from outrider.store import batch as batches
from outrider.store import life as store


def forget(keys: Keys, bid: str, *, force: bool) -> Flow[bool]:
    """Forget a batch that is at rest; False when it is live, and nothing is done.

    With `force` a live one is cancelled, and goes by itself once it is at rest.
    """
    if force:
        yield from cancelling.cancel(keys, bid, running=False)
    below = yield from _below(keys, bid)
    now = clock.now_ms()
    done = yield store.forget(keys, bid=bid, force=int(force), now=now)
    if done == store.LIVE and not force:
        return False
    for one in below:
        yield store.forget(keys, bid=one, force=int(force), now=now)
    return True


def _below(keys: Keys, bid: str) -> Flow[list[str]]:
    found: list[str] = yield batches.children(keys, bid)
    for one in found:
        found += yield batches.children(keys, one)
    return found
