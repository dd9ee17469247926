"""Before a callback runs: whether a fail-over could fire its event once more.

Servers replicate what they have acknowledged already. A replica that has not heard of the event and
becomes the primary fires it again, and the callback would run twice. So where durability is asked
for, the claim must be as durable first: it was written after the event.
"""

from __future__ import annotations

import logging

from outrider.errors import Snooze, StoreError
from outrider.hub import Flow, Hub
from outrider.store import process
from outrider.store.process import LIFE_MS
from outrider.store.queue import Other
from outrider.worker.calling import Prepared
from outrider.worker.outcome import decide

log = logging.getLogger("outrider.job")
AGAIN = 1.0


def fence(hub: Hub, owner: str, prepared: Prepared, now: int) -> Flow[Other | None]:
    """Wait until a callback's claim lasts; an outcome when it must not run now.

    `owner` is identity:child, `now` in ms.
    """
    identity, _, child = owner.rpartition(":")
    check = process.check(hub.keys, identity=identity, child=child, life=LIFE_MS, override=0)
    try:
        # It writes, so what it waits for includes all that was written before.
        checked = yield check.lasting(prepared.code.durable)
    except StoreError as error:
        log.warning("a callback waits for its claim to last: %s", error, extra=prepared.facts(now))
        again = Snooze(AGAIN)
        return decide(prepared.job, prepared.payload, prepared.token, again, None, now)
    # What was claimed from a server that is lost was never claimed.
    return None if prepared.token in checked.tokens else Other("release", prepared.token)
