"""Waking: waits on the server until a queue holds a job, and rings.

`BLMOVE queue queue RIGHT RIGHT` wakes at a push by whomever and leaves the job where it is, so
nothing can be lost with the connection. All idle workers wake; those who come too late rest for a
while, longer each time, which bounds the crowd. Figures: docs/internals.md, Waking.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from outrider.chance import chance
from outrider.errors import StoreError, StoreUnavailable
from outrider.io import Executor
from outrider.keys import Keys
from outrider.store import queue as store

BLOCK = 5.0
MAX_REST = 0.1
POLL = 0.8
"""After so many seconds it is asked anew which queues are paused: a resumed one waits no longer."""


class Pauses:
    """Which queues are paused, for all the waiters of a process: one of them asks for all."""

    def __init__(self, executor: Executor, keys: Keys) -> None:
        self._executor = executor
        self._keys = keys
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._until = 0.0

    def include(self, queue: str) -> bool:
        """Whether a queue is paused, as of POLL seconds ago or less."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._names = self._executor.run(store.paused(self._keys))
                self._until = time.monotonic() + POLL
            return queue in self._names

    def wait(self) -> None:
        """Wait until it is time to ask again."""
        time.sleep(max(0.0, self._until - time.monotonic()))


class Bell:
    """One waiter for one queue, on a thread of its own. It rings at most once per `arm`."""

    def __init__(
        self,
        executor: Executor,
        keys: Keys,
        queue: str,
        pauses: Pauses,
        ring: Callable[[], None],
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._queue = queue
        self._pauses = pauses
        self._ring = ring
        self._armed = threading.Event()
        self._losses = 0
        self._rang = False
        threading.Thread(target=self._run, name=f"outrider-bell-{queue}", daemon=True).start()

    def arm(self) -> None:
        """Ring once when the queue holds a job."""
        self._armed.set()

    def heard(self, useful: bool) -> None:
        """Say whether the claim after the ring met a job, or others were faster."""
        if self._rang:
            self._rang = False
            self._losses = 0 if useful else self._losses + 1

    def _run(self) -> None:
        while True:
            self._armed.wait()
            try:
                self._wait()
            except StoreUnavailable:
                time.sleep(chance.uniform(0.1, 0.5))
            except StoreError:
                # Refused, for instance for lack of memory: then poll, since waiting can't be had.
                time.sleep(POLL)
                self._strike()

    def _wait(self) -> None:
        if self._losses:
            # A paused queue that holds jobs would answer at once, for ever.
            if self._pauses.include(self._queue):
                self._pauses.wait()
                return
            time.sleep(chance.random() * min(MAX_REST, 0.001 * 2 ** min(self._losses, 10)))
        if self._executor.run(store.wait(self._keys, self._queue, BLOCK), timeout=BLOCK * 2):
            self._strike()

    def _strike(self) -> None:
        self._rang = True
        self._armed.clear()
        self._ring()
