"""Handlers of batch events inside a worker's child: hears what the server says, and tells them."""

from __future__ import annotations

import logging
import threading
import time

from outrider.errors import StoreError
from outrider.events import BATCH, BEGAN
from outrider.watching import Events

log = logging.getLogger("outrider.events")
AGAIN = 60.0


def hear(events: Events) -> None:
    """Listen on a thread of its own where any handler asks for batches, and nowhere else."""
    names = [name for name in (*BATCH, BEGAN) if events.of[name]]
    if names:
        args = (events, names)
        threading.Thread(target=_hear, args=args, name="outrider-hearing", daemon=True).start()


def _hear(events: Events, names: list[str]) -> None:
    while True:
        try:
            for change in events.watch(*names):
                events.tell(change)
        except StoreError as error:
            log.error("handlers of batch events hear nothing: %s", error)
            time.sleep(AGAIN)
