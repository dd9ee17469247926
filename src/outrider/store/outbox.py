"""The operation that ends an outbox job: its success, and all that it has enqueued."""

from __future__ import annotations

from outrider.keys import Keys
from outrider.script import script
from outrider.store.batch import Committed, Part, committed
from outrider.store.queue import QueueGroup

LATE = -5


@script(laned=True, decode=committed)
def deliver(
    keys: Keys,
    *,
    owner: str,
    token: int,
    now: int,
    day: str,
    batches: list[Part],
    queues: list[QueueGroup],
    scheduled: list[str | float],
    staged: list[tuple[str, int]],
) -> Committed:
    """End the claim `token` of `owner` (identity:child) as a success, and commit its outbox.

    Both or neither; the rest is as for `commit`. LATE when the claim no longer stands.
    """
    raise NotImplementedError
