"""Suspects that a child holds: claimed, and kept apart until nothing runs beside them.

Each of them may kill its process, and then nobody else is to be blamed. A child that holds one asks
to be replaced and works on; told to retire, it runs them one by one, alone, and leaves.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from outrider.store.queue import Other
from outrider.worker.blame import is_suspect
from outrider.worker.runner import Item, Runner

# Seconds after which they run here, alone too, where no other child starts: its code can't be
# imported, say. If what runs beside does not end in as much again, somebody else may try.
PATIENCE = 30.0
# A retiring child waits for longer, since nobody lacks it: others would only claim more beside.
LONGEST = 3600.0


class Quarantine:
    """The suspects of one child. `replace` is called with a reason when there is one."""

    def __init__(self, replace: Callable[[str], None]) -> None:
        self._replace = replace
        self._held: deque[Item] = deque()
        self._alone = False

    @property
    def empty(self) -> bool:
        """Whether none waits here."""
        return not self._held

    @property
    def alone(self) -> bool:
        """Whether one of them runs now."""
        return self._alone

    def sort(self, found: Iterable[Item], now_ms: int) -> list[Item]:
        """Keep the suspects among these claimed jobs, and return the others."""
        others: list[Item] = []
        for item in found:
            (self._held if is_suspect(item.payload, now_ms) else others).append(item)
        if self._held:
            self._replace("a job that may kill its process is to run alone")
        return others

    def go_on(self, runner: Runner, *, retiring: bool) -> bool:
        """Start the next one if nothing else runs; whether no jobs must be taken meanwhile."""
        beside = runner.active or runner.ready or runner.outcomes
        self._alone = self._alone and bool(beside)
        if self._alone or not self._held:
            return self._alone
        waited = time.monotonic() - self._held[0].since
        if not retiring and waited < PATIENCE:
            return False
        if not beside:
            item = self._held.popleft()
            item.since = time.monotonic()
            self._alone = True
            runner.feed([item], 1)
        elif waited > (LONGEST if retiring else 2 * PATIENCE):
            self.give_back(runner)
            return False
        return True

    def give_back(self, runner: Runner) -> None:
        """Have those that wait given back to their queues."""
        runner.outcomes.extend(Other("release", item.token) for item in self._held)
        self._held.clear()
