"""Outboxes that the server does not take now: their jobs keep their claims, and it is tried again.

A full server, or one that is away, must not fail a job that has done its work, nor hold up others:
what they report makes room.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from outrider.errors import StoreError, StoreFull
from outrider.store.queue import Other

log = logging.getLogger("outrider.worker")
PERIOD = 1.0


class Sent(msgspec.Struct, gc=False):
    """The outcome of an outbox job that the server knows already."""

    token: int


class Unsent(msgspec.Struct, gc=False):
    """A job that has done its work, while its outbox could not be pushed. `again` tries that."""

    token: int
    error: StoreError
    again: Callable[[], Outcome]


Outcome = int | Other | Sent | Unsent
"""What came of a run: its token alone for success."""


class Parking:
    """The unsent of one child, tried once a second; `report` is given what comes of them."""

    def __init__(self, report: Callable[[Outcome], None]) -> None:
        self._report = report
        self._unsent: deque[Unsent] = deque()
        self._lock = threading.Lock()
        self._started = False
        self._told = False

    def __len__(self) -> int:
        return len(self._unsent)

    def tokens(self) -> list[int]:
        """Of the jobs that wait here."""
        with self._lock:
            return [unsent.token for unsent in self._unsent]

    def add(self, unsent: Unsent) -> None:
        """Have it tried until it has an outcome."""
        with self._lock:
            self._unsent.append(unsent)
            if isinstance(unsent.error, StoreFull) and not self._told:
                self._told = True
                log.error("%s; jobs whose outbox it does not take wait", unsent.error)
            if not self._started:
                self._started = True
                threading.Thread(target=self._keep, name="outrider-parking", daemon=True).start()

    def _keep(self) -> None:
        while True:
            time.sleep(PERIOD)
            while self._unsent and self._try():
                pass
            with self._lock:
                if self._unsent:
                    continue
                self._started = False
                if self._told:
                    self._told = False
                    log.info("the server takes outboxes again")
                return

    def _try(self) -> bool:
        """Try the first one; whether the server took it, or said why it never will."""
        outcome = self._unsent[0].again()
        if isinstance(outcome, Unsent):
            with self._lock:
                self._unsent[0] = outcome
                # What is too large for the room there is must not hold up the others.
                self._unsent.rotate(-1)
            return False
        self._report(outcome)
        with self._lock:
            self._unsent.popleft()
        return True


def released(outcome: Outcome) -> Outcome:
    """What a child reports when it has no more time: a job that is unsent goes back."""
    return Other("release", outcome.token) if isinstance(outcome, Unsent) else outcome
