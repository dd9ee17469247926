"""Handlers of what the server tells, inside a worker's child: hears it, and calls them."""

from __future__ import annotations

import logging
import threading
import time

from outrider.errors import StoreError
from outrider.events import BATCH, BEGAN, BY_SERVER
from outrider.watching import Events

log = logging.getLogger("outrider.events")
AGAIN = 60.0


def hear(events: Events) -> None:
    """Listen on a thread of its own to what handlers ask for, and where none does, not at all."""
    names = [name for name in (*BATCH, *BY_SERVER, BEGAN) if events.of[name]]
    if names:
        args = (events, names)
        threading.Thread(target=_hear, args=args, name="outrider-hearing", daemon=True).start()


def _hear(events: Events, names: list[str]) -> None:
    while True:
        try:
            for event in events.watch(*names):
                events.tell(event)
        except StoreError as error:
            log.error("handlers of %s hear nothing: %s", ", ".join(names), error)
            time.sleep(AGAIN)
